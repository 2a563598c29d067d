import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { createSigner } from 'countersign'
import { AgentError, createAgent } from 'countersign/agent'
import { fileStore, loopbackConsent } from 'countersign/node'
import { WebSocket } from 'ws'

const {
  AGENT_ID = 'https://me.example', // your URL, which publishes the agent's two documents
  AUTH_SERVER = 'https://auth.example', // the only server where you would enter your password
  API = 'wss://api.example/prices',
} = process.env

const agent = createAgent({
  id: AGENT_ID,
  signer: await createSigner(JSON.parse(readFileSync('agent-key.json', 'utf8'))),
  authServers: [AUTH_SERVER],
  about: { name: 'My scripts' }, // shown on the page after your decision
  consent: loopbackConsent(), // prompts you in the terminal, and opens your browser
  store: fileStore('./state'), // tokens and pending consents survive a restart
  allowInsecureLoopback: AGENT_ID.startsWith('http:'), // plain http, to try it on this machine
})

/** Prints what the API sends. Resolves to false if the connection is lost, as when the token expires. */
async function follow() {
  const socket = new WebSocket(API, { headers: await agent.signedHeaders(API) }) // new headers for each connection
  socket.on('message', (data) => console.log(Buffer.isBuffer(data) ? data.toString() : data))
  const [code] = await once(socket, 'close')
  return code === 1000 // closed by the API
}

try {
  while (!(await follow())) await setTimeout(1000)
} catch (error) {
  if (error instanceof AgentError && error.code === 'consent_required')
    console.error('Run this in a terminal to give your consent.')
  else console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}
