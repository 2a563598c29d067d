import { readFileSync } from 'node:fs'
import { createSigner } from 'countersign'
import { AgentError, createAgent } from 'countersign/agent'
import { fileStore, loopbackConsent } from 'countersign/node'

const {
  AGENT_ID = 'https://me.example', // a URL of yours, where the agent's two documents are
  AUTH_SERVER = 'https://auth.example', // the only one that you would type a password at
  API = 'https://api.example/events',
} = process.env

const [url = API] = process.argv.slice(2) // node over-ssh.js https://api.example/events?day=monday

const agent = createAgent({
  id: AGENT_ID,
  signer: await createSigner(JSON.parse(readFileSync('agent-key.json', 'utf8'))),
  authServers: [AUTH_SERVER],
  about: { name: 'My scripts' }, // the page after a consent shows it
  // The browser is on another computer: it ends at a page that does not load, and its address is pasted here.
  consent: loopbackConsent({ paste: true }),
  store: fileStore('./state'),
  allowInsecureLoopback: AGENT_ID.startsWith('http:'), // plain http, to try it on this machine
})

try {
  const response = await agent.fetch(url)
  console.log(await response.text())
  process.exitCode = response.ok ? 0 : 1
} catch (error) {
  if (!(error instanceof AgentError)) throw error
  console.error(error.code === 'access_denied' ? 'You said no, so nothing was asked for.' : error.message)
  process.exitCode = 1
}
