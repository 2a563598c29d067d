import { ADDRCONFIG } from 'node:dns'
import { getEventListeners } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createGuardedFetch, fetchBytes } from 'countersign/node'
import { describe, expect, it, onTestFinished } from 'vitest'
import { startServer, startTcpServer } from './loopback-server.js'
import { simulatePublicNetwork } from './public-network.js'
import { certificateOf, startTlsServer, trust } from './tls-server.js'

describe('createGuardedFetch makes no connection', () => {
  const loopback = createGuardedFetch({ allowInsecureLoopback: true })
  const strict = createGuardedFetch()

  it('for https names that resolve to loopback, or for any address, even if loopback is allowed', async () => {
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
    expect(network).toMatchObject({ resolved: ['agent.example'], connected: [] })
    expect(canary.connections()).toBe(0)
  })

  it('control: except for a name at public addresses, K10 and then to the addresses that were checked', async () => {
    const canary = await startTcpServer((socket) => socket.end())
    const network = simulatePublicNetwork(
      { 'agent.example': [['8.8.8.8', '2001:4860:4860::8888'], ['127.0.0.1']] },
      canary.port,
    )
    await expect(strict('https://agent.example/')).rejects.toThrow()
    expect(network).toMatchObject({ resolved: ['agent.example'], connected: ['8.8.8.8', '2001:4860:4860::8888'] })
    expect(canary.connections()).toBe(1)
    await expect(strict('https://agent.example/')).rejects.toThrow(/refused/)
    expect(canary.connections()).toBe(1)
  })

  it('for a name without any address', async () => {
    const network = simulatePublicNetwork({ 'agent.example': [[]] }, 1)
    await expect(strict('https://agent.example/')).rejects.toMatchObject({ code: 'ENOTFOUND' })
    expect(network).toMatchObject({ resolved: ['agent.example'], connected: [] })
  })

  it('for a name, before it was resolved the way sockets do: all addresses, of families that this machine has', async () => {
    const network = simulatePublicNetwork({ 'agent.example': [['127.0.0.1']] }, 1)
    await expect(strict('https://agent.example/')).rejects.toThrow(/refused/)
    expect(network.hints).toEqual([process.platform === 'win32' ? 0 : ADDRCONFIG])
  })

  it('if aborted before or during the name lookup, and stops listening to the signal', async () => {
    const canary = await startTcpServer((socket) => socket.destroy())
    const network = simulatePublicNetwork({ 'agent.example': [['8.8.8.8']] }, canary.port)
    const reason = new Error('given up')
    await expect(strict('https://agent.example/', { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    expect(network.resolved).toEqual([])
    network.answerAfter = 200
    const abort = new AbortController()
    const fetching = strict('https://agent.example/', { signal: abort.signal })
    abort.abort(reason)
    await expect(fetching).rejects.toBe(reason)
    await new Promise((resolve) => setTimeout(resolve, 300))
    expect(canary.connections()).toBe(0)
    const { signal } = new AbortController()
    await expect(strict('https://agent.example/', { signal })).rejects.toThrow()
    expect(canary.connections()).toBe(1)
    expect(getEventListeners(signal, 'abort')).toEqual([])
  })

  it('for a name that does not resolve', async () => {
    simulatePublicNetwork({}, 1)
    await expect(strict('https://agent.example/')).rejects.toThrow(/ENOTFOUND/)
  })
})

describe('createGuardedFetch on loopback', () => {
  it('sends no cookies, and requests uncompressed JSON', async () => {
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

  it('requests other media types if configured, and never a compressed response', async () => {
    const server = await startServer((request, response) => response.end(JSON.stringify(request.headers)))
    const fetched = await fetchBytes(server.origin, {
      fetch: createGuardedFetch({ allowInsecureLoopback: true }),
      maxBytes: 1000,
      timeout: 60_000,
      accept: 'image/png',
    })
    expect('bytes' in fetched && JSON.parse(Buffer.from(fetched.bytes).toString())).toMatchObject({
      accept: 'image/png',
      'accept-encoding': 'identity',
    })
  })

  it.each([200, 599])('returns a response with the status %i', async (status) => {
    const server = await startTcpServer((socket) => {
      socket.on('data', () => socket.end(`HTTP/1.1 ${status} Any\r\ncontent-length: 0\r\n\r\n`))
    })
    expect((await createGuardedFetch({ allowInsecureLoopback: true })(server.origin)).status).toBe(status)
  })

  it.each([204, 205, 304])(
    'closes the connection after a %i, which has no body, even if the server would not',
    async (status) => {
      let open = 0
      const server = await startTcpServer((socket) => {
        open++
        socket.on('data', () => socket.write(`HTTP/1.1 ${status} Nothing\r\ncontent-length: 0\r\n\r\n`))
        socket.on('end', () => open--)
      })
      const response = await createGuardedFetch({ allowInsecureLoopback: true })(server.origin)
      expect({ status: response.status, body: response.body }).toEqual({ status, body: null })
      await expect.poll(() => open).toBe(0)
    },
  )

  it.each([
    ['responses with a status below 200', '', `HTTP/1.1 103 Early Hints\r\nlink: <${'a'.repeat(1000)}>\r\n\r\n`],
    ['chunk extensions', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n', `1;${'a'.repeat(1000)}\r\n \r\n`],
  ])('K13: receives at most 2 MiB, also of %s', async (_what, first, more) => {
    let sent = 0
    const server = await startTcpServer((socket) => {
      socket.once('data', () => {
        socket.write(first)
        const write = (): void => {
          while (socket.writable && socket.write(more)) sent += more.length
          socket.once('drain', write)
        }
        write()
      })
      socket.on('close', () => {
        sent = socket.bytesWritten
      })
    })
    const fetched = await fetchBytes(server.origin, {
      fetch: createGuardedFetch({ allowInsecureLoopback: true }),
      maxBytes: 16_384,
      timeout: 60_000,
    })
    expect(fetched).toMatchObject({
      unreachable: true,
      cause: { message: 'the response has more than 2097152 bytes' },
    })
    expect(sent).toBeLessThan(20_000_000)
  })

  it('sends the given body with the given method', async () => {
    const server = await startServer((request, response) => {
      request.toArray().then(
        (chunks) => response.end(JSON.stringify([request.method, request.headers['content-type'], String(chunks)])),
        () => response.destroy(),
      )
    })
    const fetch = createGuardedFetch({ allowInsecureLoopback: true })
    const headers = { 'content-type': 'text/plain' }
    const sent = await fetch(server.origin, { method: 'POST', headers, body: 'a=b' })
    expect(await sent.json()).toEqual(['POST', 'text/plain', 'a=b'])
  })

  it('closes the connection when its signal aborts', async () => {
    const server = await startServer((_request, response) => void response.write('a'))
    const abort = new AbortController()
    const response = await createGuardedFetch({ allowInsecureLoopback: true })(server.origin, { signal: abort.signal })
    abort.abort()
    await expect(response.text()).rejects.toThrow()
  })
})

describe('K29: TLS', () => {
  const names = { 'agent.example': [['8.8.8.8']] }
  const answer = (_request: IncomingMessage, response: ServerResponse) => void response.end('{}')

  it('control: a certificate from a trusted root is accepted', async () => {
    const certificate = certificateOf('agent.example')
    const server = await startTlsServer(certificate, answer)
    simulatePublicNetwork(names, server.port)
    trust(certificate)
    expect((await createGuardedFetch()('https://agent.example/')).status).toBe(200)
    expect(server.asked).toHaveLength(1)
  })

  it('a self-signed certificate is rejected, even if the environment says otherwise', async () => {
    const server = await startTlsServer(certificateOf('agent.example'), answer)
    simulatePublicNetwork(names, server.port)
    await expect(createGuardedFetch()('https://agent.example/')).rejects.toMatchObject({
      message: expect.stringMatching(/self-signed.*NODE_EXTRA_CA_CERTS/),
      code: 'DEPTH_ZERO_SELF_SIGNED_CERT',
    })
    const { NODE_TLS_REJECT_UNAUTHORIZED: before } = process.env
    process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'
    onTestFinished(() => {
      if (before === undefined) delete process.env.NODE_TLS_REJECT_UNAUTHORIZED
      else process.env.NODE_TLS_REJECT_UNAUTHORIZED = before
    })
    await expect(createGuardedFetch()('https://agent.example/')).rejects.toThrow(/self-signed/)
    expect(server.asked).toEqual([])
  })

  it('a certificate for another name is rejected', async () => {
    const certificate = certificateOf('other.example')
    const server = await startTlsServer(certificate, answer)
    simulatePublicNetwork(names, server.port)
    trust(certificate)
    await expect(createGuardedFetch()('https://agent.example/')).rejects.toThrow(/altnames/)
    expect(server.asked).toEqual([])
  })
})
