import cluster from 'node:cluster'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createSigner, generatePrivateJwk } from 'countersign'
import { january } from 'countersign/editions'
import { signRequest } from 'countersign/signatures'
import { createConfiguredGateway, loadGatewayConfig } from 'countersign-gateway'
import { decodeJwt } from 'jose'
import { describe, expect, it, onTestFinished } from 'vitest'
import { listenWith } from '../../countersign/test/resource/events-resource.js'
import { runInProcess, startProgram } from './run-program.js'

const readDocs = (page: string) => readFileSync(new URL(`../../../docs/${page}`, import.meta.url), 'utf8')
const [, manual = ''] = /```json\n([\s\S]*?)```/.exec(readDocs('apis/gateway.md')) ?? []
const reference = readDocs('reference/gateway-configuration.md')

/** The configuration from the manual, with changes. */
async function configuration(change: object = {}): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-gateway-test-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  writeFileSync(join(folder, 'api-key.json'), JSON.stringify(await generatePrivateJwk()))
  const file = join(folder, 'gateway.json')
  writeFileSync(file, JSON.stringify({ ...(JSON.parse(manual) as object), ...change }))
  return file
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

describe('countersign gateway check', () => {
  const check = async (file: string, ...request: string[]) =>
    JSON.parse((await runInProcess('gateway', 'check', ...request, '--config', file, '--json')).stdout) as unknown

  it('reports the route, level and scope that match a request', async () => {
    const file = await configuration()
    expect(await check(file, 'GET', '/events/7')).toEqual({
      routes: ['GET /events/*'],
      require: 'authorization',
      scope: 'events.read',
      unsigned: 'refused',
    })
    expect(await check(file, 'DELETE', '/events/7')).toMatchObject({ scope: 'events.write' })
    expect(await check(file, 'GET', '/Status/')).toMatchObject({ status: 404 })
    expect(await check(file, 'GET', '/status')).toMatchObject({ routes: ['GET /status'], require: 'none' })
    expect(await check(file, 'POST', '/status')).toMatchObject({ status: 405 })
    expect(await check(file, 'GET', '/nowhere')).toMatchObject({ status: 404, unsigned: 'refused' })
    expect(await check(await configuration({ otherwise: 'pass' }), 'GET', '/x')).toMatchObject({ unsigned: 'passed' })
    const mcp = [{ path: '/mcp', tools: { look: 'events.read' } }]
    const open = { method: '*', path: '/*', require: 'none', fallback: true }
    const withMcp = await configuration({ mcp, otherwise: 'pass', routes: [open] })
    expect(await check(withMcp, 'POST', '/mcp')).toEqual({ mcp: '/mcp', unsigned: 'refused' })
    expect(await check(withMcp, 'POST', '/mcp/x')).toMatchObject({ status: 404, unsigned: 'refused' })
    const alone = await configuration({ mcp, routes: undefined })
    expect(await check(alone, 'POST', '/mcp')).toEqual({ mcp: '/mcp', unsigned: 'refused' })
    expect(await check(alone, 'GET', '/events')).toMatchObject({ status: 404 })
    const text = await runInProcess('gateway', 'check', 'GET', '/events//7', '--config', file)
    expect(text).toMatchObject({
      status: 1,
      stdout: expect.stringMatching(/^Refused with 400: .*empty segment/) as string,
    })
  })
})

describe('countersign gateway check without a request', () => {
  const check = async (file: string, ...flags: string[]) => runInProcess('gateway', 'check', '--config', file, ...flags)

  it('summarizes a configuration in one line, without opening a port or a connection', async () => {
    const closed = 'redis://127.0.0.1:9'
    const file = await configuration({ redis: closed, upstream: 'http://127.0.0.1:9' })
    expect(await check(file)).toEqual({
      status: 0,
      stdout: `${file} is valid: https://api.example, upstream http://127.0.0.1:9, 3 routes, 2 permissions.\n`,
      stderr: '',
    })
    const port = await listenWith(createServer())
    const mcp = [{ path: '/mcp', tools: { look: 'events.read' } }]
    const other = await configuration({ listen: { port }, mcp })
    const { stdout } = await check(other, '--json')
    expect(JSON.parse(stdout)).toEqual({
      file: other,
      id: 'https://api.example',
      routes: 3,
      permissions: 2,
      mcpServers: 1,
      oauth: [],
      signedOnly: [],
      warnings: [],
    })
    expect((await check(other, '--upstream', 'http://127.0.0.1:3001')).stdout).toContain(', 1 MCP server.')
    const subrequests = await check(file, '--verify-only')
    expect(subrequests.stdout).toContain(' subrequests from nginx, ')
    expect(subrequests.stderr).toMatch(/^Warning: verifyOnly: /)
  })

  it('lists the URLs to which OAuth clients connect', async () => {
    const accept = ['aauth', 'oauth']
    const mcp = [
      { path: '/mcp', accept, tools: { look: 'events.read' } },
      { path: '/signed', tools: { look: 'events.read' } },
    ]
    const file = await configuration({ mcp, accept })
    const urls = ['https://api.example', 'https://api.example/mcp']
    expect((await check(file)).stdout).toContain(`\nOAuth clients connect to ${urls.join(', ')}.\n`)
    expect(JSON.parse((await check(file, '--json')).stdout)).toMatchObject({ oauth: urls, mcpServers: 2 })
    expect((await check(file)).stdout).not.toContain('only signed requests')
    const { status, stderr } = await check(file, '--verify-only')
    expect(status).toBe(2)
    expect(stderr).toContain('accept: cannot include oauth with verifyOnly')
  })

  it('lists the routes that OAuth clients cannot call, and reports what proves one request', async () => {
    const accept = ['aauth', 'oauth']
    const routes = [
      { method: 'GET', path: '/events', require: 'authorization', scope: 'events.read' },
      { method: 'POST', path: '/events', require: 'authorization', scope: 'events.read', accept: ['aauth'] },
      { method: '*', path: '/known', require: 'identity' },
      { method: '*', path: '/any', require: 'signature', accept },
      { method: '*', path: '/open', require: 'none' },
    ]
    const file = await configuration({ accept, routes })
    const signedOnly = ['POST /events', '* /known']
    expect((await check(file)).stdout).toContain(
      `\nThese routes accept only signed requests, and no OAuth clients: ${signedOnly.join(', ')}.\n`,
    )
    expect(JSON.parse((await check(file, '--json')).stdout)).toMatchObject({ signedOnly })
    const proofOf = async (method: string, path: string) => {
      const { stdout } = await runInProcess('gateway', 'check', method, path, '--config', file)
      return /^Proof .*$/m.exec(stdout)?.[0]
    }
    expect(await proofOf('GET', '/events')).toBe('Proof    a signature, or an OAuth access token')
    expect(await proofOf('GET', '/any')).toBe('Proof    a signature, or an OAuth access token')
    expect(await proofOf('POST', '/events')).toBe('Proof    only a signature')
    expect(await proofOf('GET', '/known')).toBe('Proof    only a signature')
    expect(await proofOf('GET', '/open')).toBe(undefined)
    const wrong = await check(await configuration({ routes }))
    expect(wrong.stderr).toContain('routes[3].accept: includes oauth, but accept of the gateway does not')
  })

  it('reports every mistake at once, as gateway start does: settings, collisions, MCP paths, and the key', async () => {
    const file = await configuration({
      keyFile: 'gone.json',
      limitz: {},
      routes: [
        { method: 'GET', path: '/a', require: 'identity' },
        { method: 'GET', path: '/a', require: 'none' },
        { method: 'GET', path: '/mcp/health', require: 'none' },
      ],
      mcp: [{ path: '/mcp', tools: { look: 'events.see' } }, { path: '/tools/{name}' }],
    })
    const { status, stdout, stderr } = await check(file)
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
    for (const problem of [
      /limitz: is not a setting; did you mean limits\?/,
      /routes\[1\]: contradicts routes\[0\], which is also GET \/a/,
      /routes\[2\]\.path: is \/mcp\/health, which belongs to the MCP server at \/mcp, so the server's table applies/,
      /mcp\[0\]\.tools\.look: contains events\.see, which is not described in scopes/,
      /mcp\[1\]\.path: must be a literal path/,
      /keyFile: .*gone\.json: the file does not exist/,
    ])
      expect(stderr).toMatch(problem)
    expect(await runInProcess('gateway', 'start', '--config', file)).toEqual({ status, stdout, stderr })
  })

  it('reports a mistake that is found only when the gateway is created', async () => {
    const file = await configuration({ mcp: [{ path: '/resource' }] })
    const { status, stderr } = await check(file)
    expect(status).toBe(2)
    expect(stderr).toContain(
      `${file} is invalid:\n  mcp[0].path includes /resource/token, at which the gateway publishes`,
    )
  })

  it('reports what a command line lacks', async () => {
    const bare = await runInProcess('gateway', 'check', 'gateway.json')
    expect(bare).toMatchObject({ status: 2, stderr: 'gateway check requires --config gateway.json.\n' })
    const half = await check(await configuration(), 'GET')
    expect(half).toMatchObject({ status: 2, stderr: expect.stringContaining('also needs a path') as string })
    expect(await check('/nowhere/gateway.json')).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('/nowhere/gateway.json') as string,
    })
  })
})

describe('countersign gateway check with a configuration for subrequests', () => {
  const routes = [
    { method: 'GET', path: '/notes', require: 'identity' },
    { method: 'POST', path: '/notes', require: 'identity' },
    { method: 'POST', path: '/open', require: 'none' },
    { method: 'POST', path: '/seen', require: 'identity', body: 'unseen' },
  ]

  it('needs no upstream and no key with --verify-only, and reports where a body would be refused', async () => {
    const file = await configuration({ upstream: undefined, keyFile: 'gone.json', routes })
    const check = async (...given: string[]) =>
      JSON.parse((await runInProcess('gateway', 'check', ...given, '--config', file, '--json')).stdout) as unknown
    expect(await check('GET', '/notes', '--verify-only')).toMatchObject({ require: 'identity' })
    expect(await check('POST', '/seen', '--verify-only')).toMatchObject({ require: 'identity' })
    const refused = { status: 401, refused: expect.stringMatching(/does not pass on the body.*body: unseen/) as string }
    expect(await check('POST', '/notes', '--verify-only')).toMatchObject({ ...refused, unsigned: 'refused' })
    expect(await check('POST', '/open', '--verify-only')).toMatchObject({ status: 400, unsigned: 'refused' })
    const without = await runInProcess('gateway', 'check', 'GET', '/notes', '--config', file)
    expect(without.stderr).toMatch(/upstream: is missing; .*--verify-only/)
    const inPath = await configuration({ keyFile: 'gone.json', routes })
    expect(await runInProcess('gateway', 'check', 'POST', '/notes', '--config', inPath)).toMatchObject({ status: 0 })
    expect(await check('get', '/notes', '--verify-only')).toEqual(await check('GET', '/notes', '--verify-only'))
    expect(await runInProcess('gateway', 'check', 'GET', 'v1/pets', '--config', inPath)).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('A path must start with a slash: /v1/pets.') as string,
    })
  })

  it('warns in one sentence about routes that only GET and HEAD requests can use', async () => {
    const change = { verifyOnly: true, routes: [...routes, { method: '*', path: '/x', require: 'identity' }] }
    const { warnings } = await loadGatewayConfig(await configuration(change), {})
    expect(warnings).toEqual([
      expect.stringMatching(/other than GET and HEAD: POST \/notes, POST \/open, \* \/x\. .*"body": "unseen"/),
    ])
    expect((await loadGatewayConfig(await configuration({ ...change, verifyOnly: false }), {})).warnings).toEqual([])
  })
})

it('the minimal configuration that countersign gateway start prints works', async () => {
  const { stderr } = await runInProcess('gateway', 'start')
  const [smallest = ''] = /\{ "id"[\s\S]*\] \}/.exec(stderr) ?? []
  const { scopes, routes } = JSON.parse(smallest) as { scopes: object; routes: { scope: string }[] }
  expect(Object.keys(scopes)).toEqual(routes.map(({ scope }) => scope))
})

describe('countersign gateway init', () => {
  const yaml = `openapi: 3.1.0
servers: [{ url: https://api.example/v1/ }]
security: [{ oauth: [] }]
paths:
  /orders/{id}:
    get: { security: [{ oauth: [orders.see] }] }
    head: {}
    post: {}
    delete: { $ref: '#/components/x-operations/removal' }
  /status: { get: { security: [] } }
  /odd//path: { get: {} }
  /elsewhere: { $ref: 'other.yaml#/x' }
components:
  x-operations: { removal: { security: [{ oauth: [orders.see, orders.end] }] } }
  securitySchemes:
    oauth: { type: oauth2, flows: { authorizationCode: { scopes: { orders.see: Look at your orders } } } }
`

  it('writes a valid gateway configuration with routes and permission texts, and reports what was left out', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'countersign-gateway-test-'))
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
    writeFileSync(join(folder, 'openapi.yaml'), yaml)
    writeFileSync(join(folder, 'api-key.json'), JSON.stringify(await generatePrivateJwk()))
    const out = join(folder, 'gateway.json')
    const flags = ['--id', 'https://api.example', '--auth-server', 'https://auth.example', '--output', out]
    const done = await runInProcess('gateway', 'init', join(folder, 'openapi.yaml'), ...flags)
    expect(done.status).toBe(0)
    expect(done.stderr).toMatch(
      /GET \/v1\/odd\/\/path is skipped[\s\S]*elsewhere has no description in this document, so it is skipped: combine/,
    )
    expect(done.stderr).toMatch(/GET \/v1\/status requires nothing/)
    expect(done.stderr).toContain(
      `Next, generate the key: countersign agent keys generate --output ${join(folder, 'api-key.json')}.`,
    )
    const { settings } = await loadGatewayConfig(out, {})
    const path = '/v1/orders/{id}'
    expect(settings.routes).toEqual([
      { method: 'GET', path, require: 'authorization', scope: 'orders.see' },
      { method: 'POST', path, require: 'authorization', scope: 'orders.write' },
      { method: 'DELETE', path, require: 'authorization', scope: 'orders.see orders.end' },
      { method: 'HEAD', path, require: 'authorization', scope: 'orders.read' },
      { method: 'GET', path: '/v1/status', require: 'none' },
    ])
    expect(settings.scopes).toMatchObject({
      'orders.see': 'Look at your orders',
      'orders.write': 'Create, change and delete your orders',
    })
    expect(await runInProcess('gateway', 'init', join(folder, 'openapi.yaml'), ...flags)).toMatchObject({ status: 1 })
    writeFileSync(join(folder, 'old.json'), JSON.stringify({ swagger: '2.0', paths: {} }))
    const old = await runInProcess('gateway', 'init', join(folder, 'old.json'), ...flags)
    const gone = await runInProcess('gateway', 'init', join(folder, 'gone.yaml'), ...flags)
    expect(gone.stderr).toMatch(/gone\.yaml cannot be used: there is no such file\.\n/)
    expect(old.stderr).toMatch(/not an OpenAPI document of version 3\.0 or 3\.1/)
  })

  it('writes a configuration for development that the gateway accepts, and reports what OpenAPI does not say', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'countersign-gateway-test-'))
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
    const file = join(folder, 'openapi.json')
    const paths = { '/health': { get: {} }, '/v1/healthz': { get: { security: [] } }, '/wealth': { get: {} } }
    writeFileSync(file, JSON.stringify({ openapi: '3.1.0', paths }))
    writeFileSync(join(folder, 'api-key.json'), JSON.stringify(await generatePrivateJwk()))
    const out = join(folder, 'gateway.json')
    const init = async (id: string, ...more: string[]) =>
      runInProcess('gateway', 'init', file, '--id', id, '--auth-server', 'http://127.0.0.1:8003', ...more)
    const { stderr } = await init('http://127.0.0.1:8085', '--output', out)
    expect(stderr).toMatch(/allowInsecureLoopback is set .*remove this setting in production/)
    expect(stderr).toMatch(/does not describe WebSockets: /)
    expect(stderr.match(/seems to be a health check/g)).toHaveLength(1)
    expect(stderr).toContain('GET /health seems to be a health check')
    const { settings } = await loadGatewayConfig(out, {})
    expect(settings).toMatchObject({ allowInsecureLoopback: true, listen: { port: 8085 } })
    for (const id of ['https://api.example/', 'https://api.example/v1', 'http://api.example'])
      expect(await init(id)).toMatchObject({ status: 2, stderr: expect.stringContaining('--id ') as string })
    const flags = ['--id', 'https://api.example', '--auth-server', 'https://auth.example']
    const production = await runInProcess('gateway', 'init', file, ...flags)
    expect(JSON.parse(production.stdout)).not.toHaveProperty('allowInsecureLoopback')
  })
})

describe('the configuration of a gateway', () => {
  const identity = (change: object) => ({ method: 'GET', path: '/a', require: 'identity', ...change })
  const route = (change: object) => ({ routes: [identity(change)] })

  it('is rejected with all of its errors at once, and suggestions', async () => {
    const routes = [
      { method: 'get', path: 'x', require: 'authorized', scop: 'x' },
      { method: 'DELETE', path: '/a//b', require: 'authorization', body: 'unseen' },
      { method: 'GET', require: 'identity', encoded: ['%2G'] },
    ]
    const file = await configuration({ id: 1, upsteam: 'x', routes, limits: { maxbody: 1 } })
    const { status, stderr } = await runInProcess('gateway', 'start', '--config', file)
    expect(status).toBe(2)
    for (const problem of [
      /id: must be a string/,
      /upsteam: is not a setting; did you mean upstream\?/,
      /routes\[0\]\.method: must be a method in upper case/,
      /routes\[0\]\.path: must be a path that starts with \//,
      /routes\[0\]\.require: must be one of "none"/,
      /routes\[0\]\.scop: is not a setting; did you mean routes\[0\]\.scope\?/,
      /routes\[1\]\.path: has an empty segment/,
      /routes\[1\]\.scope: must be one or more scopes/,
      /routes\[1\]\.body: cannot be unseen/,
      /routes\[2\]\.path: is missing/,
      /routes\[2\]\.encoded\[0\]: must be one of/,
      /limits\.maxbody: is not a setting; did you mean limits\.maxBody\?/,
    ])
      expect(stderr).toMatch(problem)
    const settings = stderr.match(/^ *\S+(?=: )/gm) ?? []
    expect(new Set(settings).size, 'each is reported once').toBe(settings.length)
  })

  it('is rejected with errors that involve several settings, even if members are invalid, and with errors of the key', async () => {
    const routes = [
      { method: 'GET', path: '/a', requrie: 'identity' },
      { method: 'GET', path: '/b', require: 'authorised', scope: 'events.reed' },
      identity({ path: '/c' }),
      identity({ path: '/c', require: 'none' }),
    ]
    const change = { id: 'http://127.0.0.1:8080', keyFile: 'gone.json', trustProxy: '127.0.0.1', limitz: {}, routes }
    const { stderr } = await runInProcess('gateway', 'start', '--config', await configuration(change))
    for (const problem of [
      /id: must be https:\/\/ and a lower-case domain name.*allowInsecureLoopback/,
      /limitz: is not a setting; did you mean limits\?/,
      /trustProxy: must be a list .*\["127\.0\.0\.1"\]/,
      /routes\[0\]\.requrie: is not a setting; did you mean routes\[0\]\.require\?/,
      /routes\[1\]\.require: must be one of/,
      /routes\[1\]\.scope: contains events\.reed/,
      /routes\[3\]: contradicts routes\[2\], which is also GET \/c/,
      /keyFile: .*gone\.json: the file does not exist/,
    ])
      expect(stderr).toMatch(problem)
  })

  it.each([
    [{ id: 'https://api.example/' }, /id: must be https:\/\/ and a lower-case domain name/],
    [{ upstream: 'http://127.0.0.1:3000/base' }, /upstream\.url: must be a scheme, host and port without a path/],
    [{ routes: [{ method: 'GET', path: '/a//b', require: 'identity' }] }, /routes\[0\]\.path: has an empty segment/],
    [{ scopes: {} }, /routes\[0\]\.scope: contains events\.read, which is not described in scopes/],
    [{ keyFile: 'gone.json' }, /keyFile: .*countersign agent keys generate/],
    [
      { verifyOnly: true, assertion: true, upstream: undefined, trustProxy: [] },
      /upstream: is missing; .*the audience of assertions[\s\S]*trustProxy: must contain/,
    ],
    [{ routes: undefined }, /routes: is missing; it must be a list\. Only a gateway with mcp can omit it/],
    // G42
    [{ trustProxy: ['localhost'] }, /trustProxy\[0\]: must be an address or a network, such as 10\.0\.0\.0\/8/],
    [route({ path: '/caf%E9' }), /routes\[0\]\.path: has octets that are not UTF-8/],
    [route({ path: '/%61dmin' }), /routes\[0\]\.path: has %61, an unnecessary escape/],
    [route({ path: '/a%2Fb' }), /routes\[0\]\.path: has an encoded delimiter/],
    [route({ path: '/users/:id' }), /routes\[0\]\.path: has :id: a parameter must be written as \{id\}/],
    [route({ path: '/a[0-9]+' }), /routes\[0\]\.path: has \[, \] or \|: paths are not regular expressions/],
    [route({ path: '/(a|b)' }), /routes\[0\]\.path: has \[, \] or \|/],
    [route({ method: 'GTE' }), /routes\[0\]\.method: is not an HTTP method that Node.js can parse; did you mean GET\?/],
    [route({ method: 'DELTE' }), /did you mean DELETE\?/],
    [route({ method: 'OFTEN' }), /routes\[0\]\.method: is not an HTTP method that Node.js can parse\n/],
    [
      { routes: [identity({ path: '/u/{x}' }), identity({ path: '/u/{id}', require: 'none' })] },
      /routes\[1\]: contradicts routes\[0\], which is also GET \/u\/\{x\}: remove one of them/,
    ],
    // G52
    [
      { routes: [identity({ path: '/*', require: 'none' }), identity({ path: '/u' })] },
      /routes\[0\]: is GET \/\*, which requires less than GET \/u of routes\[1\].* set fallback: true on routes\[0\]/,
    ],
    [route({ fallback: 'yes' }), /routes\[0\]\.fallback: /],
    [
      { mcp: [{ path: '/mcp' }], routes: [identity({ path: '/*' })] },
      /routes\[0\]: is GET \/\*, which surrounds the MCP server at \/mcp/,
    ],
    [{ mcp: [{ path: '/mcp' }], otherwise: 'pass' }, /otherwise: cannot be pass beside the MCP server at \/mcp/],
    [
      { mcp: [{ path: '/mcp', tools: { look: 'events.read' } }, { path: '/mcp' }] },
      /mcp\[1\]\.path: is also the path of mcp\[0\]/,
    ],
    [
      { mcp: [{ path: '/mcp', connect: 'mcp.use', tools: { look: 'notes.see' } }] },
      /mcp\[0\]\.connect: contains mcp\.use, [\s\S]*mcp\[0\]\.tools\.look: contains notes\.see, which is not described in scopes/,
    ],
    [
      { mcp: [{ path: '/mcp', tools: { '*': 'events.read' }, resources: { 'notes://*': '', notes: '' } }] },
      /mcp\[0\]\.tools\.\*: must be a complete name: .*must be listed[\s\S]*mcp\[0\]\.resources\.notes: is not a URI/,
    ],
    [{ cors: { origins: ['https://*.example'] } }, /cors\.origins\S*: must be one origin, without \*/],
    // G31
    [
      { verifyOnly: true, mcp: [{ path: '/mcp', tools: { look: 'events.read' } }] },
      /mcp: cannot be protected with verifyOnly: .*Run the gateway as a reverse proxy/,
    ],
  ])('%j is rejected', async (change, reason) => {
    const { stderr } = await runInProcess('gateway', 'start', '--config', await configuration(change))
    expect(stderr).toMatch(reason)
  })

  // G42
  it('is rejected if a member occurs twice', async () => {
    const file = await configuration({})
    const text = readFileSync(file, 'utf8')
      .replace('"require":', '"require":"none","require":')
      .replace('{', '{"id":"x",')
    writeFileSync(file, text)
    const { status, stderr } = await runInProcess('gateway', 'start', '--config', file)
    expect(status).toBe(2)
    expect(stderr).toMatch(/id: occurs twice: keep one[\s\S]*routes\[0\]\.require: occurs twice/)
  })

  it('accepts WebDAV methods, duplicate identical routes, and colons within a segment', async () => {
    const routes = [
      identity({ method: 'PROPFIND' }),
      identity({ path: '/a:b' }),
      identity({ path: '/a:b' }),
      identity({ method: 'POST', path: '/a:b', require: 'none' }),
    ]
    expect((await loadGatewayConfig(await configuration({ routes }), {})).settings.routes).toHaveLength(4)
  })

  it('is overridden by the environment and by a flag, and the manual documents every setting', async () => {
    const file = await configuration({ upstream: { url: 'http://127.0.0.1:3000', matches: 'raw' } })
    const env = { COUNTERSIGN_GATEWAY_LISTEN_PORT: '9', COUNTERSIGN_GATEWAY_NOTHING: '1' }
    const flags = new Map([['upstream.url', 'http://127.0.0.1:7']])
    const { settings, warnings } = await loadGatewayConfig(file, env, flags)
    expect(settings).toMatchObject({ listen: { port: 9 }, upstream: { url: 'http://127.0.0.1:7', matches: 'raw' } })
    expect(warnings).toHaveLength(1)
    for (const name of Object.keys(settings)) expect(reference).toContain(`\`${name}`)
    for (const name of Object.keys(settings.limits)) expect(reference).toContain(`\`limits.${name}\``)
  })
})

it('a configured route supports every route setting', async () => {
  const accepted = { maxBody: 7, body: 'unseen', case: 'kept', endings: 'kept', pathParameters: true }
  const route = {
    method: 'PUT',
    path: '/files/{name}',
    require: 'identity',
    encoded: ['%2F', '%23', '%25'],
    ...accepted,
  }
  const upstream = { url: 'http://127.0.0.1:3000', matches: 'raw' }
  const { settings } = await loadGatewayConfig(await configuration({ routes: [route], upstream }), {})
  expect(settings.routes).toEqual([route])
})

it('a configuration without scopes accepts any scope name, because the resource then describes none', async () => {
  const { settings } = await loadGatewayConfig(await configuration({ scopes: undefined }), {})
  expect(settings.routes[0]).toMatchObject({ scope: 'events.read' })
})

// G38
it('a cluster worker needs shared sessions for mcp', async () => {
  Object.assign(cluster, { isWorker: true })
  onTestFinished(() => void Object.assign(cluster, { isWorker: false }))
  const load = async (mcp: object[]) => loadGatewayConfig(await configuration({ mcp }), {})
  const shared = { claimNonce: async () => true, rateLimit: async () => undefined }
  const gateway = createConfiguredGateway(await load([]), { shared })
  const withMcp = await load([{ path: '/mcp', tools: {} }])
  expect(() => gateway.use(withMcp)).toThrow(/requires shared\.mcpSessions/)
  expect(() => createConfiguredGateway(withMcp)).toThrow(/requires shared\.claimNonce/)
})

describe('a configuration with verifyOnly', () => {
  it('warns about settings that have no effect', async () => {
    const route = { method: 'GET', path: '/events', require: 'identity', maxBody: 7 }
    const limits = { maxBody: 7, silence: 7 }
    const upstream = { url: 'http://127.0.0.1:3000', preserveHost: true }
    const change = { verifyOnly: true, routes: [route], limits, cors: { origins: '*' }, upstream }
    const { warnings } = await loadGatewayConfig(await configuration(change), {})
    for (const name of ['limits.maxBody', 'limits.silence', 'routes[0].maxBody', 'cors', 'upstream.preserveHost'])
      expect(warnings.some((warning) => warning.startsWith(`${name} has no effect with verifyOnly: `))).toBe(true)
    expect(warnings).toHaveLength(5)
    const inPath = await configuration({ ...change, verifyOnly: false })
    expect((await loadGatewayConfig(inPath, {})).warnings).toEqual([])
  })

  // G38
  it('warns about sessions that only one of several gateways knows', async () => {
    const redis = 'redis://127.0.0.1:6379'
    const mcp = [{ path: '/mcp', tools: { look: 'events.read' } }]
    const warningsOf = async (change: object) => (await loadGatewayConfig(await configuration(change), {})).warnings
    expect(await warningsOf({ mcp, redis, instances: 2 })).toEqual([
      expect.stringMatching(/^mcp: .* session is known to only one gateway/),
    ])
    expect(await warningsOf({ mcp, redis })).toEqual([])
    expect(await warningsOf({ redis, instances: 2 })).toEqual([])
  })

  // G31
  it('cannot protect an MCP server, not even after a reload', async () => {
    const load = async (change: object) => loadGatewayConfig(await configuration(change), {})
    const gateway = createConfiguredGateway(await load({ verifyOnly: true }))
    const inPath = await load({ mcp: [{ path: '/mcp', tools: {} }] })
    expect(() => gateway.use(inPath)).toThrow(/verifyOnly cannot be changed to false/)
    const { settings, ...others } = inPath
    const forged = { ...others, settings: { ...settings, verifyOnly: true } }
    expect(() => gateway.use(forged)).toThrow(/mcp cannot be protected/)
    expect(() => createConfiguredGateway(inPath).use(forged)).toThrow(/verifyOnly cannot be changed to true/)
  })
})

describe('countersign gateway start', () => {
  it('serves, reloads a changed file, keeps the previous configuration if the file is invalid, and stops', async () => {
    const upstream = createServer((_, outgoing) => outgoing.end('from the API'))
    const target = `http://127.0.0.1:${await listenWith(upstream)}`
    const listen = { port: await freePort() }
    const file = await configuration({ listen, upstream: 'http://127.0.0.1:1' })
    const running = startProgram(['gateway', 'start', '--config', file, '--upstream', target])
    await running.seen(/^Protecting /m)
    const ask = async (path: string) => {
      const response = await fetch(`http://127.0.0.1:${listen.port}${path}`)
      return `${response.status} ${response.ok ? await response.text() : ''}`
    }
    expect(await ask('/status')).toBe('200 from the API')
    expect(await ask('/events/1')).toBe('401 ')
    expect(await ask('/.well-known/aauth-resource')).toMatch(/^200 .*"https:\/\/api\.example"/)
    const { routes, ...others } = JSON.parse(readFileSync(file, 'utf8')) as { routes: object[] }
    writeFileSync(file, '{')
    await running.seen(/The previous configuration remains active/)
    expect(await ask('/status')).toBe('200 from the API')
    writeFileSync(file, JSON.stringify({ ...others, routes: routes.slice(0, 2) }))
    await running.seen(/was reloaded: 2 routes/)
    expect(await ask('/status')).toBe('404 ')
    const before = running.said().stderr.length
    void running.stop('SIGHUP')
    await expect.poll(() => running.said().stderr.slice(before)).toMatch(/was reloaded: 2 routes/)
    expect(await ask('/events/1')).toBe('401 ')
    expect(await running.stop()).toMatchObject({ status: 0 })
  })

  it('with --verify-only, responds to the proxy’s subrequests, needs no upstream, and forwards nothing', async () => {
    const listen = { port: await freePort() }
    const file = await configuration({ listen, upstream: undefined })
    const running = startProgram(['gateway', 'start', '--config', file, '--verify-only'])
    await running.seen(/Responding to subrequests from nginx for https:\/\/api\.example at/)
    const about = (target: string) => ({ headers: { 'x-original-method': 'GET', 'x-original-uri': target } })
    const verify = (target: string) => fetch(`http://127.0.0.1:${listen.port}/verify`, about(target))
    expect((await verify('/status')).status).toBe(200)
    expect((await verify('/events/1')).status).toBe(401)
    expect((await verify('/nowhere')).headers.get('x-aauth-status')).toBe('404')
    expect((await fetch(`http://127.0.0.1:${listen.port}/status`)).status).toBe(404)
    expect(await running.stop()).toMatchObject({ status: 0 })
    const without = await configuration({ upstream: undefined })
    expect((await runInProcess('gateway', 'start', '--config', without)).stderr).toMatch(/upstream: is missing/)
    const unnamed = await configuration({ trustProxy: [] })
    expect((await runInProcess('gateway', 'start', '--config', unnamed, '--verify-only')).stderr).toMatch(
      /trustProxy: must contain/,
    )
  })

  it('with --verify-only and assertion, asserts the caller to the API’s own address', async () => {
    const listen = { port: await freePort() }
    const routes = [{ method: 'GET', path: '/mine', require: 'signature' }]
    const file = await configuration({ listen, routes, assertion: true })
    const running = startProgram(['gateway', 'start', '--config', file, '--verify-only'])
    await running.seen(/Responding to subrequests from nginx/)
    const signer = await createSigner(await generatePrivateJwk())
    const { kty, crv = '', x = '' } = signer.jwk
    const signatureKey = { scheme: 'hwk', jwk: { kty, crv, x } } as const
    const request = new Request('https://api.example/mine')
    const { headers } = await signRequest(request, { profile: january.signing, signer, signatureKey })
    headers.set('x-original-method', 'GET')
    headers.set('x-original-uri', '/mine')
    const answer = await fetch(`http://127.0.0.1:${listen.port}/verify`, { headers })
    expect(answer.status).toBe(200)
    const claims = decodeJwt(answer.headers.get('x-aauth-assertion') ?? '')
    const { upstream } = JSON.parse(manual) as { upstream: string }
    expect(claims).toMatchObject({ iss: 'https://api.example', aud: upstream, level: 'signature', target: '/mine' })
    expect(claims.agent_jkt).toBe(signer.thumbprint)
    expect(await running.stop()).toMatchObject({ status: 0 })
  })
})
