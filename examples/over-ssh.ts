import { readFileSync } from 'node:fs'
import { createSigner } from 'countersign'
import { AgentError, createAgent } from 'countersign/agent'
import { fileStore, loopbackConsent } from 'countersign/node'

const {
  AGENT_ID = 'https://me.example', // your URL, which publishes the agent's two documents
  AUTH_SERVER = 'https://auth.example', // the only server where you would enter your password
  API = 'https://api.example/events',
} = process.env

const [url = API] = process.argv.slice(2) // node over-ssh.js https://api.example/events?day=monday

const agent = createAgent({
  id: AGENT_ID,
  signer: await createSigner(JSON.parse(readFileSync('agent-key.json', 'utf8'))),
  authServers: [AUTH_SERVER],
  about: { name: 'My scripts' }, // shown on the page after your decision
  // The browser on your computer cannot load the last page: paste that page's address here.
  consent: loopbackConsent({ paste: true }),
  store: fileStore('./state'),
  allowInsecureLoopback: AGENT_ID.startsWith('http:'), // plain http, to try it on this machine
})

try {
  const response = await agent.fetch(url)
  console.log(await response.text())
  process.exitCode = response.ok ? 0 : 1
} catch (error) {
  if (error instanceof TypeError && error.cause instanceof Error)
    console.error(`${url} is not responding: ${error.cause.message}`)
  else if (error instanceof AgentError) console.error(error.code === 'access_denied' ? 'Access denied.' : error.message)
  else throw error
  process.exitCode = 1
}
