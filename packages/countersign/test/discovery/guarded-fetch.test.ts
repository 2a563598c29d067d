import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer as createHttpsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import tls from 'node:tls'
import { createGuardedFetch, fetchBytes } from 'countersign/node'
import { describe, expect, it, onTestFinished } from 'vitest'
import { isPublicAddress } from '../../dist/discovery/address-ranges.js'
import { startServer, startTcpServer } from './loopback-server.js'
import { simulatePublicNetwork } from './public-network.js'

describe('K08: isPublicAddress', () => {
  it.each([
    '0.0.0.0',
    '0.255.255.255',
    '10.0.0.1',
    '10.255.255.255',
    '100.64.0.1',
    '100.127.255.255',
    '127.0.0.1',
    '127.255.255.255',
    '169.254.0.1',
    '169.254.169.254',
    '172.16.0.1',
    '172.31.255.255',
    '192.0.0.1',
    '192.0.2.1',
    '192.168.0.1',
    '192.168.255.255',
    '198.18.0.1',
    '198.19.255.255',
    '198.51.100.1',
    '203.0.113.1',
    '224.0.0.1',
    '239.255.255.255',
    '240.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    '::ffff:127.0.0.1',
    '::ffff:7f00:1',
    '::ffff:8.8.8.8',
    '::127.0.0.1',
    '::8.8.8.8',
    '64:ff9b::7f00:1',
    '64:ff9b::8.8.8.8',
    '64:ff9b:1::1',
    '100::1',
    '2001::1',
    '2001:0:7f00:1::',
    '2001:2::1',
    '2001:10::1',
    '2001:20::1',
    '2001:db8::1',
    '2002::1',
    '2002:7f00:1::',
    '3fff::1',
    '3fff:fff::1',
    '4000::1',
    '5f00::1',
    'fc00::1',
    'fd00::1',
    'fe80::1',
    'fe80::1%lo',
    'FE80::1',
    'fec0::1',
    'febf::1',
    'ff02::1',
    'ffff::1',
    '',
    'localhost',
    '127.1',
    '0x7f.1',
    '2130706433',
    '8.8.8.8.',
    ' 8.8.8.8',
    '[::1]',
    '08.8.8.8',
    '8.8.8.8/8',
  ])('%s is not', (address) => {
    expect(isPublicAddress(address)).toBe(false)
  })

  it.each([
    '1.1.1.1',
    '8.8.8.8',
    '9.255.255.255',
    '11.0.0.1',
    '100.63.255.255',
    '100.128.0.1',
    '126.255.255.255',
    '128.0.0.1',
    '169.253.255.255',
    '169.255.0.1',
    '172.15.255.255',
    '172.32.0.1',
    '191.255.255.255',
    '192.0.1.1',
    '192.167.255.255',
    '192.169.0.1',
    '198.17.255.255',
    '198.20.0.1',
    '223.255.255.255',
    '2000::1',
    '2001:4860:4860::8888',
    '2606:4700:4700::1111',
    '2003::1',
    '3ffe::1',
    '2a00::1',
  ])('%s is', (address) => {
    expect(isPublicAddress(address)).toBe(true)
  })
})

describe('createGuardedFetch makes no connection', () => {
  const loopback = createGuardedFetch({ allowInsecureLoopback: true })
  const strict = createGuardedFetch()

  it('for https names that resolve to loopback, nor for any address, also where loopback is allowed', async () => {
    const canary = await startTcpServer(() => undefined)
    const { port } = canary
    for (const fetch of [loopback, strict]) {
      for (const host of [
        'localhost',
        '127.0.0.1',
        '[::1]',
        '[::ffff:127.0.0.1]',
        '2130706433',
        '0x7f.1',
        '0177.0.0.1',
        '127.1',
      ]) {
        await expect(fetch(`https://${host}:${port}/`), host).rejects.toThrow(/refused/)
      }
    }
    for (const host of ['127.0.0.1', 'localhost', '[::1]'])
      await expect(strict(`http://${host}:${port}/`), host).rejects.toThrow(/refused/)
    for (const host of ['127.0.0.2', '0.0.0.0', '[::ffff:127.0.0.1]', 'a.localhost', 'localhost.']) {
      await expect(loopback(`http://${host}:${port}/`), host).rejects.toThrow(/refused/)
    }
    expect(canary.connections()).toBe(0)
  })

  it.each([
    'http://agent.example/',
    'file:///etc/passwd',
    'data:application/json,{}',
    'ftp://agent.example/',
    'gopher://agent.example/',
    'ws://127.0.0.1:1/',
    'agent.example',
  ])('for %s', async (url) => {
    await expect(loopback(url)).rejects.toThrow(TypeError)
  })

  it.each([
    ['127.0.0.1'],
    ['10.1.2.3'],
    ['172.16.0.1'],
    ['192.168.1.1'],
    ['169.254.169.254'],
    ['100.64.0.1'],
    ['0.0.0.0'],
    ['192.0.0.8'],
    ['198.18.0.1'],
    ['::1'],
    ['::'],
    ['fc00::1'],
    ['fe80::1'],
    ['::ffff:127.0.0.1'],
    ['64:ff9b::7f00:1'],
    ['2002:7f00:1::'],
    ['8.8.8.8', '10.0.0.1'],
    ['2001:4860:4860::8888', '::1'],
  ])('K08: for a name at %s %s', async (...addresses) => {
    const canary = await startTcpServer(() => undefined)
    const network = simulatePublicNetwork(
      { 'agent.example': [addresses.filter((address) => address !== undefined)] },
      canary.port,
    )
    await expect(strict('https://agent.example/')).rejects.toThrow(/refused/)
    expect(network).toEqual({ resolved: ['agent.example'], connected: [] })
    expect(canary.connections()).toBe(0)
  })

  it('control: for a name at public addresses it makes one, and K10 to the ones that were checked', async () => {
    const canary = await startTcpServer((socket) => socket.end())
    const network = simulatePublicNetwork(
      { 'agent.example': [['8.8.8.8', '2001:4860:4860::8888'], ['127.0.0.1']] },
      canary.port,
    )
    await expect(strict('https://agent.example/')).rejects.toThrow()
    expect(network).toEqual({ resolved: ['agent.example'], connected: ['8.8.8.8', '2001:4860:4860::8888'] })
    expect(canary.connections()).toBe(1)
    await expect(strict('https://agent.example/')).rejects.toThrow(/refused/)
    expect(canary.connections()).toBe(1)
  })

  it('for a name that does not resolve', async () => {
    simulatePublicNetwork({}, 1)
    await expect(strict('https://agent.example/')).rejects.toThrow(/ENOTFOUND/)
  })
})

describe('createGuardedFetch on loopback', () => {
  it('asks without cookies, for JSON as it is', async () => {
    const server = await startServer((request, response) => {
      response.setHeader('x-a', 'b')
      response.end(JSON.stringify(request.headers))
    })
    const response = await createGuardedFetch({ allowInsecureLoopback: true })(`${server.origin}/a?b`)
    expect(response.headers.get('x-a')).toBe('b')
    expect(await response.json()).toEqual({
      accept: 'application/json',
      'accept-encoding': 'identity',
      connection: 'close',
      host: `127.0.0.1:${server.port}`,
    })
    expect(server.asked).toEqual(['/a?b'])
  })

  it('asks for other media types where it is told to, and never for anything compressed', async () => {
    const server = await startServer((request, response) => response.end(JSON.stringify(request.headers)))
    const fetched = await fetchBytes(server.origin, {
      fetch: createGuardedFetch({ allowInsecureLoopback: true }),
      maxBytes: 1000,
      timeout: 2500,
      accept: 'image/png',
    })
    expect('bytes' in fetched && JSON.parse(Buffer.from(fetched.bytes).toString())).toMatchObject({
      accept: 'image/png',
      'accept-encoding': 'identity',
    })
  })

  it('ends the connection when its signal does', async () => {
    const server = await startServer((_request, response) => void response.write('a'))
    const abort = new AbortController()
    const response = await createGuardedFetch({ allowInsecureLoopback: true })(server.origin, { signal: abort.signal })
    abort.abort()
    await expect(response.text()).rejects.toThrow()
  })
})

describe('K29: TLS', () => {
  function certificate(subject: string, extra: readonly string[] = []): { key: Buffer; cert: Buffer } {
    const folder = mkdtempSync(join(tmpdir(), 'countersign-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
    const request = [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-keyout',
      key,
      '-out',
      cert,
    ]
    const name = ['-subj', `/CN=${subject}`, '-addext', `subjectAltName=DNS:${subject}`]
    execFileSync('openssl', [...request, ...name, '-days', '1', ...extra], { stdio: 'pipe' })
    return { key: readFileSync(key), cert: readFileSync(cert) }
  }

  async function startTlsServer(identity: { key: Buffer; cert: Buffer }) {
    let answered = 0
    const server = createHttpsServer(identity, (_request, response) => {
      answered++
      response.end('{}')
    })
    server.on('tlsClientError', () => undefined)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void server.close())
    return { port: (server.address() as AddressInfo).port, answered: () => answered }
  }

  /** Makes the certificate one of the roots for the rest of the test. */
  function trust(cert: Buffer): void {
    const { createSecureContext } = tls
    Object.assign(tls, {
      createSecureContext: (options: tls.SecureContextOptions) => createSecureContext({ ...options, ca: cert }),
    })
    onTestFinished(() => void Object.assign(tls, { createSecureContext }))
  }

  const names = { 'agent.example': [['8.8.8.8']] }

  it('control: a certificate of a trusted root is accepted', async () => {
    const identity = certificate('agent.example')
    const server = await startTlsServer(identity)
    simulatePublicNetwork(names, server.port)
    trust(identity.cert)
    expect((await createGuardedFetch()('https://agent.example/')).status).toBe(200)
    expect(server.answered()).toBe(1)
  })

  it('a self-signed certificate is refused, also where the environment says otherwise', async () => {
    const server = await startTlsServer(certificate('agent.example'))
    simulatePublicNetwork(names, server.port)
    await expect(createGuardedFetch()('https://agent.example/')).rejects.toThrow(/self-signed/)
    const { NODE_TLS_REJECT_UNAUTHORIZED: before } = process.env
    process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'
    onTestFinished(() => {
      if (before === undefined) delete process.env.NODE_TLS_REJECT_UNAUTHORIZED
      else process.env.NODE_TLS_REJECT_UNAUTHORIZED = before
    })
    await expect(createGuardedFetch()('https://agent.example/')).rejects.toThrow(/self-signed/)
    expect(server.answered()).toBe(0)
  })

  it('a certificate of another name is refused', async () => {
    const identity = certificate('other.example')
    const server = await startTlsServer(identity)
    simulatePublicNetwork(names, server.port)
    trust(identity.cert)
    await expect(createGuardedFetch()('https://agent.example/')).rejects.toThrow(/altnames/)
    expect(server.answered()).toBe(0)
  })
})
