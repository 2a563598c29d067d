import { protectMcp } from 'countersign/resource/mcp'
import { describe, expect, it } from 'vitest'
import { type McpAgent, modern, openMcpStage, post } from './mcp-stage.js'

const tools = { read: 'notes.read', write: 'notes.write', pay: 'notes.pay', remove: 'notes.delete', own: 'admin' }

async function open(more: Record<string, string> = {}) {
  const stage = openMcpStage(undefined, { scopes: undefined })
  const mcp = protectMcp(stage.resource, { tools: { ...tools, ...more }, connect: 'mcp.use' })
  const server = mcp.around(async () => Response.json({ jsonrpc: '2.0', id: 1, result: {} }))
  stage.serve((request) => (request.url === stage.url.href ? server(request) : stage.resource.handler(request)))
  const agent = await stage.newAgent('planner')
  return { agent, call: (name: string, headers = {}) => callOf(agent, stage.url, name, headers) }
}

async function callOf(agent: McpAgent, url: URL, name: string, headers: Record<string, string>): Promise<number> {
  const call = modern('tools/call', { name, arguments: {} })
  return (await post(agent, url, call.body, { prefer: 'consent=all', ...call.headers, ...headers })).status
}

describe('Prefer: consent=all', () => {
  it('asks for all scopes at once, except those that delete, spend or give full control', async () => {
    const { agent, call } = await open()
    for (const tool of ['read', 'write', 'remove']) expect(await call(tool)).toBe(200)
    expect(agent.person.asked).toEqual([
      'mcp.use notes.read notes.write',
      'mcp.use notes.read notes.write notes.delete',
    ])
  })

  it('asks only for a scope that deletes if that is needed first', async () => {
    const { agent, call } = await open()
    expect(await call('remove')).toBe(200)
    expect(agent.person.asked).toEqual(['mcp.use notes.delete'])
  })

  it.each([
    ['consent="all"', true],
    ['return=minimal, Consent = all; wait=10', true],
    ['consent=none', false],
    ['consent=allowed', false],
    ['noconsent=all', false],
    ['', false],
  ])('is read from the field value “%s”: %s', async (prefer, isMeant) => {
    const { agent, call } = await open()
    await call('read', { prefer })
    expect(agent.person.asked).toEqual([isMeant ? 'mcp.use notes.read notes.write' : 'mcp.use notes.read'])
  })

  it('is ignored for a client with an access token, which has its own initial scopes', async () => {
    const { agent, call } = await open()
    await call('read', { authorization: 'Bearer abc' })
    expect(agent.person.asked).toEqual(['mcp.use notes.read'])
  })

  it('is ignored if there are more scopes than an auth server accepts', async () => {
    const { agent, call } = await open(
      Object.fromEntries(Array.from({ length: 64 }, (_, at) => [`tool_${at}`, `notes.read.${at}`])),
    )
    await call('read')
    expect(agent.person.asked).toEqual(['mcp.use notes.read'])
  })
})
