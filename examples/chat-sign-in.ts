import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createInterface } from 'node:readline'
import { createSigner } from 'countersign'
import { AgentError, createWebAgent } from 'countersign/agent'
import { createNodeListener, fileStore } from 'countersign/node'
import { finishSignIn, startSignIn, userOf } from './slack-sign-in.js'

const {
  AGENT_ID = 'https://bot.example',
  AUTH_SERVER = 'https://auth.example', // the only server that users may be sent to
  API = 'https://api.example/events',
  PORT = new URL(AGENT_ID).port || '8080', // behind your TLS proxy
} = process.env

const agent = createWebAgent({
  id: AGENT_ID,
  signer: await createSigner(JSON.parse(readFileSync('agent-key.json', 'utf8'))),
  authServers: [AUTH_SERVER],
  about: { name: 'Calendar bot' },
  store: fileStore('./state'),
  sessionOf: userOf, // the chat user who signed in to this browser, looked up by its cookie
  allowInsecureLoopback: AGENT_ID.startsWith('http:'), // plain http, to try it on this machine
})

/** The API's response for a chat user, or the page where that user decides. */
async function eventsOf(user: string): Promise<{ text: string } | { page: string }> {
  try {
    const response = await agent.for(user).fetch(API)
    return { text: await response.text() }
  } catch (error) {
    if (error instanceof AgentError && error.consent) return { page: error.consent.url }
    throw error
  }
}

async function handle(request: Request): Promise<Response> {
  const { pathname } = new URL(request.url)
  if (pathname === '/connect') return startSignIn()
  if (pathname === '/slack') return finishSignIn(request)
  if (pathname !== '/events') return agent.handler(request) // documents and callback
  const user = userOf(request)
  if (user === undefined) return new Response('Start from the link in the chat.\n', { status: 401 })
  const events = await eventsOf(user)
  if ('text' in events) return new Response('You are connected. Return to the chat.\n')
  const headers = { location: events.page, 'cache-control': 'no-store', 'referrer-policy': 'no-referrer' }
  return new Response(null, { status: 303, headers }) // only this browser is sent to the consent page
}
createServer(createNodeListener(handle, { origin: AGENT_ID })).listen(Number(PORT), '127.0.0.1')

// The chat: each line of the input is a message, after the workspace and the user who sent it, as the platform reports them.
for await (const line of createInterface({ input: process.stdin })) {
  const [workspace, user] = line.split(' ')
  const events = await eventsOf(`${workspace} ${user}`)
  console.log(`to ${user}: ${'text' in events ? events.text : `Connect your calendar: ${AGENT_ID}/connect`}`)
}
