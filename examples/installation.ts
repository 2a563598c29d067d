import { createSigner, generatePrivateJwk } from 'countersign'
import { AgentError, createAgent } from 'countersign/agent'
import { createDelegate } from 'countersign/delegate'
import { fileStore, loopbackConsent, readPrivateFile, writePrivateFile } from 'countersign/node'

const {
  AGENT_ID = 'https://agent.example', // your agent server
  AUTH_SERVER = 'https://auth.example', // the only server where the user would enter a password
  API = 'https://api.example/events',
  INVITATION = '', // what the agent server recognizes this installation by, needed only once
} = process.env

/** This installation's own key, which never leaves it. */
async function ownKey() {
  const stored = await readPrivateFile('installation-key.json')
  if (stored !== undefined) return JSON.parse(stored)
  const jwk = await generatePrivateJwk()
  await writePrivateFile('installation-key.json', JSON.stringify(jwk))
  return jwk
}

const allowInsecureLoopback = AGENT_ID.startsWith('http:') // plain http, to try it on this machine
const delegate = createDelegate({
  id: AGENT_ID,
  signer: await createSigner(await ownKey()),
  credential: () => INVITATION,
  allowInsecureLoopback,
})

const agent = createAgent({
  ...delegate,
  authServers: [AUTH_SERVER],
  consent: loopbackConsent(), // prompts in the terminal, and opens the browser
  store: fileStore('./state'), // tokens and pending consents survive a restart
  allowInsecureLoopback,
})

try {
  const response = await agent.fetch(API)
  console.log(response.status, await response.text())
  process.exitCode = response.ok ? 0 : 1
} catch (error) {
  if (error instanceof TypeError && error.cause instanceof Error)
    console.error(`${API} is not responding: ${error.cause.message}`)
  else if (error instanceof AgentError) console.error(error.message)
  else throw error
  process.exitCode = 1
}
