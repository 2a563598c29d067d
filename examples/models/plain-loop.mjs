import { readFileSync } from 'node:fs'
import { createSigner } from 'countersign'
import { createAgent } from 'countersign/agent'
import { loopbackConsent } from 'countersign/node'
import { createHeldCalls } from 'countersign/tools'
import { askModel } from './scripted/plain.mjs' // in your program, a request to a model's API

const {
  AGENT_ID = 'https://me.example',
  AUTH_SERVER = 'https://auth.example',
  API = 'https://api.example/events',
} = process.env

const calls = createHeldCalls({
  // For the user's eyes only: what the model reads is what a tool returns.
  showLink: ({ url, code }) => console.error(`Please decide here (the page shows ${code}): ${url}`),
})
const agent = createAgent({
  id: AGENT_ID,
  signer: await createSigner(JSON.parse(readFileSync('agent-key.json', 'utf8'))),
  authServers: [AUTH_SERVER],
  consent: loopbackConsent({ onConsent: calls.onConsent }),
  allowInsecureLoopback: AGENT_ID.startsWith('http:'), // plain http, to try it on this machine
})
const call = calls.through(agent.fetch)

async function addEvent({ title }) {
  const headers = { 'content-type': 'application/json' }
  const result = await call(API, { method: 'POST', headers, body: JSON.stringify({ title }) })
  if ('error' in result) console.error(result.error)
  return result.state === 'answered' ? result.response.text() : result.message
}

const messages = [{ role: 'user', content: 'Put tea with Alice on my calendar.' }]
do {
  let message = await askModel(messages)
  while (message.toolArguments) {
    messages.push(message, { role: 'tool', content: await addEvent(message.toolArguments) })
    message = await askModel(messages)
  }
  console.log(message.content)
  messages.push(message, { role: 'user', content: 'The user has decided.' })
} while (await calls.settled()) // if a call is held, waits for the user, and then lets the model go on
