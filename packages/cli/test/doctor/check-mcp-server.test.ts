import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createSigner, generatePrivateJwk } from 'countersign'
import { createNodeListener } from 'countersign/node'
import { createResource } from 'countersign/resource'
import { protectMcp } from 'countersign/resource/mcp'
import { expect, it } from 'vitest'
import { listenWith } from '../../../countersign/test/resource/events-resource.js'
import { examineMcpServer } from '../../src/doctor/check-mcp-server.js'
import { runInProcess } from '../run-program.js'

const cors = {
  'access-control-allow-origin': '*',
  'access-control-allow-headers': 'content-type, mcp-protocol-version',
}
const json = { 'content-type': 'application/json', ...cors }
const challenge = (origin: string) =>
  `Bearer resource_metadata="${origin}/.well-known/oauth-protected-resource/mcp", scope="notes.read"`

interface Served {
  status?: number
  headers?: Record<string, string>
  body?: string | object
}

interface Origins {
  mcp: string
  authServer: string
}

/** What the two servers return, by method and path, or by path alone; the functions get both origins. */
type Routes = Record<string, (origins: Origins) => Served | Promise<Served>>

const metadata = ({ mcp, authServer }: Origins): Served => ({
  headers: json,
  body: { resource: `${mcp}/mcp`, authorization_servers: [authServer], scopes_supported: ['notes.read'] },
})
const serverMetadata = ({ authServer }: Origins): Served => ({
  headers: json,
  body: {
    issuer: authServer,
    authorization_endpoint: `${authServer}/oauth/authorize`,
    token_endpoint: `${authServer}/oauth/token`,
    jwks_uri: `${authServer}/oauth/jwks.json`,
    response_types_supported: ['code'],
    code_challenge_methods_supported: ['S256'],
    token_endpoint_auth_methods_supported: ['none', 'private_key_jwt'],
    client_id_metadata_document_supported: true,
  },
})

const resourcePath = '/.well-known/oauth-protected-resource/mcp'
const serverPath = '/.well-known/oauth-authorization-server'

const good: Routes = {
  '/mcp': ({ mcp }) => ({ status: 401, headers: { 'www-authenticate': challenge(mcp) } }),
  [resourcePath]: metadata,
  [`OPTIONS ${resourcePath}`]: () => ({ status: 204, headers: cors }),
  [serverPath]: serverMetadata,
  [`OPTIONS ${serverPath}`]: () => ({ status: 204, headers: cors }),
}

/** Serves both parties, each with its own origin. */
async function openServers(changes: Routes = {}) {
  const routes = { ...good, ...changes }
  const origins = { mcp: '', authServer: '' }
  const seen: string[] = []
  const respond = async ({ method = '', url = '' }: IncomingMessage, outgoing: ServerResponse) => {
    seen.push(`${method} ${url}`)
    const route = routes[`${method} ${url}`] ?? routes[url]
    const { status = 200, headers = {}, body = '' } = (await route?.(origins)) ?? { status: 404 }
    outgoing.writeHead(status, headers)
    outgoing.end(typeof body === 'string' ? body : JSON.stringify(body))
  }
  origins.mcp = `http://127.0.0.1:${await listenWith(createServer((...both) => void respond(...both)))}`
  origins.authServer = `http://127.0.0.1:${await listenWith(createServer((...both) => void respond(...both)))}`
  return { ...origins, seen }
}

const notOk = (findings: Awaited<ReturnType<typeof examineMcpServer>>) =>
  findings.filter(({ outcome, check }) => outcome !== 'ok' && check !== 'certificate')

it('finds nothing wrong with an MCP server and its auth server, and sends no token', async () => {
  const { mcp, seen } = await openServers()
  expect(notOk(await examineMcpServer(`${mcp}/mcp`))).toEqual([])
  expect(seen).toEqual(expect.arrayContaining(['POST /mcp', 'GET /mcp', 'HEAD /mcp', 'DELETE /mcp']))
})

/** Routes that respond only once both of them have been requested. */
function respondTogether(one: string, other: string): Routes {
  const missing = new Set([one, other])
  let arrive: () => void = () => undefined
  const bothArrived = new Promise<void>((resolve) => {
    arrive = resolve
  })
  const respond =
    (path: string): Routes[string] =>
    async (origins) => {
      missing.delete(path)
      if (missing.size === 0) arrive()
      await bothArrived
      return (await good[path]?.(origins)) ?? { status: 404 }
    }
  return { [one]: respond(one), [other]: respond(other) }
}

it('sends at most five requests one after another, because each may take five seconds', async () => {
  const { mcp } = await openServers({
    ...respondTogether(resourcePath, '/.well-known/oauth-protected-resource'),
    ...respondTogether(`OPTIONS ${resourcePath}`, serverPath),
  })
  expect(notOk(await examineMcpServer(`${mcp}/mcp`))).toEqual([])
})

it('finds nothing wrong with a server that protectMcp protects', async () => {
  const { authServer } = await openServers()
  const server = createServer()
  const id = `http://127.0.0.1:${await listenWith(server)}`
  const resource = createResource({
    id,
    signer: await createSigner(await generatePrivateJwk({ kid: 'k1' })),
    authServer,
    scopes: { 'notes.read': 'See your notes' },
    allowInsecureLoopback: true,
  })
  const mcp = protectMcp(resource, { accept: ['aauth', 'oauth'], path: '/mcp', tools: { read_note: 'notes.read' } })
  const notes = mcp.around(() => new Response())
  const handler: Parameters<typeof createNodeListener>[0] = (request, received) =>
    new URL(request.url).pathname === '/mcp' ? notes(request, received) : resource.handler(request, received)
  server.on('request', createNodeListener(handler, { origin: id, replaceGlobals: false }))
  expect(notOk(await examineMcpServer(`${id}/mcp`))).toEqual([])
})

it('an auth server that does not respond is one problem, whose fix is to start it', async () => {
  const { mcp } = await openServers({
    [resourcePath]: ({ mcp: origin }) => ({
      headers: json,
      body: { resource: `${origin}/mcp`, authorization_servers: ['http://127.0.0.1:1'], scopes_supported: ['a'] },
    }),
  })
  expect(notOk(await examineMcpServer(`${mcp}/mcp`))).toEqual([
    {
      check: 'auth server',
      outcome: 'problem',
      found: expect.stringMatching(/^http:\/\/127\.0\.0\.1:1\/\.well-known\/\S+ gets no valid response: /),
      fix: 'Check that the server is running at http://127.0.0.1:1, and that this URL is correct.',
    },
  ])
})

it('another name of the host that was typed is not said to be wrong in the API', async () => {
  const { mcp } = await openServers()
  const findings = notOk(await examineMcpServer(`${mcp.replace('127.0.0.1', 'localhost')}/mcp`))
  const [first] = findings
  expect(first?.found).toContain('which is not an absolute URL at http://localhost:')
  expect(first?.fix).toMatch(
    /^Give users the URL at the origin that is the id of the API\. If that id is wrong, set it to/,
  )
})

it.each([
  ['off', undefined, 'Others need oauth.registration'],
  ['on', '/oauth/register', 'client documents and registration'],
])('says who can connect if registration is %s', async (_, path, said) => {
  const { mcp } = await openServers({
    [serverPath]: (origins) => {
      const served = serverMetadata(origins)
      const endpoint = path && { registration_endpoint: origins.authServer + path }
      return { ...served, body: { ...(served.body as object), ...endpoint } }
    },
  })
  const found = (await examineMcpServer(`${mcp}/mcp`)).map((finding) => finding.found)
  expect(found.join('\n')).toContain(said)
})

/** One change to the good servers, the check that reports it, and what the report contains. */
const wrong: Record<string, [changes: Routes, check: string, found: RegExp]> = {
  'no challenge for HEAD': [{ 'HEAD /mcp': () => ({ status: 405 }) }, 'challenge', /to HEAD without .* is 405 instead/],
  'an open server': [{ 'POST /mcp': () => ({}) }, 'challenge', /to POST without a token is 200 instead of 401/],
  'a redirect of the endpoint': [
    { '/mcp': () => ({ status: 308, headers: { location: '/mcp/' } }) },
    'challenge',
    /POST, GET, HEAD, DELETE .* is 308 with a redirect to \/mcp\//,
  ],
  'no WWW-Authenticate': [{ '/mcp': () => ({ status: 401 }) }, 'challenge', /has no WWW-Authenticate/],
  'another scheme first': [
    { '/mcp': ({ mcp }) => ({ status: 401, headers: { 'www-authenticate': `Basic realm="x", ${challenge(mcp)}` } }) },
    'challenge',
    /starts with "Basic"/,
  ],
  'a challenge without metadata': [
    { '/mcp': () => ({ status: 401, headers: { 'www-authenticate': 'Bearer realm="x"' } }) },
    'challenge',
    /without resource_metadata/,
  ],
  'metadata at another origin': [
    { '/mcp': ({ authServer }) => ({ status: 401, headers: { 'www-authenticate': challenge(authServer) } }) },
    'challenge',
    /is not an absolute URL at http:\/\/127/,
  ],
  'a relative URL of the metadata': [
    { '/mcp': () => ({ status: 401, headers: { 'www-authenticate': challenge('') } }) },
    'challenge',
    /resource_metadata="\/\.well-known.* is not an absolute URL/,
  ],
  'no metadata': [{ [resourcePath]: () => ({ status: 404 }) }, 'metadata', /returns 404 instead of 200/],
  'metadata as text': [
    { [resourcePath]: (origins) => ({ ...metadata(origins), headers: { ...cors, 'content-type': 'text/plain' } }) },
    'metadata',
    /Content-Type of .* is text\/plain/,
  ],
  'a page instead of metadata': [
    { [resourcePath]: () => ({ headers: { 'content-type': 'text/html' }, body: '<p>Hello' }) },
    'metadata',
    /returns no JSON object/,
  ],
  'a redirect of the metadata': [
    { [resourcePath]: () => ({ status: 302, headers: { location: 'https://other.example/' } }) },
    'metadata',
    /is redirected to https:\/\/other\.example/,
  ],
  'the resource of the origin': [
    {
      [resourcePath]: ({ mcp, authServer }) => ({
        headers: json,
        body: { resource: mcp, authorization_servers: [authServer], scopes_supported: ['a'] },
      }),
    },
    'metadata',
    /Its resource is "http:\S+", but you typed http:\S+\/mcp\./,
  ],
  'two auth servers': [
    {
      [resourcePath]: ({ mcp, authServer }) => ({
        headers: json,
        body: {
          resource: `${mcp}/mcp`,
          authorization_servers: [authServer, 'https://b.example'],
          scopes_supported: ['a'],
        },
      }),
    },
    'metadata',
    /contain several servers/,
  ],
  'no auth server': [
    { [resourcePath]: ({ mcp }) => ({ headers: json, body: { resource: `${mcp}/mcp`, scopes_supported: ['a'] } }) },
    'metadata',
    /Its authorization_servers are missing/,
  ],
  'offline_access as a scope': [
    {
      [resourcePath]: ({ mcp, authServer }) => ({
        headers: json,
        body: { resource: `${mcp}/mcp`, authorization_servers: [authServer], scopes_supported: ['offline_access'] },
      }),
    },
    'metadata',
    /contain offline_access/,
  ],
  'a page at the root place of metadata': [
    { '/.well-known/oauth-protected-resource': () => ({ body: '<p>Hello' }) },
    'other metadata',
    /returns a page instead of 404/,
  ],
  'metadata without CORS': [
    { [`OPTIONS ${resourcePath}`]: () => ({ status: 405 }) },
    'metadata CORS',
    /run in a web page cannot read/,
  ],
  'no OAuth at the auth server': [{ [serverPath]: () => ({ status: 404 }) }, 'auth server', /returns 404 instead/],
  'an issuer with a slash': [
    withServer(({ authServer }) => ({ issuer: `${authServer}/` })),
    'auth server',
    /Its issuer is/,
  ],
  'no PKCE': [
    withServer(() => ({ code_challenge_methods_supported: ['plain'] })),
    'auth server',
    /do not contain S256/,
  ],
  'no client documents': [
    withServer(() => ({ client_id_metadata_document_supported: false })),
    'auth server',
    /client_id_metadata_document_supported is not true/,
  ],
  'no code flow': [withServer(() => ({ response_types_supported: ['token'] })), 'auth server', /do not contain code\b/],
  'no public clients': [
    withServer(() => ({ token_endpoint_auth_methods_supported: ['private_key_jwt'] })),
    'auth server',
    /do not contain none/,
  ],
  'an endpoint at another origin': [
    withServer(() => ({ token_endpoint: 'https://other.example/token' })),
    'endpoints',
    /token_endpoint is "https:\/\/other/,
  ],
  'a missing endpoint': [
    withServer(() => ({ authorization_endpoint: undefined })),
    'endpoints',
    /authorization_endpoint is missing/,
  ],
  'an OpenID document that fails': [
    { '/.well-known/openid-configuration': () => ({ status: 503 }) },
    'OpenID document',
    /returns 503 instead of 404/,
  ],
  'an OpenID document elsewhere': [
    {
      '/.well-known/openid-configuration': () => ({ status: 302, headers: { location: 'https://other.example/' } }),
    },
    'OpenID document',
    /is redirected to https:\/\/other/,
  ],
  'auth server metadata without CORS': [
    { [`OPTIONS ${serverPath}`]: () => ({ status: 404 }) },
    'auth server CORS',
    /run in a web page cannot read/,
  ],
}

/** The auth server's metadata with changed members. */
function withServer(change: (origins: { mcp: string; authServer: string }) => object): Routes {
  return {
    [serverPath]: (origins) => ({
      headers: json,
      body: { ...(serverMetadata(origins).body as object), ...change(origins) },
    }),
  }
}

it.each(Object.entries(wrong))('reports %s, and what to do', async (_what, [changes, check, found]) => {
  const { mcp } = await openServers(changes)
  const findings = notOk(await examineMcpServer(`${mcp}/mcp`))
  const told = findings.filter((each) => each.check === check)
  expect(findings).toEqual(told)
  expect(told.map((each) => each.found)).toContainEqual(expect.stringMatching(found))
  for (const { fix } of told) expect(fix).toMatch(/^[A-Z].*\.$/)
})

it('contacts no auth server over http on another machine', async () => {
  const { mcp, seen } = await openServers({
    [resourcePath]: (origins) => ({
      headers: json,
      body: { resource: `${origins.mcp}/mcp`, authorization_servers: ['http://10.0.0.1'], scopes_supported: ['a'] },
    }),
  })
  const findings = notOk(await examineMcpServer(`${mcp}/mcp`))
  expect(findings.map(({ found }) => found)).toEqual([expect.stringContaining('is not an https URL')])
  expect(seen.filter((each) => each.includes('oauth-authorization-server'))).toEqual([])
})

it('stops if nothing responds', async () => {
  const server = createServer()
  const port = await listenWith(server)
  server.close()
  const findings = await examineMcpServer(`http://127.0.0.1:${port}/mcp`)
  expect(notOk(findings).map(({ check, outcome }) => `${outcome} ${check}`)).toEqual([
    'problem challenge',
    'unknown everything else',
  ])
})

it('countersign doctor --mcp fails if there is a problem, and names what to fix', async () => {
  const { mcp } = await openServers()
  const fine = await runInProcess('doctor', '--mcp', `${mcp}/mcp`)
  expect([fine.status, fine.stdout]).toEqual([0, expect.stringContaining('0 problems')])
  const other = await runInProcess('doctor', '--mcp', `${mcp}/mcp/`, '--json')
  expect(other.status).toBe(1)
  expect(JSON.parse(other.stdout)).toMatchObject([{ subject: `${mcp}/mcp/`, from: 'outside' }])
})

it.each([
  [['--mcp', 'notes.example/mcp'], '--mcp requires the URL'],
  [['--mcp', 'http://notes.example/mcp'], '--mcp requires the URL'],
  [['--mcp', 'https://notes.example/mcp#a'], '--mcp requires the URL'],
  [['http://127.0.0.1:8080/mcp'], 'use --mcp http://127.0.0.1:8080/mcp'],
])('rejects %j', async (args, message) => {
  const { status, stderr } = await runInProcess('doctor', ...args)
  expect([status, stderr]).toEqual([2, expect.stringContaining(message)])
})
