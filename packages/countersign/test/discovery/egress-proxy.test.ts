import { createServer as createHttpServer, type IncomingMessage } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import { type AddressInfo, connect, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import { createSigner, generatePrivateJwk } from 'countersign'
import { january } from 'countersign/editions'
import { createGuardedFetch, type GuardedFetchOptions } from 'countersign/node'
import { createResource } from 'countersign/resource'
import { type KeyReference, signRequest } from 'countersign/signatures'
import { issueToken } from 'countersign/tokens'
import { createCertificateFinder } from 'countersign/x509'
import { describe, expect, it, onTestFinished } from 'vitest'
import { type Issued, issueCertificate } from '../x509/certificates.js'
import { startServer, startTcpServer } from './loopback-server.js'
import { simulatePublicNetwork } from './public-network.js'
import { certificateOf, startTlsServer, trust } from './tls-server.js'

interface Proxy {
  /** `host:port` of the proxy's URL. */
  authority: string
  /** The requests it received: the authority, and the credentials if any. */
  asked: [authority: string | undefined, credentials?: string][]
  /** The server names of TLS connections to the proxy; false if none was sent. */
  named: (string | false)[]
  /** Connections that are open. */
  open: () => number
}

type Answer = (socket: Duplex, head: Buffer) => void

/** A proxy that forwards every connection to the port on 127.0.0.1, or responds as specified. */
async function startProxy(port: number, { answer, certificate }: { answer?: Answer; certificate?: Issued } = {}) {
  const asked: Proxy['asked'] = []
  const named: Proxy['named'] = []
  const sockets = new Set<Duplex>()
  const key = certificate?.privateKey.export({ type: 'pkcs8', format: 'pem' })
  const server = certificate && key ? createHttpsServer({ key, cert: certificate.pem }) : createHttpServer()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.on('close', () => sockets.delete(socket))
  })
  server.on('secureConnection', ({ servername }: TLSSocket) => named.push(servername ?? false))
  server.on('connect', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    const { 'proxy-authorization': credentials } = request.headers
    asked.push(credentials === undefined ? [request.url] : [request.url, credentials])
    socket.on('error', () => undefined)
    // Node's HTTP server leaves it to its user to close a socket that the peer half-closed.
    socket.on('end', () => socket.destroy())
    if (answer) {
      socket.resume()
      return answer(socket, head)
    }
    const onward = connect(port, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n')
      socket.pipe(onward).pipe(socket)
    })
    onward.on('error', () => socket.destroy())
    onward.on('close', () => socket.resume())
    socket.on('close', () => onward.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  return { authority: `127.0.0.1:${(server.address() as AddressInfo).port}`, asked, named, open: () => sockets.size }
}

/** A public server behind a proxy, and a private one next to it; names resolve as specified. */
async function meet(names: Record<string, readonly string[]>, more: { answer?: Answer; secure?: true } = {}) {
  const certificate = certificateOf('agent.example', 'agent.corp.example', 'inside.corp.example')
  const proxyCertificate = certificateOf('proxy.example')
  trust(certificate, proxyCertificate)
  const server = await startTlsServer(certificate, (_request, response) => response.end('{"a":1}'))
  const inside = await startTlsServer(certificate, (_request, response) => response.end('{"b":2}'))
  const proxy = await startProxy(server.port, {
    ...(more.answer ? { answer: more.answer } : {}),
    ...(more.secure ? { certificate: proxyCertificate } : {}),
  })
  const network = simulatePublicNetwork(
    Object.fromEntries(Object.entries(names).map(([name, addresses]) => [name, [addresses]])),
    inside.port,
  )
  const fetchBy = (options: GuardedFetchOptions = {}) =>
    createGuardedFetch({ egressProxy: `http://${proxy.authority}`, ...options })
  return { server, inside, proxy, network, fetchBy }
}

async function bodyOf(response: Promise<Response>): Promise<unknown> {
  return (await response).json()
}

const secret = 'http://user%40corp:p%25ss@'

describe('W28: egressProxy', () => {
  it('forwards public requests by name, with TLS to the named server', async () => {
    const { proxy, server, inside, fetchBy, network } = await meet({ 'agent.example': ['8.8.8.8'] })
    const fetch = fetchBy()
    expect(await bodyOf(fetch('https://agent.example/a?b'))).toEqual({ a: 1 })
    expect(await bodyOf(fetch('https://agent.example:8443/'))).toEqual({ a: 1 })
    expect(proxy.asked).toEqual([['agent.example:443'], ['agent.example:8443']])
    expect(server.asked).toEqual(['agent.example /a?b', 'agent.example:8443 /'])
    expect(inside.connections()).toBe(0)
    expect(network.connected).toEqual([])
  })

  it('alone receives the username and password from its URL', async () => {
    const { proxy, fetchBy } = await meet({ 'agent.example': ['8.8.8.8'] })
    await bodyOf(fetchBy({ egressProxy: `${secret}${proxy.authority}` })('https://agent.example/'))
    for (const user of ['user', ':secret'])
      await bodyOf(fetchBy({ egressProxy: `http://${user}@${proxy.authority}` })('https://agent.example/'))
    expect(proxy.asked.map(([, credentials]) => credentials)).toEqual([
      `Basic ${Buffer.from('user@corp:p%ss').toString('base64')}`,
      `Basic ${Buffer.from('user:').toString('base64')}`,
      `Basic ${Buffer.from(':secret').toString('base64')}`,
    ])
  })

  it('can be used over TLS, with the TLS of the request inside, and must match its name', async () => {
    const names = { 'agent.example': ['8.8.8.8'], 'proxy.example': ['127.0.0.1'], 'other.example': ['127.0.0.1'] }
    const { proxy, fetchBy } = await meet(names, { secure: true })
    const { port } = new URL(`http://${proxy.authority}`)
    const by = (name: string) => fetchBy({ egressProxy: `https://${name}:${port}` })('https://agent.example/')
    expect(await bodyOf(by('proxy.example'))).toEqual({ a: 1 })
    expect(proxy.named).toEqual(['proxy.example'])
    await expect(by('other.example')).rejects.toThrow(/altnames/)
    expect(proxy.asked).toEqual([['agent.example:443']])
  })

  it('accepts names that cannot be resolved locally', async () => {
    const { proxy, fetchBy } = await meet({})
    expect(await bodyOf(fetchBy()('https://agent.example/'))).toEqual({ a: 1 })
    expect(proxy.asked).toEqual([['agent.example:443']])
  })

  it.each<[string, string, ...string[]]>([
    ['a name at a private address', 'https://agent.corp.example/', '10.1.2.3'],
    ['a name at a public and a private address', 'https://agent.corp.example/', '8.8.8.8', '10.1.2.3'],
    ['a name at a loopback address', 'https://agent.example/', '127.0.0.1'],
    ['a name at the metadata address', 'https://agent.example/', '169.254.169.254'],
    ['another name in an allowed network', 'https://agent.corp.example/', '192.168.7.1'],
    ['a private address', 'https://10.1.2.3/'],
    ['a loopback address', 'https://127.0.0.1/'],
    ['a private IPv6 address', 'https://[fd00::1]/'],
    ['a public address', 'https://8.8.8.8/'],
    ['http', 'http://agent.example/', '8.8.8.8'],
  ])('is not used for %s: %s', async (_case, url, ...addresses) => {
    const { proxy, inside, fetchBy } = await meet({ [new URL(url).hostname]: addresses })
    const allowNetworks = [{ cidr: '192.168.7.0/24', hosts: ['inside.corp.example'] }]
    await expect(fetchBy({ allowNetworks })(url)).rejects.toMatchObject({ code: 'EREFUSED' })
    expect(proxy.open() + proxy.asked.length + inside.connections()).toBe(0)
  })

  it.each<[string, GuardedFetchOptions]>([
    ['allowed', { allowNetworks: [{ cidr: '192.168.7.0/24', hosts: ['inside.corp.example'] }] }],
    ['configured', { configuredOrigin: 'https://inside.corp.example' }],
  ])('is not used for a private name that is %s: the connection is direct', async (_case, options) => {
    const { proxy, fetchBy, network } = await meet({ 'inside.corp.example': ['192.168.7.1'] })
    expect(await bodyOf(fetchBy(options)('https://inside.corp.example/'))).toEqual({ b: 2 })
    expect(network.connected).toEqual(['192.168.7.1'])
    expect(proxy.asked).toEqual([])
  })

  it('is used if such a name turns out to be public', async () => {
    const { proxy, fetchBy } = await meet({ 'agent.example': ['8.8.8.8'] })
    expect(await bodyOf(fetchBy({ configuredOrigin: 'https://agent.example' })('https://agent.example/'))).toEqual({
      a: 1,
    })
    expect(proxy.asked).toHaveLength(1)
  })

  it('is not used for http on loopback', async () => {
    const { proxy, fetchBy } = await meet({})
    const local = await startServer((_request, response) => response.end('{"c":3}'))
    expect(await bodyOf(fetchBy({ allowInsecureLoopback: true })(local.origin))).toEqual({ c: 3 })
    expect(proxy.asked).toEqual([])
  })

  it('rejects a server certificate for another name', async () => {
    const { server, fetchBy } = await meet({})
    await expect(fetchBy()('https://other.example/')).rejects.toThrow(/altnames/)
    expect(server.asked).toEqual([])
  })

  it.each<[string, Answer, RegExp]>([
    ['refuses', (socket) => void socket.end('HTTP/1.1 403 No\r\n\r\n'), /^the egress proxy responded with 403$/],
    [
      'requires credentials',
      (socket) => void socket.end('HTTP/1.1 407 No\r\nproxy-authenticate: Basic\r\n\r\n'),
      /^the egress proxy responded with 407: it requires a username and password, or did not accept those in the configured URL$/,
    ],
    [
      'redirects',
      (socket) => void socket.end('HTTP/1.1 302 Go\r\nlocation: http://a.example\r\n\r\n'),
      /responded with 302$/,
    ],
    ['returns 300', (socket) => void socket.end('HTTP/1.1 300 Go\r\n\r\n'), /responded with 300$/],
    ['sends extra bytes', (socket) => void socket.write('HTTP/1.1 200 OK\r\n\r\nmore'), /responded with 200$/],
    [
      'switches protocols',
      (socket) => void socket.end('HTTP/1.1 101 Go\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n'),
      /responded with 101$/,
    ],
    ['returns 100 Continue', (socket) => void socket.end('HTTP/1.1 100 Continue\r\n\r\n'), /responded with 100$/],
    ['does not speak HTTP', (socket) => void socket.end('SSH-2.0\r\n'), /Parse Error/],
    ['closes the connection', (socket) => void socket.destroy(), /hang up|closed the connection/],
    [
      'closes the connection after its response',
      (socket) => void socket.end('HTTP/1.1 200 OK\r\n\r\n'),
      /disconnected|hang up|closed/,
    ],
  ])('causes a network error that does not contain the password if it %s', async (_case, answer, message) => {
    const { proxy, fetchBy, server } = await meet({ 'agent.example': ['8.8.8.8'] }, { answer })
    const fetch = fetchBy({ egressProxy: `${secret}${proxy.authority}` })
    const error = (await fetch('https://agent.example/').catch((thrown: unknown) => thrown)) as Error & {
      code: string
    }
    expect(error.message).toMatch(message)
    expect(error.code).toMatch(/^[A-Z_]+$/)
    expect(`${error.stack} ${JSON.stringify(error)}`).not.toMatch(/p%25ss|p%ss|user%40corp|user@corp/)
    expect(server.connections()).toBe(0)
    await expect.poll(proxy.open).toBe(0)
  })

  it('causes such an error if it cannot be reached', async () => {
    const gone = await startTcpServer(() => undefined)
    await gone.close()
    const fetch = createGuardedFetch({ egressProxy: `${secret}127.0.0.1:${gone.port}` })
    const error = await fetch('https://agent.example/').catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'ECONNREFUSED' })
    expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toMatch(/p%25ss|p%ss|user/)
  })

  it('leaves no connection after an abort while it is called or TLS is negotiated', async () => {
    const silent = await meet({ 'agent.example': ['8.8.8.8'] }, { answer: () => undefined })
    const halfOpen = await startProxy(0, { answer: (socket) => void socket.write('HTTP/1.1 200 OK\r\n\r\n') })
    for (const [fetch, proxy] of [
      [silent.fetchBy(), silent.proxy],
      [silent.fetchBy({ egressProxy: `http://${halfOpen.authority}` }), halfOpen],
    ] as const) {
      const abort = new AbortController()
      const fetched = fetch('https://agent.example/', { signal: abort.signal })
      await expect.poll(() => proxy.asked.length).toBe(1)
      abort.abort()
      await expect(fetched).rejects.toThrow(/abort/i)
      await expect.poll(proxy.open).toBe(0)
    }
  })

  it('leaves no connection after a response is read in full, or is aborted partway', async () => {
    const { proxy, fetchBy } = await meet({ 'agent.example': ['8.8.8.8'] })
    const abort = new AbortController()
    await bodyOf(fetchBy()('https://agent.example/', { signal: abort.signal }))
    await expect.poll(proxy.open).toBe(0)
    await fetchBy()('https://agent.example/', { signal: abort.signal })
    abort.abort()
    await expect.poll(proxy.open).toBe(0)
  })

  it('receives a name whose DNS server does not respond within a second', async () => {
    const { fetchBy, network } = await meet({ 'agent.example': ['8.8.8.8'] })
    network.answerAfter = 100_000
    const begun = performance.now()
    expect(await bodyOf(fetchBy()('https://agent.example/'))).toEqual({ a: 1 })
    expect(performance.now() - begun).toBeGreaterThan(990)
    expect(performance.now() - begun).toBeLessThan(60_000)
  })

  it('does not receive such a name if the signal aborts before that', async () => {
    const { fetchBy, network, proxy } = await meet({ 'agent.example': ['8.8.8.8'] })
    network.answerAfter = 5000
    const reason = new Error('given up')
    const abort = new AbortController()
    const fetched = fetchBy()('https://agent.example/', { signal: abort.signal })
    abort.abort(reason)
    await expect(fetched).rejects.toBe(reason)
    await expect(fetchBy()('https://agent.example/', { signal: abort.signal })).rejects.toBe(reason)
    expect(proxy.asked).toEqual([])
  })

  it('is used by resources for the keys of agents and auth servers, and for certificates', async () => {
    const { proxy } = await meet({})
    const egressProxy = `http://${proxy.authority}`
    const signer = await createSigner(await generatePrivateJwk({ kid: 'key-1' }))
    const root = issueCertificate({ name: 'Root', extensions: ['basicConstraints=critical,CA:TRUE'] })
    const certificates = createCertificateFinder({ roots: [root.pem], egressProxy, failureTime: 'shortest' })
    await certificates({ x5u: 'https://certificates.example/chain.pem', x5t: 'A'.repeat(43) })
    const options = { id: 'https://api.example', signer, authServer: 'https://auth.example', egressProxy }
    const resource = createResource({ ...options, discovery: { failureTime: 'shortest' } })
    const keys: KeyReference = { scheme: 'jwks', id: 'https://outside.example', kid: 'key-1', wellKnown: 'aauth-agent' }
    const exp = Math.floor(Date.now() / 1000) + 600
    const claims = { iss: 'https://auth.example', aud: options.id, sub: 'a', agent: options.id, scope: 'a', exp }
    const jwt = await issueToken(january.tokens.auth, { ...claims, cnf: { jwk: signer.jwk } }, { signer })
    for (const signatureKey of [keys, { scheme: 'jwt', jwt } as const]) {
      const request = await signRequest(new Request(`${options.id}/data`), {
        profile: january.signing,
        signer,
        signatureKey,
      })
      await resource.verify(request, { require: 'signature' }).catch(() => undefined)
    }
    expect(proxy.asked).toEqual([['certificates.example:443'], ['outside.example:443'], ['auth.example:443']])
  })

  it.each([
    ['', 'must be the URL of an HTTP proxy, such as http://proxy.example:3128'],
    ['proxy.example', 'must be the URL of an HTTP proxy'],
    ['http://', 'must be the URL of an HTTP proxy'],
    ['proxy.example:3128', 'must begin with http:// or https://'],
    ['socks5://user:geheim@proxy.example:1080', 'must begin with http:// or https://'],
    ['http://user:geheim@proxy.example:3128/path', 'must contain nothing after the host and port'],
    ['http://user:geheim@proxy.example:3128/?a', 'must contain nothing after the host and port'],
    ['http://user:geheim@proxy.example:3128/#a', 'must contain nothing after the host and port'],
    ['http://user:geheim%@proxy.example:3128', 'has a % in its username or password that is not part of an escape'],
    ['http://user%zz:geheim@proxy.example:3128', 'has a % in its username or password that is not part of an escape'],
    ['http://user:geheim@proxy.example:99999', 'must be the URL of an HTTP proxy'],
  ])('is rejected when it is configured: %s', (egressProxy, message) => {
    expect(() => createGuardedFetch({ egressProxy })).toThrow(`egressProxy ${message}`)
    expect(() => createGuardedFetch({ egressProxy })).not.toThrow(/geheim/)
  })
})
