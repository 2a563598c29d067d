import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createInterface } from 'node:readline'
import { createSigner } from 'countersign'
import { AgentError } from 'countersign/agent'
import { type ChatUser, createChatAgent } from 'countersign/agent/chat'
import { createNodeListener, fileStore } from 'countersign/node'

const {
  AGENT_ID = 'https://bot.example',
  AUTH_SERVER = 'https://auth.example', // the only server that users may be sent to
  API = 'https://api.example/events',
  PORT = new URL(AGENT_ID).port || '8080', // behind your TLS proxy
} = process.env

const bot = createChatAgent({
  id: AGENT_ID,
  signer: await createSigner(JSON.parse(readFileSync('agent-key.json', 'utf8'))),
  authServers: [AUTH_SERVER],
  about: { name: 'Calendar bot' },
  store: fileStore('./state'),
  allowInsecureLoopback: AGENT_ID.startsWith('http:'), // plain http, to try it on this machine
})
createServer(createNodeListener(bot.handler, { origin: bot.id })).listen(Number(PORT), '127.0.0.1')
await bot.sweep() // revokes what was left unconfirmed when the program stopped

const replies = {
  connected: 'Connected. Ask again.',
  wrong: 'Wrong digits. Try again.',
  closed: 'Wrong digits. Ask again for a new link.',
}

async function reply(user: ChatUser, text: string): Promise<string> {
  const confirmation = await bot.confirm(user.id, text)
  if (confirmation !== 'none') return replies[confirmation]
  const agent = await bot.for(user.id)
  try {
    if (agent) return await (await agent.fetch(API)).text()
  } catch (error) {
    if (!(error instanceof AgentError && error.code === 'consent_required')) throw error
  }
  const { url } = await bot.connect(user, API)
  return `Open this link, and then type the digits that it shows here: ${url}`
}

// The chat: each line of the input is a message, after the workspace and the user who sent it, as the platform reports them.
for await (const line of createInterface({ input: process.stdin })) {
  const [workspace, user, ...words] = line.split(' ')
  const sender = { id: `${workspace} ${user}`, name: `@${user}`, place: `workspace ${workspace}` }
  console.log(`to ${user}: ${await reply(sender, words.join(' '))}`)
}
