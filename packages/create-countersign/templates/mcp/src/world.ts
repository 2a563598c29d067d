import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { createTestWorld, type TestWorld } from 'countersign/testing'
import { createHandler } from './server.js'

const address = new URL('https://api.test/mcp')

/** The MCP server and its auth server in memory, without ports: clients of this world reach them, and no one else can. */
export async function openWorld(): Promise<TestWorld> {
  const world = await createTestWorld()
  const handler = createHandler({ id: address.origin, ...world.forResource })
  world.origins.set(address.origin, async (request) => handler(request))
  return world
}

/** Calls the tool as an agent. */
export async function readNotes(fetch: typeof globalThis.fetch): Promise<unknown> {
  const client = new Client({ name: 'my-client', version: '1.0.0' }, { versionNegotiation: { mode: 'auto' } })
  await client.connect(new StreamableHTTPClientTransport(address, { fetch }))
  try {
    const { content } = await client.callTool({ name: 'read_notes' })
    const [first] = content
    return first?.type === 'text' ? JSON.parse(first.text) : content
  } finally {
    await client.close()
  }
}
