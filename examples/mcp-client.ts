import { readFileSync } from 'node:fs'
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { createSigner } from 'countersign'
import { createAgent } from 'countersign/agent'
import { mcpTimeouts } from 'countersign/agent/mcp'
import { fileStore, loopbackConsent } from 'countersign/node'

const {
  AGENT_ID = 'https://me.example', // your URL, which publishes the agent's two documents
  AUTH_SERVER = 'https://auth.example', // the only server where you would enter your password
  MCP_SERVER = 'https://notes.example/mcp',
} = process.env

const agent = createAgent({
  id: AGENT_ID,
  signer: await createSigner(JSON.parse(readFileSync('agent-key.json', 'utf8'))),
  authServers: [AUTH_SERVER],
  consent: loopbackConsent(), // prompts you in the terminal, and opens your browser
  consentTimeout: 1800,
  store: fileStore('./state'), // tokens and pending consents survive a restart
  allowInsecureLoopback: AGENT_ID.startsWith('http:'), // plain http, to try it on this machine
})

const timeouts = mcpTimeouts({ patience: 1800 }) // users take longer to decide than clients wait by default
const client = new Client({ name: 'planner', version: '1.0.0' }, { versionNegotiation: { mode: 'auto' } })
try {
  await client.connect(new StreamableHTTPClientTransport(new URL(MCP_SERVER), { fetch: agent.fetch }), timeouts)
  const { content } = await client.callTool({ name: 'read_note', arguments: { id: '7' } }, timeouts)
  for (const part of content) if (part.type === 'text') console.log(part.text)
} catch (error) {
  if (error instanceof TypeError && error.cause instanceof Error)
    console.error(`${MCP_SERVER} is not responding: ${error.cause.message}`)
  else if (error instanceof Error) console.error(error.message)
  else throw error
  process.exitCode = 1
} finally {
  await client.close()
}
