import { readFileSync } from 'node:fs'
import { createSdkMcpServer, query, tool } from '@anthropic-ai/claude-agent-sdk'
import { createSigner } from 'countersign'
import { createAgent } from 'countersign/agent'
import { loopbackConsent } from 'countersign/node'
import { createHeldCalls } from 'countersign/tools'
import { z } from 'zod'

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

const addEventTool = tool('addEvent', 'Adds an event to the calendar', { title: z.string() }, async (event) => ({
  content: [{ type: 'text', text: await addEvent(event) }],
}))
const options = {
  mcpServers: { calendar: createSdkMcpServer({ name: 'calendar', tools: [addEventTool] }) },
  allowedTools: ['mcp__calendar__addEvent'],
  tools: [], // no shell, files or browser: they could read the link
  settingSources: [],
  pathToClaudeCodeExecutable: new URL('scripted/claude.mjs', import.meta.url).pathname, // not in your program
}
let prompt = 'Put tea with Alice on my calendar.'
do {
  for await (const message of query({ prompt, options })) {
    if (message.type !== 'result') continue
    console.log(message.result)
    options.resume = message.session_id
  }
  prompt = 'The user has decided.'
} while (await calls.settled()) // if a call is held, waits for the user, and then lets the model go on
