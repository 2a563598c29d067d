import { createSigner, generatePrivateJwk } from 'countersign'
import type { Resource } from 'countersign/resource'
import { createMcpSessions, type McpOptions, protectMcp } from 'countersign/resource/mcp'
import { describe, expect, it } from 'vitest'
import { signAccessToken } from '../../access-token.js'
import { oauthDocuments } from '../../origins.js'
import { ids, message, modern, openMcpStage, post } from './mcp-stage.js'

const url = `${ids.api}/mcp`
const signer = await createSigner(await generatePrivateJwk({ kid: 'oauth-1' }))

const table = {
  tools: { read_note: 'notes.read', write_note: 'notes.write', delete_note: 'notes.delete', about: '' },
  resources: { 'notes://mine/*': 'notes.read', 'notes://trash/*': 'notes.delete' },
  prompts: { purge: 'notes.delete', help: '' },
}
const scopes = {
  'notes.read': 'See your notes',
  'notes.write': 'Change your notes',
  'notes.delete': 'Delete your notes',
  'mcp.use': 'Connect',
}

const documents = oauthDocuments(ids.authServer, [signer.jwk])

async function openServer(options: Partial<McpOptions> = {}) {
  const stage = openMcpStage(ids.api, { scopes }, documents)
  const protectedMcp = protectMcp(stage.resource, {
    ...table,
    accept: ['aauth', 'oauth'],
    path: '/mcp',
    name: 'Notes',
    connect: 'mcp.use',
    ...options,
  })
  const seen: { authorization: string | null; authInfo: unknown; method: unknown }[] = []
  const handler = protectedMcp.around(async (request, { authInfo, parsedBody }) => {
    const { method, id } = (parsedBody ?? {}) as { method?: string; id?: number }
    seen.push({ authorization: request.headers.get('authorization'), authInfo, method })
    const tools = Object.keys(table.tools).map((name) => ({ name, inputSchema: { type: 'object' } }))
    const prompts = Object.keys(table.prompts).map((name) => ({ name }))
    const resources = ['notes://mine/1', 'notes://trash/1'].map((uri) => ({ uri, name: uri }))
    const headers: Record<string, string> =
      method === 'initialize' ? { 'mcp-session-id': `session-${seen.length}` } : {}
    return Response.json({ jsonrpc: '2.0', id, result: { tools, prompts, resources } }, { headers })
  })
  stage.serve(handler)
  return { stage, handler, seen }
}

const tokenFor = (scope: string, claims: Record<string, unknown> = {}) =>
  signAccessToken({ iss: ids.authServer, aud: url, scope, ...claims }, { signer })

type Handler = Awaited<ReturnType<typeof openServer>>['handler']

function call(handler: Handler, token: string | undefined, body?: object, headers: Record<string, string> = {}) {
  const init = body
    ? { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }
    : { method: 'GET', headers: {} }
  const authorization: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` }
  return handler(
    new Request(url, {
      ...init,
      headers: { accept: 'application/json', ...init.headers, ...authorization, ...headers },
    }),
  )
}

const tool = (name: string) => message('tools/call', { name })

it('serves the metadata, with the scopes of the table that access tokens may have', async () => {
  const { handler, stage } = await openServer()
  const metadataUrl = `${ids.api}/.well-known/oauth-protected-resource/mcp`
  const served = await (await handler(new Request(metadataUrl))).json()
  expect(served).toMatchObject({
    resource: url,
    authorization_servers: [ids.authServer],
    scopes_supported: ['notes.read', 'notes.write', 'mcp.use'],
    resource_name: 'Notes',
  })
  expect(await (await stage.resource.handler(new Request(metadataUrl))).json()).toEqual(served)
})

it('challenges every method but OPTIONS before it says anything else', async () => {
  const { handler, seen } = await openServer({ initialScope: 'mcp.use' })
  for (const method of ['POST', 'GET', 'HEAD', 'DELETE', 'PUT']) {
    const response = await handler(new Request(url, { method }))
    expect([method, response.status, response.headers.get('www-authenticate')]).toEqual([
      method,
      401,
      `Bearer resource_metadata="${ids.api}/.well-known/oauth-protected-resource/mcp", scope="mcp.use"`,
    ])
  }
  expect((await handler(new Request(url, { method: 'OPTIONS' }))).status).toBe(405)
  expect((await call(handler, await tokenFor('mcp.use'), undefined)).status).toBe(200)
  const put = new Request(url, { method: 'PUT', headers: { authorization: `Bearer ${await tokenFor('mcp.use')}` } })
  expect((await handler(put)).status).toBe(405)
  expect(seen).toHaveLength(1)
})

it('refuses a token without the scope that every request needs before it reads the content', async () => {
  const { handler, seen } = await openServer()
  let isRead = false
  const pull = () => {
    isRead = true
  }
  const request = new Request(url, {
    method: 'POST',
    headers: { authorization: `Bearer ${await tokenFor('notes.read')}`, 'content-type': 'application/json' },
    body: new ReadableStream({ pull }, { highWaterMark: 0 }),
    duplex: 'half',
  } as RequestInit)
  const response = await handler(request)
  expect([response.status, response.headers.get('www-authenticate'), isRead]).toEqual([
    403,
    expect.stringContaining('error="insufficient_scope"'),
    false,
  ])
  expect(response.headers.get('www-authenticate')).toContain('scope="notes.read mcp.use notes.write"')
  expect(seen).toEqual([])
})

it('hides what needs a dangerous scope from clients with access tokens, but not from agents that sign', async () => {
  const { handler, stage } = await openServer()
  const token = await tokenFor('mcp.use notes.read')
  const listed = async (method: string, member: string) => {
    const { result } = (await (await call(handler, token, message(method))).json()) as {
      result: Record<string, { name: string }[]>
    }
    return result[member]?.map(({ name }) => name)
  }
  expect(await listed('tools/list', 'tools')).toEqual(['read_note', 'write_note', 'about'])
  expect(await listed('prompts/list', 'prompts')).toEqual(['help'])
  expect(await listed('resources/list', 'resources')).toEqual(['notes://mine/1'])
  for (const hidden of [
    tool('delete_note'),
    message('prompts/get', { name: 'purge' }),
    message('resources/read', { uri: 'notes://trash/1' }),
  ]) {
    const response = await call(handler, token, hidden)
    expect(response.status).toBe(200)
    expect(await response.json()).toMatchObject({ error: { code: -32602 } })
  }
  const agent = await stage.newAgent('planner')
  const signed = (await (await post(agent, stage.url, message('tools/list'))).json()) as {
    result: { tools: unknown[] }
  }
  expect(signed.result.tools).toHaveLength(4)
  expect((await post(agent, stage.url, tool('delete_note'))).status).toBe(200)
})

it('lets a reserved item decide for its URIs, even if a wider pattern matches', async () => {
  const patterns = { 'notes://*': 'notes.read', 'notes://private/*': 'notes.delete' }
  const { handler, seen } = await openServer({ resources: patterns })
  const token = await tokenFor('mcp.use notes.read')
  const uri = 'notes://private/1'
  const listen = modern('subscriptions/listen', { notifications: { resourceSubscriptions: [uri] } })
  for (const [body, headers] of [
    [message('resources/read', { uri }), {}],
    [message('resources/subscribe', { uri }), {}],
    [message('completion/complete', { ref: { type: 'ref/resource', uri }, argument: { name: 'a', value: '' } }), {}],
    [
      message('completion/complete', {
        ref: { type: 'ref/resource', uri: 'notes://private/{id}' },
        argument: { name: 'id', value: '' },
      }),
      {},
    ],
    [listen.body, listen.headers],
  ] as const)
    expect(await (await call(handler, token, body, headers)).json()).toMatchObject({ error: { code: -32602 } })
  expect(seen).toEqual([])
  const listed = await (await call(handler, token, message('resources/list'))).json()
  expect(JSON.stringify(listed)).not.toContain('private')
  expect((await call(handler, token, message('resources/read', { uri: 'notes://mine/1' }))).status).toBe(200)
  expect(seen).toHaveLength(2)
})

it('binds sessions to the endpoint if two share a store', async () => {
  const sessions = createMcpSessions()
  const one = await openServer({ sessions })
  const two = await openServer({ sessions, path: '/other' })
  const initialize = message('initialize', {
    protocolVersion: '2025-11-25',
    capabilities: {},
    clientInfo: { name: 't', version: '1' },
  })
  const opened = await call(one.handler, await tokenFor('mcp.use'), initialize)
  const session = { 'mcp-session-id': opened.headers.get('mcp-session-id') ?? '' }
  expect((await call(one.handler, await tokenFor('mcp.use'), tool('about'), session)).status).toBe(200)
  const token = await tokenFor('mcp.use', { aud: `${ids.api}/other` })
  expect((await call(two.handler, token, tool('about'), session)).status).toBe(404)
})

it('never passes an access token on (B19), and tells handlers who called and what proved it', async () => {
  const { handler, seen, stage } = await openServer()
  await call(handler, await tokenFor('mcp.use notes.read'), tool('read_note'))
  await post(await stage.newAgent('planner'), stage.url, tool('read_note'))
  expect(seen).toMatchObject([
    {
      authorization: null,
      authInfo: {
        token: 'grant-1.family-1.x',
        clientId: 'https://client.example/oauth/client.json',
        scopes: ['mcp.use', 'notes.read'],
        extra: { iss: ids.authServer, sub: 'alice', proof: 'bearer' },
      },
    },
    { authInfo: { clientId: 'https://planner.example', extra: { sub: 'planner', proof: 'signature' } } },
  ])
})

it('asks for what was allowed and what is missing with 403', async () => {
  const { handler } = await openServer()
  const response = await call(handler, await tokenFor('mcp.use notes.read'), tool('write_note'))
  expect(response.status).toBe(403)
  expect(response.headers.get('www-authenticate')).toMatch(
    /^Bearer error="insufficient_scope", .*scope="mcp\.use notes\.read notes\.write"/,
  )
})

describe('a session (B20)', () => {
  const initialize = message('initialize', {
    protocolVersion: '2025-11-25',
    capabilities: {},
    clientInfo: { name: 't', version: '1' },
  })

  it('belongs to issuer, client and user, whatever token they use', async () => {
    const { handler, stage } = await openServer()
    const opened = await call(handler, await tokenFor('mcp.use'), initialize)
    const session = { 'mcp-session-id': opened.headers.get('mcp-session-id') ?? '' }
    const read = tool('about')
    expect(
      (await call(handler, await tokenFor('mcp.use notes.read', { jti: 'grant.family.2' }), read, session)).status,
    ).toBe(200)
    for (const other of [{ sub: 'bob' }, { client_id: 'https://other.example/client.json' }])
      expect((await call(handler, await tokenFor('mcp.use', other), read, session)).status).toBe(404)
    const agent = await stage.newAgent('client', { sub: 'alice' })
    expect((await post(agent, stage.url, read, session)).status).toBe(404)
    expect((await call(handler, undefined, read, session)).status).toBe(401)
  })

  it('of an agent is never that of an OAuth client with its identifier', async () => {
    const { handler, stage } = await openServer()
    const agent = await stage.newAgent('planner', { sub: 'alice' })
    const opened = await post(agent, stage.url, initialize)
    const session = { 'mcp-session-id': opened.headers.get('mcp-session-id') ?? '' }
    expect((await post(agent, stage.url, tool('about'), session)).status).toBe(200)
    const token = await tokenFor('mcp.use', { client_id: agent.id })
    expect((await call(handler, token, tool('about'), session)).status).toBe(404)
  })
})

it('refuses a signed request that also has an access token', async () => {
  const { stage, seen } = await openServer()
  const agent = await stage.newAgent('planner')
  const headers = { authorization: `Bearer ${await tokenFor('mcp.use')}` }
  expect((await post(agent, stage.url, tool('about'), headers)).status).toBe(400)
  expect(seen).toEqual([])
})

it('accepts access tokens in version 2026-07-28, where discovery needs one, too', async () => {
  const { handler } = await openServer()
  const { body, headers } = modern('server/discover')
  expect((await call(handler, undefined, body, headers)).status).toBe(401)
  expect((await call(handler, await tokenFor('mcp.use'), body, headers)).status).toBe(200)
})

it('does not reveal the parameters of a tool that is only for agents that sign', async () => {
  const stage = openMcpStage(ids.api, { scopes }, documents)
  const options: McpOptions = { tools: table.tools, accept: ['aauth', 'oauth'], path: '/mcp' }
  const properties = { vault: { type: 'string', 'x-mcp-header': 'Vault' } }
  const tools = [{ name: 'delete_note', inputSchema: { type: 'object', properties } }]
  const handler = protectMcp(stage.resource, options).around(() =>
    Response.json({ jsonrpc: '2.0', id: 1, result: { tools } }),
  )
  stage.serve(handler)
  await post(await stage.newAgent('planner'), stage.url, message('tools/list'))
  const token = await tokenFor('notes.read')
  const outcomeOf = async (name: string) => {
    const { body, headers } = modern('tools/call', { name, arguments: { vault: 'x' } })
    const response = await call(handler, token, body, headers)
    return [response.status, (await response.text()).replace(name, 'NAME')]
  }
  expect(await outcomeOf('delete_note')).toEqual(await outcomeOf('unknown'))
})

describe('rejects invalid options:', () => {
  const open = (options: Partial<McpOptions>, resource?: Resource) => () =>
    protectMcp(resource ?? openMcpStage(ids.api, { scopes }).resource, { ...table, ...options })
  const whole = openMcpStage(ids.api, { scopes, accept: ['aauth', 'oauth'] }).resource
  it.each([
    ['oauth without a path', open({ accept: ['aauth', 'oauth'] }), 'needs the path'],
    ['a path without oauth', open({ path: '/mcp' }), 'path is only used with'],
    ['oauth alone', open({ accept: ['oauth'], path: '/mcp' }), 'accept must be'],
    ['a resource whose URL is the whole API', open({}, whole), 'not accept of createResource'],
    [
      'a dangerous initial scope',
      open({ accept: ['aauth', 'oauth'], path: '/mcp', initialScope: 'notes.delete' }),
      'initialScopes',
    ],
    [
      'an initial scope with which no client can connect',
      open({ accept: ['aauth', 'oauth'], path: '/mcp', connect: 'mcp.use', initialScope: 'notes.read' }),
      'would not ask for mcp.use',
    ],
    [
      'a scope to connect that no client can have',
      open({ accept: ['aauth', 'oauth'], path: '/mcp', connect: 'mcp.use notes.delete' }),
      'no access token may have the scope notes.delete',
    ],
  ])('%s', (_, create, text) => {
    expect(create).toThrow(text)
  })
})
