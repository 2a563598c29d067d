import { createServer } from 'node:http'
import { createServer as createHttp2Server } from 'node:http2'
import type { AddressInfo, Server } from 'node:net'
import { createSigner, generatePrivateJwk, type Signer } from 'countersign'
import { createNodeListener } from 'countersign/node'
import { createResource } from 'countersign/resource'
import { protectMcp } from 'countersign/resource/mcp'
import { describe, expect, it, onTestFinished } from 'vitest'
import { signAccessToken } from '../access-token.js'
import { documentFetch, issuerDocuments, oauthDocuments } from '../origins.js'
import { receivedMessage } from '../received-message.js'
import { ids, message } from '../resource/mcp/mcp-stage.js'
import type { Message } from './attack.js'
import { type Answer, exchange } from './raw-http.js'
import { exchangeFrames, framesOf } from './raw-http2.js'

const url = `${ids.api}/mcp`
const signers = {
  api: await createSigner(await generatePrivateJwk({ kid: 'api-1' })),
  oauth: await createSigner(await generatePrivateJwk({ kid: 'oauth-1', algorithm: 'ecdsa-p256-sha256' })),
  aauth: await createSigner(await generatePrivateJwk({ kid: 'auth-1' })),
  stranger: await createSigner(await generatePrivateJwk({ kid: 'oauth-1', algorithm: 'ecdsa-p256-sha256' })),
}
const now = () => Math.floor(Date.now() / 1000)

/** A resource with two MCP endpoints that accept access tokens. */
interface Stage {
  /** The URLs that were fetched. */
  fetched: string[]
  /** The paths of the requests that reached a server. */
  handled: string[]
  send: (sent: Sent) => Promise<Answer>
}

type Sent = Partial<Message>

function openParts() {
  const handled: string[] = []
  const { authServer } = ids
  const { fetch, asked } = documentFetch({
    ...issuerDocuments(authServer, [signers.aauth.jwk]),
    ...oauthDocuments(authServer, [signers.oauth.jwk]),
  })
  const resource = createResource({
    id: ids.api,
    signer: signers.api,
    authServer,
    scopes: { connect: 'Connect', 'notes.read': 'See your notes' },
    fetch,
  })
  const endpoints = ['/mcp', '/other'].map((path) => {
    const mcp = protectMcp(resource, {
      tools: { read_note: 'notes.read' },
      connect: 'connect',
      accept: ['aauth', 'oauth'],
      path,
    })
    const handler = mcp.around(async (request) => {
      handled.push(new URL(request.url).pathname)
      const headers = { 'mcp-session-id': `session-${handled.length}` }
      return Response.json({ jsonrpc: '2.0', id: 1, result: {} }, { headers })
    })
    return [path, handler] as const
  })
  const handlers = new Map(endpoints)
  const handler: (typeof endpoints)[number][1] = async (request, received) => {
    const serve = handlers.get(new URL(request.url).pathname)
    return serve ? serve(request, received) : new Response(null, { status: 404 })
  }
  return { handled, fetched: asked, handler }
}

const wholeMessage = (sent: Sent): Message => ({
  method: 'GET',
  target: '/mcp',
  body: '',
  ...sent,
  headers: [['host', new URL(ids.api).host], ['accept', 'application/json'], ...(sent.headers ?? [])],
})

async function openInProcess(): Promise<Stage> {
  const { handler, ...stage } = openParts()
  return {
    ...stage,
    async send(sent) {
      const whole = wholeMessage(sent)
      const { method, target, headers, body } = whole
      const content = Buffer.from(body)
      const request = new Request(ids.api + target, {
        method,
        headers: headers.map(([name, value]): [string, string] => [name, value]),
        ...(content.length > 0 ? { body: content } : {}),
      })
      const response = await handler(request, receivedMessage(whole))
      return { status: response.status, headers: response.headers, body: await response.text() }
    },
  }
}

async function openOverHttp(): Promise<Stage> {
  const { handler, ...stage } = openParts()
  const server = createServer(createNodeListener(handler, { origin: ids.api }))
  onTestFinished(() => server.closeAllConnections())
  const port = await listen(server)
  return { ...stage, send: (sent) => exchange(port, wholeMessage(sent)) }
}

async function openOverHttp2(): Promise<Stage> {
  const { handler, ...stage } = openParts()
  const port = await listen(createHttp2Server(createNodeListener(handler, { origin: ids.api })))
  return { ...stage, send: (sent) => exchangeFrames(port, framesOf(wholeMessage(sent))) }
}

/** Listens on a free port until the test has finished. */
async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  return (server.address() as AddressInfo).port
}

type Claims = Record<string, unknown>

const tokenWith = (claims: Claims = {}, typ?: string, signer: Signer = signers.oauth) =>
  signAccessToken({ iss: ids.authServer, aud: url, scope: 'connect notes.read', ...claims }, { signer, typ })

const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')

/** A token with another header, signed as the header says if that is possible. */
async function withHeader(changes: object, signer: Signer = signers.oauth): Promise<string> {
  const [header = '', payload] = (await tokenWith()).split('.')
  const original = JSON.parse(Buffer.from(header, 'base64url').toString()) as object
  const input = `${part({ ...original, ...changes })}.${payload}`
  return `${input}.${Buffer.from(await signer.sign(input)).toString('base64url')}`
}

async function withMac(secret: string): Promise<string> {
  const [, payload] = (await tokenWith()).split('.')
  const input = `${part({ alg: 'HS256', typ: 'at+jwt', kid: 'oauth-1' })}.${payload}`
  const secretBytes = new TextEncoder().encode(secret)
  const key = await crypto.subtle.importKey('raw', secretBytes, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign'])
  const mac = await crypto.subtle.sign('HMAC', key, new TextEncoder().encode(input))
  return `${input}.${Buffer.from(mac).toString('base64url')}`
}

/** Access tokens that must not be accepted at `/mcp`, whose own token is. */
const tokens: readonly [id: string, claim: string, token: () => Promise<string>][] = [
  ['B04', 'a token of another endpoint of the same host', () => tokenWith({ aud: `${ids.api}/other` })],
  ['B04', 'a token of the origin', () => tokenWith({ aud: ids.api })],
  ['B04', 'a token of another resource', () => tokenWith({ aud: 'https://mail.example/mcp' })],
  ['B04', 'an audience with a slash added', () => tokenWith({ aud: `${url}/` })],
  ['B04', 'an audience with another path below', () => tokenWith({ aud: `${url}/x` })],
  ['B04', 'an audience in capitals', () => tokenWith({ aud: url.toUpperCase() })],
  ['B04', 'an audience with the default port', () => tokenWith({ aud: url.replace('/mcp', ':443/mcp') })],
  ['B04', 'two audiences', () => tokenWith({ aud: [url, 'https://mail.example/mcp'] })],
  ['B04', 'the same audience twice', () => tokenWith({ aud: [url, url] })],
  ['B04', 'no audience', () => tokenWith({ aud: undefined })],
  ['B04', 'an empty list of audiences', () => tokenWith({ aud: [] })],
  ['B04', 'another issuer', () => tokenWith({ iss: 'https://other-auth.example' })],
  ['B04', 'the issuer with a slash', () => tokenWith({ iss: `${ids.authServer}/` })],
  ['B04', 'a token that has expired', () => tokenWith({ exp: now() - 1 })],
  ['B04', 'a token from the future', () => tokenWith({ iat: now() + 120 })],
  ['B04', 'a token that is not valid yet', () => tokenWith({ nbf: now() + 120 })],
  ['B04', 'a time in quotes', () => tokenWith({ nbf: 'tomorrow' })],
  ['B04', 'a lifetime of a day', () => tokenWith({ exp: now() + 86_400 })],
  ['B04', 'no client', () => tokenWith({ client_id: undefined })],
  ['B04', 'no user', () => tokenWith({ sub: undefined })],
  ['B04', 'an empty scope', () => tokenWith({ scope: '' })],
  ['B04', 'a malformed scope', () => tokenWith({ scope: 'connect  notes.read' })],
  ['B16', 'the claims of an access token in an auth token', () => tokenWith({}, 'auth+jwt', signers.aauth)],
  ['B16', 'an access token signed with the key of AAuth', () => tokenWith({}, 'at+jwt', signers.aauth)],
  ['B16', 'an agent token signed with the key of OAuth', () => tokenWith({}, 'agent+jwt')],
  ['B16', 'a resource token signed with the key of OAuth', () => tokenWith({}, 'resource+jwt')],
  ['B16', 'an ID token', () => tokenWith({}, 'JWT')],
  ['B16', 'a token without typ', () => withHeader({ typ: undefined })],
  ['B16', 'a token that is bound to a key', () => tokenWith({ cnf: { jwk: signers.oauth.jwk } })],
  [
    'B16',
    'a token that is bound to the thumbprint of a key',
    () => tokenWith({ cnf: { jkt: signers.oauth.thumbprint } }),
  ],
  ['B17', 'alg none, and a signature', () => withHeader({ alg: 'none' })],
  ['B17', 'alg none, without a signature', async () => (await withHeader({ alg: 'none' })).replace(/[^.]*$/, '')],
  ['B17', 'alg None', () => withHeader({ alg: 'None' })],
  ['B17', 'HS256 with the public key in JSON as the secret', () => withMac(JSON.stringify(signers.oauth.jwk))],
  ['B17', 'HS256 with a coordinate of the public key as the secret', () => withMac(String(signers.oauth.jwk.x))],
  ['B17', 'EdDSA with the key of ES256', () => withHeader({ alg: 'EdDSA' })],
  ['B17', 'a key of someone else with the right name', () => withHeader({}, signers.stranger)],
  [
    'B17',
    'jku, and a key that it publishes',
    () => withHeader({ jku: 'https://evil.example/jwks.json' }, signers.stranger),
  ],
  ['B17', 'jwk, and its signature', () => withHeader({ jwk: signers.stranger.jwk }, signers.stranger)],
  ['B17', 'x5u', () => withHeader({ x5u: 'https://evil.example/chain.pem' }, signers.stranger)],
  ['B17', 'a critical extension', () => withHeader({ crit: ['exp'], exp: 1 })],
  ['B17', 'the kid of the AAuth key', () => withHeader({ kid: 'auth-1' })],
  [
    'B17',
    'the kid of the AAuth key, and its signature',
    () => withHeader({ kid: 'auth-1', alg: 'EdDSA' }, signers.aauth),
  ],
  ['B17', 'no kid', () => withHeader({ kid: undefined })],
  [
    'B17',
    'a changed payload',
    async () => (await tokenWith()).replace(/\.(.)/, (_, first) => `.${first === 'e' ? 'f' : 'e'}`),
  ],
  ['B17', 'a changed signature', async () => (await tokenWith()).replace(/.{5}$/, 'AAAAA')],
  ['B17', 'a token of more than 4 kB', () => tokenWith({ extra: 'x'.repeat(4096) })],
  ['B17', 'something else', async () => 'token'],
]

const bearer = (token: string) => ['authorization', `Bearer ${token}`] as const
const signed = [
  ['signature-input', 'sig=("@method");created=1'],
  ['signature', 'sig=:AAAA:'],
  ['signature-key', 'sig=hwk;kty="OKP"'],
] as const

const malformed: readonly [claim: string, sent: (token: string) => Sent][] = [
  ['a token in the query', (token) => ({ target: `/mcp?access_token=${token}` })],
  [
    'a token in the query and in the header',
    (token) => ({ target: `/mcp?access_token=${token}`, headers: [bearer(token)] }),
  ],
  ['a token in the query under an encoded name', (token) => ({ target: `/mcp?access%5Ftoken=${token}` })],
  ['two headers with tokens', (token) => ({ headers: [bearer(token), bearer(token)] })],
  [
    'two headers, of which one has no token',
    (token) => ({ headers: [bearer(token), ['authorization', 'Basic YTpi']] }),
  ],
  ['two headers, in the other order', (token) => ({ headers: [['authorization', 'Basic YTpi'], bearer(token)] })],
  ['two tokens in one header', (token) => ({ headers: [['authorization', `Bearer ${token}, Bearer ${token}`]] })],
  ['the scheme without a token', () => ({ headers: [['authorization', 'Bearer']] })],
  ['a token with a space', (token) => ({ headers: [['authorization', `Bearer ${token} x`]] })],
  ['a token and a signature', (token) => ({ headers: [bearer(token), ...signed] })],
  ['a token in the query of a signed request', (token) => ({ target: `/mcp?access_token=${token}`, headers: signed })],
  ['a token in the query after a semicolon', (token) => ({ target: `/mcp?x=1;access_token=${token}` })],
  ['a token in the query in another case, with a dot', (token) => ({ target: `/mcp?Access.Token=${token}` })],
  ['a token in an array of the query', (token) => ({ target: `/mcp?access_token%5B%5D=${token}` })],
  [
    'a signature, and a token after other credentials',
    (token) => ({ headers: [['authorization', `Basic YTpi, Bearer ${token}`], ...signed] }),
  ],
  ['a token and the key of a signature', (token) => ({ headers: [bearer(token), signed[2]] })],
]

const rpc = (body: object, token: string, headers: Sent['headers'] = []): Sent => ({
  method: 'POST',
  headers: [['content-type', 'application/json'], ...headers, ...(token === '' ? [] : [bearer(token)])],
  body: JSON.stringify(body),
})

const initialize = message('initialize', {
  protocolVersion: '2025-11-25',
  capabilities: {},
  clientInfo: { name: 't', version: '1' },
})
const callTool = message('tools/call', { name: 'read_note' })

describe.each([
  ['in process', openInProcess],
  ['over HTTP', openOverHttp],
  ['over HTTP/2', openOverHttp2],
] as const)('%s', (_where, open) => {
  it('B: the base case: an access token of this endpoint', async () => {
    const stage = await open()
    const { status } = await stage.send({ headers: [bearer(await tokenWith())] })
    expect([status, stage.handled]).toEqual([200, ['/mcp']])
    const other = await tokenWith({ aud: `${ids.api}/other` })
    expect((await stage.send({ target: '/other', headers: [bearer(other)] })).status).toBe(200)
  })

  it.each(tokens)('%s: %s', async (_id, _claim, create) => {
    const stage = await open()
    const { status, headers, body } = await stage.send({ headers: [bearer(await create())] })
    expect({ status, handled: stage.handled }).toEqual({ status: 401, handled: [] })
    expect(headers.get('www-authenticate')).toMatch(/^Bearer error="invalid_token", resource_metadata="/)
    expect(body).not.toMatch(/eyJ/)
    expect(stage.fetched.filter((each) => !each.startsWith(ids.authServer))).toEqual([])
  })

  it.each(malformed)('B21: %s', async (_claim, create) => {
    const stage = await open()
    const { status, headers, body } = await stage.send(create(await tokenWith()))
    expect({ status, handled: stage.handled }).toEqual({ status: 400, handled: [] })
    expect(headers.get('www-authenticate') ?? '').toMatch(/^Bearer error="invalid_request", resource_metadata="/)
    expect(body).not.toMatch(/eyJ/)
  })

  it('B21: a token in a form', async () => {
    const stage = await open()
    const token = await tokenWith()
    const form = (headers: Sent['headers'] = []): Sent => ({
      method: 'POST',
      headers: [['content-type', 'application/x-www-form-urlencoded'], ...headers],
      body: `access_token=${token}`,
    })
    expect((await stage.send(form())).status).toBe(401)
    expect((await stage.send(form([bearer(token)]))).status).toBe(400)
    expect(stage.handled).toEqual([])
  })

  it.each<[string, Claims]>([
    ['another user', { sub: 'bob' }],
    ['another client', { client_id: 'https://other.example/client.json' }],
  ])('B20: a session of %s', async (_claim, claims) => {
    const stage = await open()
    const token = await tokenWith()
    const opened = await stage.send(rpc(initialize, token))
    const session = [['mcp-session-id', opened.headers.get('mcp-session-id') ?? '']] as const
    expect((await stage.send(rpc(callTool, token, session))).status).toBe(200)
    const renewed = await tokenWith({ jti: 'grant-1.family-1.y' })
    expect((await stage.send(rpc(callTool, renewed, session))).status).toBe(200)
    expect((await stage.send(rpc(callTool, await tokenWith(claims), session))).status).toBe(404)
    expect((await stage.send(rpc(callTool, '', session))).status).toBe(401)
    expect(stage.handled).toHaveLength(3)
  })
})
