import { describe, expect, it } from 'vitest'
import { gatewaySchema } from '../../src/config/gateway-schema.js'

const route = { method: 'GET', path: '/', require: 'none' }
const tool = { path: '/mcp', tools: { read: 'files.read' } }
const minimal = { id: 'a', authServer: 'b', keyFile: 'c' }

const isValid = (settings: object) => gatewaySchema.safeParse({ ...minimal, ...settings }).success

it('the defaults', () => {
  expect(
    gatewaySchema.parse({ ...minimal, upstream: { url: 'http://127.0.0.1:3000' }, admin: { port: 9090 } }),
  ).toEqual({
    ...minimal,
    edition: 'january',
    upstream: { url: 'http://127.0.0.1:3000', preserveHost: false },
    verifyOnly: false,
    proxy: 'nginx',
    listen: { host: '127.0.0.1', port: 8080 },
    admin: { host: '127.0.0.1', port: 9090 },
    routes: [],
    mcp: [],
    accept: ['aauth'],
    otherwise: 'refuse',
    frontController: false,
    trustProxy: [],
    instances: 1,
    nonce: 'optional',
    denyList: false,
    assertion: false,
    limits: {
      connections: 4096,
      maxBody: 16_777_216,
      uploads: 1_073_741_824,
      memory: 268_435_456,
      bodyTimeout: 120,
      stallTimeout: 15,
      connectTimeout: 5,
      responseTimeout: 60,
      silence: 120,
    },
    allowInsecureLoopback: false,
  })
})

describe('strings have at least one character and at most', () => {
  it.each<[string, number, (text: string) => object]>([
    ['id', 2048, (id) => ({ id })],
    ['authServer', 2048, (authServer) => ({ authServer })],
    ['keyFile', 4096, (keyFile) => ({ keyFile })],
    ['listen.host', 253, (host) => ({ listen: { host } })],
    ['admin.host', 253, (host) => ({ admin: { host, port: 1 } })],
    ['admin.hosts', 253, (host) => ({ admin: { hosts: [host], port: 1 } })],
    ['a scope', 256, (name) => ({ scopes: { [name]: 'x' } })],
    ['the description of a scope', 1024, (text) => ({ scopes: { read: text } })],
    ['the method of a route', 32, (method) => ({ routes: [{ ...route, method }] })],
    ['the path of a route', 1024, (path) => ({ routes: [{ ...route, path }] })],
    ['the scope of a route', 4096, (scope) => ({ routes: [{ ...route, scope }] })],
    ['the path of an MCP server', 1024, (path) => ({ mcp: [{ ...tool, path }] })],
    ['the scope of an MCP server', 4096, (connect) => ({ mcp: [{ ...tool, connect }] })],
  ])('%s: %i', (_name, most, settings) => {
    expect([0, 1, most, most + 1].map((length) => isValid(settings('x'.repeat(length))))).toEqual([
      false,
      true,
      true,
      false,
    ])
  })

  it('the scope of a tool, which may be empty: 4096', () => {
    const of = (length: number) => ({ mcp: [{ ...tool, tools: { read: 'x'.repeat(length) } }] })
    expect([0, 4096, 4097].map((length) => isValid(of(length)))).toEqual([true, true, false])
  })

  it('the number of admin.hosts: 100', () => {
    const of = (count: number) => ({ admin: { port: 1, hosts: Array.from({ length: count }, () => 'a.example') } })
    expect([100, 101].map((count) => isValid(of(count)))).toEqual([true, false])
  })
})

describe('numbers have a range', () => {
  it.each<[string, number, number, (value: number) => object]>([
    ['listen.port', 1, 65_535, (port) => ({ listen: { port } })],
    ['admin.port', 1, 65_535, (port) => ({ admin: { port } })],
    ['instances', 1, 1000, (instances) => ({ instances })],
    ['limits.connections', 1, 1_000_000, (connections) => ({ limits: { connections } })],
    ['limits.connectionsPerAddress', 1, 1_000_000, (connectionsPerAddress) => ({ limits: { connectionsPerAddress } })],
    ['limits.maxBody', 1, 1_099_511_627_776, (maxBody) => ({ limits: { maxBody } })],
    ['the maxBody of a route', 1, 1_099_511_627_776, (maxBody) => ({ routes: [{ ...route, maxBody }] })],
    ['cors.maxAge', 0, 86_400, (maxAge) => ({ cors: { origins: '*', maxAge } })],
  ])('%s: from %i to %i', (_name, least, most, settings) => {
    const values = [least - 1, least, most, most + 1]
    expect(values.map((value) => isValid(settings(value)))).toEqual([false, true, true, false])
  })
})

describe('some settings have a list of values', () => {
  it.each<[string, readonly string[], (value: unknown) => object]>([
    ['proxy', ['nginx', 'caddy'], (proxy) => ({ proxy })],
    ['otherwise', ['refuse', 'pass'], (otherwise) => ({ otherwise })],
    ['nonce', ['optional', 'required'], (nonce) => ({ nonce })],
    ['upstream.matches', ['raw'], (matches) => ({ upstream: { url: 'http://127.0.0.1:3000', matches } })],
    [
      'the requirement of a route',
      ['none', 'signature', 'identity', 'authorization'],
      (require) => ({ routes: [{ ...route, require }] }),
    ],
    ['the body of a route', ['unseen'], (body) => ({ routes: [{ ...route, body }] })],
    ['the case of a route', ['kept'], (kept) => ({ routes: [{ ...route, case: kept }] })],
    ['the endings of a route', ['kept'], (endings) => ({ routes: [{ ...route, endings }] })],
    ['the encoded octets of a route', ['%2F', '%23', '%25'], (octet) => ({ routes: [{ ...route, encoded: [octet] }] })],
  ])('%s: %j', (_name, values, settings) => {
    for (const value of values) expect(isValid(settings(value)), value).toBe(true)
    for (const value of ['', 'other', true, null]) expect(isValid(settings(value)), String(value)).toBe(false)
  })

  it.each(['mayShadow', 'fallback', 'mayNameMethod', 'pathParameters'])(
    'the %s of a route can only be true',
    (name) => {
      expect(isValid({ routes: [{ ...route, [name]: true }] })).toBe(true)
      expect(isValid({ routes: [{ ...route, [name]: false }] })).toBe(false)
    },
  )

  it('the encoded octets of a route are not an empty list', () => {
    expect(isValid({ routes: [{ ...route, encoded: [] }] })).toBe(false)
  })
})

it.each<[string, (accept: unknown) => object]>([
  ['accept', (accept) => ({ accept })],
  ['mcp[0].accept', (accept) => ({ mcp: [{ path: '/mcp', accept }] })],
])('%s is aauth, alone or with oauth', (_name, settings) => {
  for (const value of [['aauth'], ['aauth', 'oauth']]) expect(isValid(settings(value))).toBe(true)
  for (const value of [[], ['oauth'], ['aauth', 'basic'], 'aauth', true]) expect(isValid(settings(value))).toBe(false)
})

it('a scope has a description, alone or with oauth', () => {
  for (const scope of ['See it', { description: 'See it' }, { description: 'See it', oauth: true }])
    expect(isValid({ scopes: { read: scope } })).toBe(true)
  for (const scope of ['', {}, { oauth: true }, { description: 'See it', oauth: 'yes' }, { description: 'a', more: 1 }])
    expect(isValid({ scopes: { read: scope } })).toBe(false)
})

it.each(['redis://127.0.0.1:6379', 'rediss://user:secret@cache.example'])('redis accepts %s', (redis) => {
  expect(isValid({ redis })).toBe(true)
})

it.each(['http://127.0.0.1:6379', '127.0.0.1:6379', 'redis', ''])('redis rejects %s', (redis) => {
  expect(isValid({ redis })).toBe(false)
})

it.each([
  ['tools', 'read*', 'must be a complete name: * is only valid in resources, and each of the tools must be listed'],
  ['prompts', 'a*', 'must be a complete name: * is only valid in resources, and each of the prompts must be listed'],
  ['methods', '*', 'must be a complete name: * is only valid in resources, and each of the methods must be listed'],
  ['resources', 'notes', 'is not a URI in normalized form, such as notes://mine/* or file:///srv/*'],
])('names an invalid entry of the %s of an MCP server: %s', (kind, name, message) => {
  const result = gatewaySchema.safeParse({ ...minimal, mcp: [{ path: '/mcp', [kind]: { [name]: '' } }] })
  expect(result.error?.issues).toMatchObject([{ path: ['mcp', 0, kind, name], message }])
})

it('names the first MCP server with the same path', () => {
  const result = gatewaySchema.safeParse({ ...minimal, mcp: [tool, { path: '/other' }, tool] })
  expect(result.error?.issues).toMatchObject([
    { path: ['mcp', 2, 'path'], message: 'is also the path of mcp[0]: merge the two tables' },
  ])
})

it.each([
  ['trustProxy', { trustProxy: '127.0.0.1' }, []],
  ['trustProxy', { trustProxy: ['127.0.0.1', 'proxy.example'] }, [1]],
  ['trustProxy', { trustProxy: [1] }, [0]],
  ['allowNetworks', { allowNetworks: [{ cidr: '10.0.0.0/8' }, { cidr: '10.0.0.1/8' }] }, [1, 'cidr']],
])('%s: %j names the invalid entry', (setting, settings, path) => {
  const result = gatewaySchema.safeParse({ ...minimal, ...settings })
  expect(result.error?.issues).toMatchObject([{ path: [setting, ...path] }])
})
