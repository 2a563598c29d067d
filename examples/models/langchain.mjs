import { readFileSync } from 'node:fs'
import { createSigner } from 'countersign'
import { createAgent } from 'countersign/agent'
import { loopbackConsent } from 'countersign/node'
import { createHeldCalls } from 'countersign/tools'
import { createAgent as createModelAgent, tool } from 'langchain'
import { z } from 'zod'
import { model } from './scripted/langchain.mjs' // in your program, such as 'openai:gpt-5'

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

const schema = z.object({ title: z.string() })
const tools = [tool(addEvent, { name: 'addEvent', description: 'Adds an event to the calendar', schema })]
const loop = createModelAgent({ model, tools })
let messages = [{ role: 'user', content: 'Put tea with Alice on my calendar.' }]
do {
  const state = await loop.invoke({ messages })
  console.log(state.messages.at(-1).text)
  messages = [...state.messages, { role: 'user', content: 'The user has decided.' }]
} while (await calls.settled()) // if a call is held, waits for the user, and then lets the model go on
