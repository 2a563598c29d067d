import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage } from 'node:http'
import { connect as connectHttp2, type IncomingHttpHeaders } from 'node:http2'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { connect as connectTls } from 'node:tls'
import { createSubrequestGateway, type ProxyName, type Route, type SubrequestOptions } from 'countersign-gateway'
import { createLocalJWKSet, type JWK, jwtVerify } from 'jose'
import { describe, expect, it, onTestFinished } from 'vitest'
import { freePort } from '../../../test/free-port.js'
import { need } from '../../../test/needs.js'
import { openStage, signers } from '../../countersign/test/editions/draft-11/resource-stage.js'
import { craftRequest, ids } from '../../countersign/test/editions/draft-11/wire.js'
import {
  agent,
  byAgent,
  byToken,
  id,
  json,
  listenWith,
  openResource,
  resourceSigner,
  signed,
} from '../../countersign/test/resource/events-resource.js'
import { cdnCacheFields } from './cdn-cache-fields.js'
import { type Arrived, exchange, message, signedLines, statusOf } from './gateway-stage.js'

const routes: Route[] = [
  { method: 'GET', path: '/events', require: 'authorization', scope: 'events.read' },
  { method: 'POST', path: '/events', require: 'identity' },
  { method: 'POST', path: '/unseen', require: 'identity', body: 'unseen' },
  { method: '*', path: '/signed', require: 'signature' },
  { method: 'GET', path: '/public', require: 'none' },
  { method: 'POST', path: '/public', require: 'none' },
  { method: 'POST', path: '/notes', require: 'none', body: 'unseen' },
]

const forms = [
  'application/x-www-form-urlencoded',
  'Application/X-WWW-Form-URLEncoded; charset=utf-8',
  'multipart/form-data; boundary=b',
  'Multipart/Mixed',
  'application/json, multipart/form-data',
  'text/plain; a=x-www-form-urlencoded',
  'text/plain; a=Multipart; Boundary=b',
  'x',
]

const audience = 'http://127.0.0.1:3000'
const assertion = { signer: resourceSigner, audience }

const readAssertion = (token: string) =>
  jwtVerify(token, createLocalJWKSet({ keys: [resourceSigner.jwk as JWK] }), { issuer: id, audience })

/** A key as servers name theirs, and not agents. */
const jwksKey = { scheme: 'jwks', id: ids.personServer, wellKnown: 'aauth-person.json', kid: 'ps-1' } as const

const headerNames = ['Level', 'Proof', 'Agent-Server', 'Delegate', 'JKT', 'Issuer', 'Subject', 'Scope'].map(
  (name) => `x-aauth-${name.toLowerCase()}`,
)

async function openVerify(proxy: ProxyName, given: Partial<SubrequestOptions> = {}): Promise<number> {
  const options = { resource: openResource(), routes, proxy, trustProxy: ['127.0.0.1'], ...given }
  return listenWith(createSubrequestGateway(options).server)
}

/** The lines of a subrequest about a signed request, as nginx sends it. */
function about(lines: readonly string[], names = ['X-Original-Method', 'X-Original-URI']): string[] {
  const [method = '', target = ''] = (lines[0] ?? '').split(' ')
  return ['GET /verify HTTP/1.1', ...lines.slice(1), `${names[0]}: ${method}`, `${names[1]}: ${target}`]
}

const realStatus = (answer: string) => Number(/\r\nx-aauth-status: (\d+)/i.exec(answer)?.[1])

describe('GET /verify', () => {
  it('returns the caller’s identity in all identity headers, with absent ones empty', async () => {
    const port = await openVerify('nginx')
    const lines = await signedLines('/events?a=%7B', undefined, await byToken('events.read'))
    const answer = (await exchange(port, message(about(lines)))).toLowerCase()
    expect(statusOf(answer.toUpperCase())).toBe(200)
    for (const line of [
      'level: authorization',
      'proof: signature',
      `agent-server: ${agent}`,
      'subject: person-1',
      'scope: events.read',
    ])
      expect(answer).toContain(`\r\nx-aauth-${line}\r\n`)
    expect(answer).toContain('\r\nx-aauth-delegate: \r\n')
    const refused = (await exchange(port, message(about(await signedLines('/signed')).slice(0, 2)))).toLowerCase()
    for (const name of headerNames) expect(refused).toContain(`\r\n${name}: \r\n`)
  })

  // G04
  it.each([
    ['headers of another dialect as well', ['X-Forwarded-Uri: /signed']],
    ['a second method in another dialect', ['X-Forwarded-Method: GET']],
    ['two targets', ['X-Original-URI: /events']],
    ['two targets in two spellings', ['X_Original_URI: /events']],
    ['two methods', ['x-original-method: GET']],
    ['a method override', ['X-HTTP-Method-Override: DELETE']],
    ['an identity in a spelling that is forwarded', ['X_AAuth_Subject: admin']],
    ['another name that some servers interpret as an identity', ['Remote_User: admin']],
  ])('is rejected with 400 for %s', async (_, more) => {
    const port = await openVerify('nginx')
    const answer = await exchange(port, message([...about(await signedLines('/signed')), ...more]))
    expect([statusOf(answer), realStatus(answer)]).toEqual([403, 400])
  })

  it('is rejected with 400 without a target, with only the other dialect, and for an ambiguous target', async () => {
    const port = await openVerify('caddy')
    const lines = await signedLines('/signed')
    expect(statusOf(await exchange(port, message(about(lines))))).toBe(400)
    expect(statusOf(await exchange(port, message(['GET /verify HTTP/1.1', ...lines.slice(1)])))).toBe(400)
    const caddy = ['X-Forwarded-Method', 'X-Forwarded-Uri']
    expect(statusOf(await exchange(port, message(about(lines, caddy))))).toBe(200)
    const twisted = ['GET /x/../signed HTTP/1.1', ...lines.slice(1)]
    expect(statusOf(await exchange(port, message(about(twisted, caddy))))).toBe(400)
  })

  // G57
  it('refuses a body after which Caddy would forward trailers, also if the API authenticates the caller itself', async () => {
    const port = await openVerify('caddy', { otherwise: 'pass' })
    const caddy = ['X-Forwarded-Method', 'X-Forwarded-Uri']
    const typed = 'Content-Type: text/plain'
    for (const path of ['/notes', '/events']) {
      const lines = about([`POST ${path} HTTP/1.1`, 'Host: api.example', typed], caddy)
      for (const length of ['X-Original-Body: ', 'X-Original-Body: chunked', 'X-Other: 1'])
        expect(statusOf(await exchange(port, message([...lines, length])))).toBe(400)
      for (const length of ['0', '14'])
        expect(statusOf(await exchange(port, message([...lines, `X-Original-Body: ${length}`])))).toBe(200)
    }
    const read = about(['GET /events HTTP/1.1', 'Host: api.example'], caddy)
    expect(statusOf(await exchange(port, message([...read, 'X-Original-Body: '])))).toBe(200)
  })

  // G06
  it('accepts no unseen body, unless the route allows it', async () => {
    const port = await openVerify('nginx')
    for (const init of [json({ a: 1 }), { method: 'POST' }, { method: 'PUT' }]) {
      const path = init.method === 'PUT' ? '/signed' : '/events'
      const answer = await exchange(port, message(about(await signedLines(path, init))))
      expect(statusOf(answer)).toBe(401)
      expect(answer).toMatch(/\r\nX-AAuth-Error: body_unseen\r\n/)
      expect(answer).toMatch(
        /"error":"invalid_request","error_description":"[^"]*does not pass on the body[^"]*body: unseen/,
      )
      expect(answer).not.toMatch(/signature-error/i)
    }
    const unseen = about(await signedLines('/unseen', json({ a: 1 })))
    expect(statusOf(await exchange(port, message(unseen)))).toBe(200)
    const bodiless = [...about(await signedLines('/unseen', { method: 'POST' })), 'X-Original-Body: 0']
    expect(statusOf(await exchange(port, message(bodiless)))).toBe(200)
    const withBody = [...about(await signedLines('/signed')), 'X-Original-Body: 7']
    expect(statusOf(await exchange(port, message(withBody)))).toBe(401)
    const without = [...about(await signedLines('/signed')), 'X-Original-Body: 0']
    expect(statusOf(await exchange(port, message(without)))).toBe(200)
  })

  // G35
  it('accepts no body if nothing is verified, unless the route allows it', async () => {
    const port = await openVerify('nginx')
    const ask = async (method: string, path: string, more: string[] = []) =>
      exchange(port, message([...about([`${method} ${path} HTTP/1.1`, 'Host: x']), ...more]))
    expect(statusOf(await ask('GET', '/public'))).toBe(200)
    expect(statusOf(await ask('HEAD', '/public'))).toBe(200)
    for (const answer of [
      await ask('GET', '/public', ['X-Original-Body: 1']),
      await ask('GET', '/public', ['X-Original-Body: chunked']),
      await ask('POST', '/public'),
    ])
      expect(realStatus(answer)).toBe(400)
    const json = ['X-Original-Body: 7', 'Content-Type: application/json']
    expect(statusOf(await ask('POST', '/notes', json))).toBe(200)
    expect(statusOf(await ask('POST', '/notes', ['X-Original-Body: 0']))).toBe(200)
    expect(realStatus(await ask('POST', '/notes', json.slice(0, 1)))).toBe(415)
    const other = await openVerify('nginx', { otherwise: 'pass' })
    const unlisted = about(['POST /elsewhere HTTP/1.1', 'Host: x', 'X-Original-Body: 7'])
    expect(statusOf(await exchange(other, message(unlisted)))).toBe(200)
  })

  // G43
  it('treats every method other than GET and HEAD as having a body, unless its length is 0', async () => {
    const own: Route[] = ['POST', 'OPTIONS', 'QUERY', 'GET', 'HEAD'].map((method) => ({
      method,
      path: '/notes',
      require: 'none',
      ...(method === 'GET' || method === 'HEAD' ? {} : { body: 'unseen' as const }),
    }))
    const port = await openVerify('nginx', { routes: own })
    const ask = async (method: string, more: string[] = []) => {
      const answer = await exchange(port, message([...about([`${method} /notes HTTP/1.1`, 'Host: x']), ...more]))
      return realStatus(answer) || statusOf(answer)
    }
    for (const method of ['POST', 'OPTIONS', 'QUERY']) {
      for (const length of [
        [],
        ['X-Original-Body: '],
        ['X-Original-Body: 7'],
        ['X-Original-Body: chunked'],
        ['X-Original-Body: 00'],
        ['X-Original-Body: 0', 'X-Original-Body: 7'],
      ]) {
        expect(await ask(method, length), [method, ...length].join(' ')).toBe(415)
        const types = ['Content-Type: application/json', 'Content-Type: text/plain']
        expect(await ask(method, [...length, ...types])).toBe(400)
        expect(await ask(method, [...length, 'Content-Type: application/json'])).toBe(200)
      }
      expect(await ask(method, ['X-Original-Body: 0'])).toBe(200)
    }
    for (const method of ['GET', 'HEAD']) expect(await ask(method)).toBe(200)
  })

  it('treats a signed request without a length as having a body, which the signature must cover', async () => {
    const port = await openVerify('nginx')
    const headers = { 'content-type': 'application/json' }
    const lines = about(await signedLines('/unseen', { method: 'POST', headers }))
    expect(statusOf(await exchange(port, message(lines)))).toBe(401)
  })

  // G35
  it.each(forms)('accepts no unseen form: %s', async (type) => {
    const port = await openVerify('nginx')
    const headers = { 'content-type': type }
    const signedForm = await signedLines('/unseen', { method: 'POST', body: '_method=DELETE', headers })
    const unsigned = ['POST /notes HTTP/1.1', 'Host: x', `Content-Type: ${type}`]
    for (const lines of [signedForm, unsigned])
      expect(realStatus(await exchange(port, message([...about(lines), 'X-Original-Body: 14'])))).toBe(415)
  })

  // G33
  it('is 404 for the documents of the resource, which the proxy must forward to the gateway', async () => {
    const port = await openVerify('nginx', { routes: [{ method: 'GET', path: '/*', require: 'none' }] })
    for (const path of ['/jwks.json', '/JWKS.json', '/jwks.json/', '/resource/token;x'])
      expect(realStatus(await exchange(port, message(about([`GET ${path} HTTP/1.1`, 'Host: x']))))).toBe(404)
    expect(statusOf(await exchange(port, message(about(['GET /jwks-x HTTP/1.1', 'Host: x']))))).toBe(200)
  })

  // G39, G48
  it('judges paths and queries as a gateway in the path does', async () => {
    const routes: Route[] = [
      { method: 'GET', path: '/projects/{id}', require: 'none', encoded: ['%2F'] },
      { method: 'GET', path: '/admin/*', require: 'identity' },
    ]
    const port = await openVerify('nginx', { routes, upstream: { matches: 'raw' }, frontController: true })
    const verify = async (target: string) =>
      realStatus(await exchange(port, message(about([`GET ${target} HTTP/1.1`, 'Host: x']))))
    for (const target of ['/projects/7?r=admin/x', '/projects/7;x', '/Projects/7/../x', '/projects/a%2F..%2Fb'])
      expect([target, await verify(target)]).toEqual([target, 400])
    const passed = await exchange(port, message(about(['GET /projects/a%2Fb HTTP/1.1', 'Host: x'])))
    expect(statusOf(passed)).toBe(200)
    await expect(openVerify('nginx', { routes })).rejects.toThrow(/encoded requires upstream\.matches: 'raw'/)
  })

  // G10
  it('is 404 for a peer that is not a trusted proxy, as is every other path', async () => {
    const port = await openVerify('nginx', { trustProxy: ['10.0.0.1'] })
    const answer = await exchange(port, message(about(await signedLines('/signed'))))
    expect(realStatus(answer) || statusOf(answer)).toBe(404)
    const other = await openVerify('nginx')
    expect(statusOf(await exchange(other, message(await signedLines('/signed'))))).toBe(404)
    const document = await exchange(other, message(['GET /.well-known/aauth-resource HTTP/1.1', 'Host: x']))
    expect(document).toMatch(/"resource":"https:\/\/api\.example"/)
  })

  it('accepts a nonce once', async () => {
    const port = await openVerify('nginx')
    const lines = about(await signedLines('/unseen', json({ a: 1 })))
    expect(lines.some((line) => line.startsWith('nonce'))).toBe(true)
    expect(statusOf(await exchange(port, message(lines)))).toBe(200)
    expect(statusOf(await exchange(port, message(lines)))).toBe(401)
  })

  // G16
  it('returns an assertion for the API and the request, and an empty one if nothing was verified', async () => {
    const port = await openVerify('nginx', { assertion })
    const lines = await signedLines('/events?a=%7B', undefined, await byToken('events.read'))
    const answer = await exchange(port, message(about(lines)))
    const { payload } = await readAssertion(/\r\nX-AAuth-Assertion: (\S+)\r\n/.exec(answer)?.[1] ?? '')
    expect(payload).toMatchObject({ level: 'authorization', agent, method: 'GET', target: '/events?a=%7B' })
    expect(payload).toMatchObject({ sub: 'person-1', scope: 'events.read' })
    for (const path of ['/events', '/public']) {
      const unsigned = await exchange(port, message(about([`GET ${path} HTTP/1.1`, 'Host: api.example'])))
      expect(unsigned).toContain('\r\nX-AAuth-Assertion: \r\n')
    }
    // A proxy copies it whether it is present or not.
    expect(await exchange(await openVerify('nginx'), message(about(lines)))).toContain('\r\nX-AAuth-Assertion: \r\n')
  })

  it('rejects invalid options', () => {
    const options = { resource: openResource(), routes, proxy: 'nginx', trustProxy: ['127.0.0.1'] } as const
    const open = (change: object) => () => createSubrequestGateway({ ...options, ...change })
    expect(open({ trustProxy: [] })).toThrow(/trustProxy/)
    expect(open({ proxy: 'apache' })).toThrow(/proxy must be one of nginx, caddy/)
    expect(open({ assertion: { signer: resourceSigner } })).toThrow(/assertion\.audience/)
    const grave: Partial<Route>[] = [{ method: 'DELETE' }, { method: '*' }, { path: '/payments' }, { path: '/remove' }]
    for (const change of grave)
      expect(open({ routes: [{ ...routes[2], ...change }] })).toThrow(
        /cannot be unseen on a route that, judging by its method, path or scope, may delete or spend/,
      )
  })

  // G31
  it('rejects options that have no effect here', () => {
    const open = (more: object) => () =>
      createSubrequestGateway({ resource: openResource(), routes, proxy: 'nginx', trustProxy: ['127.0.0.1'], ...more })
    for (const more of [{ mcp: [{ path: '/mcp' }] }, { cors: { origins: '*' } }, { limits: { maxBody: 1 } }])
      expect(open(more)).toThrow(/createSubrequestGateway has no option (?:mcp|cors|maxBody)/)
  })
})

interface Proxy {
  command: ProxyName
  file: string
  configure: (folder: string, site: string) => string[]
}

const proxies: Record<ProxyName, Proxy> = {
  nginx: {
    command: 'nginx',
    file: 'nginx-gateway.conf',
    configure(folder, site) {
      mkdirSync(join(folder, 'temp'))
      const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path temp;`)
      writeFileSync(
        join(folder, 'nginx.conf'),
        `daemon off; master_process off; user root; pid nginx.pid; error_log stderr; events {}
         http { access_log off; ${temporary.join(' ')} ${site} }`,
      )
      return ['-p', folder, '-e', 'stderr', '-c', join(folder, 'nginx.conf')]
    },
  },
  caddy: {
    command: 'caddy',
    file: 'Caddyfile-gateway',
    configure(folder, site) {
      writeFileSync(join(folder, 'Caddyfile'), `{\n admin off\n auto_https off\n}\n${site}`)
      return ['run', '--adapter', 'caddyfile', '--config', join(folder, 'Caddyfile')]
    },
  },
}

/** A separate certificate for the host in the manual. */
interface Tls {
  cert: string
  key: string
}

function makeCertificate(): Tls {
  need('openssl')
  const folder = mkdtempSync(join(tmpdir(), 'countersign-tls-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')]
  const subject = ['-subj', '/CN=api.example', '-addext', 'subjectAltName=DNS:api.example', '-days', '1']
  const made = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  const { status, stderr } = spawnSync('openssl', [...made, ...subject, '-keyout', key, '-out', cert])
  if (status !== 0) throw new Error(`openssl made no certificate: ${stderr.toString()}`)
  return { cert, key }
}

/** The proxy configuration from the manual, on loopback: with TLS if there is a certificate. */
function siteOf(file: string, port: number, tls: Tls | undefined): string {
  const shown = readFileSync(new URL(`../../../docs/deployment/${file}`, import.meta.url), 'utf8')
  if (tls)
    return shown
      .replace('listen 443 ssl;', `listen 127.0.0.1:${port} ssl;`)
      .replaceAll(/^ *listen \[::\].*$/gm, '')
      .replace('/etc/ssl/api.example/fullchain.pem', tls.cert)
      .replace('/etc/ssl/api.example/key.pem', tls.key)
      .replace(/^api\.example \{/m, `https://api.example:${port} {\n bind 127.0.0.1\n tls ${tls.cert} ${tls.key}`)
  return shown
    .replace('listen 443 ssl;', `listen 127.0.0.1:${port};`)
    .replaceAll(/^ *(?:listen \[::\].*|http2 on;|ssl_certificate.*)$/gm, '')
    .replace(/^api\.example \{/m, `http://:${port} {\n bind 127.0.0.1`)
}

/** Starts a proxy with the configuration from the manual, in front of an API that records its requests. */
async function openProxy(
  name: ProxyName,
  given: Partial<SubrequestOptions> = {},
  tls?: Tls,
): Promise<{ port: number; arrived: Arrived[] }> {
  const { command, file, configure } = proxies[name]
  const arrived: Arrived[] = []
  const api = createServer((incoming, outgoing) => {
    const { method = '', url = '', rawHeaders, headers, trailers } = incoming
    const request = { method, url, rawHeaders, headers, trailers, body: '' }
    arrived.push(request)
    outgoing.setHeader('cache-control', 'public, max-age=60')
    for (const field of cdnCacheFields) outgoing.setHeader(field, field === 'X-Accel-Expires' ? '3600' : 'max-age=3600')
    incoming.on('data', (chunk: Buffer) => {
      request.body += chunk.toString()
    })
    incoming.once('end', () => {
      request.trailers = incoming.trailers
      outgoing.end('from the API')
    })
  })
  api.on('upgrade', (incoming: IncomingMessage, socket: Duplex) => {
    const { method = '', url = '', rawHeaders, headers, trailers } = incoming
    arrived.push({ method, url, rawHeaders, headers, trailers, body: '' })
    socket.on('error', () => undefined)
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
    socket.pipe(socket)
  })
  const [port, verify, behind] = [
    await freePort(),
    await openVerify(name, { assertion, ...given }),
    await listenWith(api),
  ]
  const site = siteOf(file, port, tls)
    .replaceAll('127.0.0.1:8080', `127.0.0.1:${verify}`)
    .replaceAll('127.0.0.1:3000', `127.0.0.1:${behind}`)
  need(command)
  const folder = mkdtempSync(join(tmpdir(), 'countersign-proxy-'))
  const env = { ...process.env, HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder }
  const child: ChildProcess = spawn(command, configure(folder, site), {
    cwd: folder,
    env,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let said = ''
  child.stderr?.on('data', (text: Buffer) => {
    said += text.toString()
  })
  const ended = new Promise((resolve) => child.once('close', resolve))
  onTestFinished(async () => {
    child.kill('SIGTERM')
    await ended
    rmSync(folder, { recursive: true, force: true })
  })
  const isThere = () =>
    new Promise<string>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => socket.end())
      socket.once('error', () => resolve(said)).once('close', () => resolve('there'))
    })
  await expect.poll(isThere, { interval: 100 }).toBe('there')
  return { port, arrived }
}

/** Everything received in response to a handshake, and to the data sent on the socket after it. */
function echoed(port: number, handshake: string): Promise<string> {
  const said = 'over the socket'
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(handshake))
    let text = ''
    socket.setTimeout(30_000, () => socket.destroy())
    socket.on('data', (chunk: Buffer) => {
      if (text === '') socket.write(said)
      text += chunk.toString('latin1')
      if (text.endsWith(said)) socket.destroy()
    })
    socket.once('error', reject)
    socket.once('close', () => resolve(text))
  })
}

describe.each(['nginx', 'caddy'] as const)('behind %s, as the manual configures it', (name) => {
  it('refusals have the headers of the edition', async () => {
    const { resource } = openStage()
    const own: Route[] = [{ method: 'GET', path: '/user', require: 'user' }]
    const { port } = await openProxy(name, { resource, routes: own, assertion: undefined })
    const unsigned = await exchange(port, message(['GET /user HTTP/1.1', 'Host: api.example']))
    expect(unsigned).toMatch(/\r\naauth-requirement: requirement=person-token\r\n/i)
    expect(unsigned).toMatch(/\r\nsignature-error: error=invalid_signature\r\n/i)
    const { headers } = await craftRequest({ signer: signers.agent, key: jwksKey, target: '/user' })
    const lines = headers.map((line) => line.join(': '))
    const other = await exchange(port, message(['GET /user HTTP/1.1', ...lines]))
    expect(statusOf(other)).toBe(401)
    expect(other).toMatch(/\r\naccept-signature-scheme: jwt\r\n/i)
  })

  it('the API receives the caller’s identity, and no unauthorized request reaches it', async () => {
    const { port, arrived } = await openProxy(name)
    const ask = async (lines: readonly string[], body = '') => exchange(port, message(lines, body))

    const good = await ask(await signedLines('/events?b=%7B&a', undefined, await byToken('events.read')))
    expect(statusOf(good)).toBe(200)
    expect(good).toMatch(/from the API/)
    expect(good).toMatch(/cache-control: private, no-store/i)
    // G47
    expect(good).not.toMatch(/max-age|3600/)
    expect(arrived[0]).toMatchObject({
      url: '/events?b=%7B&a',
      headers: { 'x-aauth-level': 'authorization', 'x-aauth-agent-server': agent, 'x-aauth-subject': 'person-1' },
    })
    const { payload } = await readAssertion(String(arrived[0]?.headers['x-aauth-assertion']))
    expect(payload).toMatchObject({ sub: 'person-1', scope: 'events.read', method: 'GET', target: '/events?b=%7B&a' })
    arrived.length = 0

    // G16
    const forgery = 'X-AAuth-Assertion: forged'
    expect(statusOf(await ask([...(await signedLines('/signed')), forgery]))).toBe(200)
    const own = await readAssertion(String(arrived[0]?.headers['x-aauth-assertion']))
    expect(own.payload).toMatchObject({ level: 'signature', target: '/signed' })
    expect(statusOf(await ask(['GET /public HTTP/1.1', 'Host: api.example', forgery]))).toBe(200)
    expect(arrived[1]?.headers['x-aauth-assertion'] ?? '').toBe('')
    arrived.length = 0

    // G05
    const forged = [
      'X-AAuth-Subject: admin',
      'X-AAuth-Scope: all',
      'x-aauth-issuer: https://evil.example',
      'X-AAuth-New: 1',
    ]
    expect(statusOf(await ask([...(await signedLines('/signed')), ...forged]))).toBe(200)
    const headers = arrived[0]?.headers ?? {}
    for (const part of ['subject', 'scope', 'issuer', 'delegate']) expect(headers[`x-aauth-${part}`] ?? '').toBe('')
    expect(headers).toMatchObject({ 'x-aauth-level': 'signature', 'x-aauth-agent-server': agent })
    expect(JSON.stringify(arrived[0]?.rawHeaders)).not.toMatch(/admin|evil/)
    arrived.length = 0

    // Spellings that some programs read as X-AAuth-… are rejected or dropped.
    for (const line of ['X_AAuth_Subject: admin', 'X-AAuth_Subject: admin', 'x.aauth.subject: admin']) {
      await ask([...(await signedLines('/signed')), line])
      expect(JSON.stringify(arrived.map(({ rawHeaders }) => rawHeaders))).not.toMatch(/admin/)
    }
    arrived.length = 0

    const unsigned = await ask(['GET /events HTTP/1.1', 'Host: api.example'])
    expect(unsigned).toMatch(/^HTTP\/1\.1 401[\s\S]*\r\nagent-auth: httpsig/i)
    expect(await ask(await signedLines('/events'))).toMatch(/^HTTP\/1\.1 401[\s\S]*\r\nagent-auth: .*resource_token=/i)
    const narrow = await ask(await signedLines('/events', undefined, await byToken('events.other')))
    expect(narrow).toMatch(/^HTTP\/1\.1 403[\s\S]*\r\nagent-auth: .*resource_token=/i)
    // G60. A cache in front of the proxy must not repeat a refusal to other callers.
    expect(await ask(await signedLines('/nowhere'))).toMatch(/^HTTP\/1\.1 404[\s\S]*\r\ncache-control: [^\r]*no-store/i)
    expect(await ask(['DELETE /events HTTP/1.1', 'Host: api.example'])).toMatch(/^HTTP\/1\.1 405[\s\S]*\r\nAllow: \S/i)
    expect(statusOf(await ask(['GET //events HTTP/1.1', 'Host: api.example']))).toBe(400)
    expect(statusOf(await ask(['GET /%65vents HTTP/1.1', 'Host: api.example']))).toBe(400)

    // G04
    const lines = await signedLines('/signed')
    for (const line of ['X-Original-URI: /signed', 'X-Forwarded-Uri: /signed', 'X-Original-Method: GET']) {
      const other = lines.map((each) => each.replace('GET /signed', 'GET /events'))
      expect(statusOf(await ask([...other, line, 'X-Forwarded-Method: GET']))).not.toBe(200)
    }

    // G06
    const post = async (path: string) => [...(await signedLines(path, json({ a: 1 }))), 'Content-Length: 7']
    expect(statusOf(await ask(await post('/events'), '{"a":1}'))).toBe(401)
    const unseen = await ask(await signedLines('/events', { method: 'POST' }))
    expect(unseen).toMatch(/^HTTP\/1\.1 401[\s\S]*\r\nX-AAuth-Error: body_unseen\r\n/i)
    const withBody = await ask([...(await signedLines('/signed')), 'Content-Length: 7'], '{"a":1}')
    expect(statusOf(withBody)).toBe(name === 'nginx' ? 401 : 400)
    for (const path of ['/signed', '/public'])
      for (const content of ['{"a":1}', 'A', 'A'.repeat(50)]) {
        const head = path === '/public' ? [`GET ${path} HTTP/1.1`, 'Host: api.example'] : await signedLines(path)
        const chunk = `${content.length.toString(16)}\r\n${content}\r\n0\r\n\r\n`
        expect(statusOf(await ask([...head, 'Transfer-Encoding: chunked'], chunk))).toBeGreaterThanOrEqual(400)
        expect(statusOf(await ask([...head, `Content-Length: ${content.length}`], content))).toBeGreaterThanOrEqual(400)
      }
    // G35
    const form = ['Content-Type: application/x-www-form-urlencoded', 'Content-Length: 14']
    expect(statusOf(await ask(['POST /notes HTTP/1.1', 'Host: api.example', ...form], '_method=DELETE'))).toBe(415)
    // G43
    const chunked = 'e\r\n_method=DELETE\r\n0\r\n\r\n'
    const head = ['POST /notes HTTP/1.1', 'Host: api.example']
    for (const [length, body] of [
      ['Transfer-Encoding: chunked', chunked],
      ['Content-Length: 14', '_method=DELETE'],
    ] as const)
      expect(statusOf(await ask([...head, length], body)), length).toBe(415)
    expect(arrived).toEqual([])
    expect(statusOf(await ask([...head, 'Content-Length: 0']))).toBe(200)
    expect(arrived.map(({ body }) => body)).toEqual([''])
    // G57
    arrived.length = 0
    const typed = [...head, 'Transfer-Encoding: chunked', 'Trailer: X-AAuth-Scope', 'Content-Type: text/plain']
    const trailed = chunked.replace(/\r\n$/, 'X-AAuth-Scope: admin\r\n\r\n')
    expect(statusOf(await ask(typed, trailed))).toBe(name === 'nginx' ? 200 : 400)
    const untrailed = { body: '_method=DELETE', trailers: {} }
    expect(arrived.map(({ body, trailers }) => ({ body, trailers }))).toEqual(name === 'nginx' ? [untrailed] : [])
    arrived.length = 0
    expect(statusOf(await ask(await post('/unseen'), '{"a":1}'))).toBe(200)
    expect(arrived).toHaveLength(1)
  })

  it('the caller learns above a limit how long to wait and what raises the limit', async () => {
    const { port, arrived } = await openProxy(name, { resource: openResource({ rateLimit: () => 7 }) })
    const answer = await exchange(port, message(await signedLines('/signed')))
    expect(answer).toMatch(/^HTTP\/1\.1 429[\s\S]*\r\nretry-after: 7\r\n/i)
    expect(answer).toMatch(/\r\nagent-auth: httpsig; auth-token\r\n/i)
    expect(answer.match(/\r\nretry-after: /gi)).toHaveLength(1)
    expect(arrived).toEqual([])
  })

  // G58
  it('the API closes each connection, so that it does not parse an unread body as a request', async () => {
    const { port, arrived } = await openProxy(name)
    const head = ['Host: api.example', 'Content-Type: text/plain', 'Content-Length: 1']
    await exchange(port, message(['POST /notes HTTP/1.1', ...head], 'A'))
    await exchange(port, message(['GET /public HTTP/1.1', 'Host: api.example']))
    expect(arrived.map(({ method, headers }) => [method, headers.connection])).toEqual([
      ['POST', 'close'],
      ['GET', 'close'],
    ])
  })

  // G34
  it('a client cannot remove headers, and can upgrade to a WebSocket only', async () => {
    const { port, arrived } = await openProxy(name)
    const end = '\r\n\r\n'
    const names = 'X-AAuth-Level, X-AAuth-Agent-Server, X-AAuth-JKT, X-AAuth-Scope, X-Own, Cookie'
    const lines = await signedLines('/events', undefined, await byToken('events.read'))
    const taking = [...lines, 'X-Own: 1', 'Cookie: a=1', `Connection: close, ${names}`]
    await exchange(port, taking.join('\r\n') + end)
    const told = { 'x-aauth-level': 'authorization', 'x-aauth-agent-server': agent, 'x-aauth-scope': 'events.read' }
    expect(arrived[0]?.headers).toMatchObject({ ...told, 'x-own': '1', cookie: 'a=1' })
    arrived.length = 0

    const asks = (upgrade: readonly string[], connection = 'Upgrade') => [
      'GET /public HTTP/1.1',
      'Host: api.example',
      `Connection: ${connection}`,
      ...upgrade.map((each) => `Upgrade: ${each}`),
      'HTTP2-Settings: AAMAAABkAAQAAP__',
    ]
    for (const upgrade of [['h2c'], ['h2c, websocket'], ['TLS/1.0'], ['websocket/13']])
      for (const connection of ['Upgrade', 'Upgrade, HTTP2-Settings', 'close']) {
        const answer = await exchange(port, asks(upgrade, connection).join('\r\n') + end, /\r\n\r\n/)
        expect(statusOf(answer)).toBe(400)
      }
    expect(arrived).toEqual([])
    for (const given of [asks(['websocket', 'h2c']), asks(['h2c', 'websocket'])]) {
      const answer = await exchange(port, `${given.join('\r\n')}${end}`, /\r\n\r\n/)
      expect(answer).not.toMatch(/h2c/i)
      expect(JSON.stringify(arrived.map(({ headers }) => headers.upgrade ?? ''))).not.toMatch(/h2c/)
    }
    arrived.length = 0

    const socket = await signedLines('/events', undefined, await byToken('events.read'))
    const handshake = [...socket, 'Connection: keep-alive, Upgrade, X-AAuth-Level', 'Upgrade: WebSocket']
    expect(await echoed(port, handshake.join('\r\n') + end)).toMatch(/^HTTP\/1\.1 101 [\s\S]*\r\n\r\nover the socket$/)
    expect(arrived[0]?.headers).toMatchObject({ ...told, upgrade: 'websocket' })
    arrived.length = 0
    const unsigned = ['GET /events HTTP/1.1', 'Host: api.example', 'Connection: Upgrade', 'Upgrade: websocket']
    expect(statusOf(await exchange(port, unsigned.join('\r\n') + end, /\r\n\r\n/))).toBe(401)
    expect(arrived).toEqual([])
  })
})

describe.each(['nginx', 'caddy'] as const)('over TLS, with HTTP/2, behind %s as the manual configures it', (name) => {
  it('the API receives the caller’s identity; a POST is rejected, with or without a body', async () => {
    const tls = makeCertificate()
    const { port, arrived } = await openProxy(name, {}, tls)
    const session = connectHttp2(`https://127.0.0.1:${port}`, { servername: 'api.example', ca: readFileSync(tls.cert) })
    onTestFinished(() => session.destroy())
    async function ask(method: string, path: string, signature: Awaited<ReturnType<typeof byToken>>, body = '') {
      const request = await signed(path, { method, ...(body === '' ? {} : { body }) }, signature)
      const stream = session.request({
        ':method': method,
        ':path': path,
        ':authority': 'api.example',
        ...Object.fromEntries(request.headers),
      })
      if (method !== 'GET') stream.end(body)
      stream.resume()
      const [headers] = (await once(stream, 'response')) as [IncomingHttpHeaders]
      return headers
    }
    expect(await ask('GET', '/events?a=1', await byToken('events.read'))).toMatchObject({ ':status': 200 })
    const told = { 'x-aauth-level': 'authorization', 'x-aauth-agent-server': agent, 'x-aauth-scope': 'events.read' }
    expect(arrived).toMatchObject([{ method: 'GET', url: '/events?a=1', headers: told }])
    const [bodiless, withBody] = [await ask('POST', '/events', byAgent), await ask('POST', '/events', byAgent, '{}')]
    expect([bodiless[':status'], withBody[':status']]).toEqual([401, 401])
    expect(arrived).toHaveLength(1)
    // G43
    async function send(headers: Record<string, string>): Promise<number> {
      const stream = session.request({ ':method': 'POST', ':path': '/notes', ':authority': 'api.example', ...headers })
      stream.end('_method=DELETE')
      stream.resume()
      const [answer] = (await once(stream, 'response')) as [IncomingHttpHeaders]
      return Number(answer[':status'])
    }
    expect([await send({}), await send({ 'content-length': '14' })]).toEqual([415, 415])
    expect(await send({ 'content-type': 'application/x-www-form-urlencoded' })).toBe(415)
    expect(arrived).toHaveLength(1)
    // G57
    expect(await send({ 'content-type': 'text/plain' })).toBe(name === 'nginx' ? 200 : 400)
    expect(await send({ 'content-type': 'text/plain', 'content-length': '14' })).toBe(200)
    expect(arrived.at(-1)?.body).toBe('_method=DELETE')
  })
})

// G58
it('nginx forwards no upgrade over HTTP/2, where a body of unknown length may follow', async () => {
  const tls = makeCertificate()
  const { port, arrived } = await openProxy('nginx', {}, tls)
  const at = { port, host: '127.0.0.1', servername: 'api.example', ca: readFileSync(tls.cert) }
  const socket = connectTls({ ...at, ALPNProtocols: ['h2'] })
  onTestFinished(() => void socket.destroy())
  await once(socket, 'secureConnect')
  // Node.js sends no such header itself.
  const frame = (type: number, flags: number, stream: number, payload: readonly number[]) =>
    Buffer.from([0, 0, payload.length, type, flags, 0, 0, 0, stream, ...payload])
  const text = (value: string) => [value.length, ...Buffer.from(value)]
  const head = { ':method': 'GET', ':scheme': 'https', ':authority': 'api.example', ':path': '/public' }
  const fields = Object.entries({ ...head, upgrade: 'websocket' })
  const block = fields.flatMap(([field, value]) => [0, ...text(field), ...text(value)])
  const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
  socket.write(Buffer.concat([preface, frame(4, 0, 0, []), frame(1, 4, 1, block), frame(0, 1, 1, [0x41])]))
  await expect.poll(() => arrived.length, { timeout: 30_000 }).toBe(1)
  expect(arrived[0]?.headers).toMatchObject({ connection: 'close' })
  expect(arrived[0]?.headers.upgrade).toBeUndefined()
})
