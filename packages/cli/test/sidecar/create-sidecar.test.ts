import { once } from 'node:events'
import { createServer, type IncomingMessage, request } from 'node:http'
import { type AddressInfo, connect, Socket } from 'node:net'
import { AgentError } from 'countersign/agent'
import { expect, it, onTestFinished, vi } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { createSidecar } from '../../src/sidecar/create-sidecar.js'

const secret = 'a-secret-of-this-sidecar'

/** An API with a WebSocket that echoes, at `/echo`; it refuses all others. */
async function openApi() {
  const shaken: IncomingMessage[] = []
  const sockets = new WebSocketServer({ noServer: true })
  const server = createServer((incoming, outgoing) => outgoing.end(`${incoming.method} ${incoming.url}`))
  server.on('upgrade', (incoming, socket, head) => {
    shaken.push(incoming)
    if (incoming.url === '/moved')
      socket.end('HTTP/1.1 302 Found\r\nLocation: https://elsewhere.example/\r\nContent-Length: 0\r\n\r\n')
    if (incoming.url === '/other')
      socket.end('HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\nno\n')
    if (!incoming.url?.startsWith('/echo')) return
    sockets.handleUpgrade(incoming, socket, head, (opened) =>
      opened.on('message', (data, isBinary) => opened.send(data, { binary: isBinary })),
    )
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  onTestFinished(() => {
    for (const client of sockets.clients) client.terminate()
    server.closeAllConnections()
    server.close()
  })
  return { host: `127.0.0.1:${(server.address() as AddressInfo).port}`, shaken }
}

const signed = async () => ({ signature: 'sig1=:AA==:', 'signature-key': 'sig1=(scheme=jwt jwt="a")' })

async function openSidecar(signedHeaders: (url: string | URL) => Promise<Record<string, string>> = signed) {
  const api = await openApi()
  const ending = new AbortController()
  const problems: string[] = []
  const ownHosts = new Set<string>()
  const server = createSidecar({
    hosts: new Set([api.host]),
    secret,
    ownHosts,
    fetch,
    signedHeaders,
    onProblem: (text) => problems.push(text),
    ending: ending.signal,
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  onTestFinished(() => {
    ending.abort()
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  ownHosts.add(`127.0.0.1:${port}`)
  return { api, server, ending, problems, port, url: `ws://x:${secret}@127.0.0.1:${port}/http://${api.host}` }
}

/** The status and the body of a refused handshake. */
async function refusalOf(url: string, options = {}): Promise<{ status: number | undefined; body: string }> {
  const socket = new WebSocket(url, options)
  const [, answer] = (await once(socket, 'unexpected-response')) as [unknown, IncomingMessage]
  let body = ''
  for await (const chunk of answer) body += String(chunk)
  return { status: answer.statusCode, body }
}

it('opens a WebSocket with a signed handshake, without the secret, and passes on its frames', async () => {
  const { api, url } = await openSidecar()
  const socket = new WebSocket(`${url}/echo?a=1`, ['chat'], { headers: { signature: 'forged', cookie: 'a=1' } })
  await once(socket, 'open')
  const [{ headers, url: target }] = api.shaken as [IncomingMessage]
  expect([target, headers.host, headers.cookie]).toEqual(['/echo?a=1', api.host, 'a=1'])
  expect(headers).toMatchObject(await signed())
  expect(headers.authorization).toBeUndefined()
  expect(socket.protocol).toBe('chat')
  for (const sent of ['hello', 'x'.repeat(200_000)]) {
    socket.send(sent)
    const [received] = await once(socket, 'message')
    expect(String(received)).toBe(sent)
  }
  socket.close()
  await once(socket, 'close')
})

it('signs for the URL that the program requests', async () => {
  const asked: string[] = []
  const { api, url } = await openSidecar(async (target) => {
    asked.push(String(target))
    return signed()
  })
  await once(new WebSocket(`${url}/echo/b?c`), 'open')
  expect(asked).toEqual([`http://${api.host}/echo/b?c`])
})

it('returns the refusal of an API', async () => {
  const { url } = await openSidecar()
  expect(await refusalOf(`${url}/other`)).toEqual({ status: 403, body: 'no\n' })
})

it('L11: does not redirect a WebSocket to a host that is not allowed', async () => {
  const { api, url, problems } = await openSidecar()
  const { status, body } = await refusalOf(`${url}/moved`)
  expect([status, JSON.parse(body)]).toEqual([502, expect.objectContaining({ error: 'host_not_allowed' })])
  expect(problems).toEqual([expect.stringContaining(`${api.host} redirects to elsewhere.example`)])
})

it('returns and logs the page on which a user must decide', async () => {
  const page = 'https://auth.example/agent/auth?request_token=a'
  const { url, problems } = await openSidecar(async () => {
    throw new AgentError('consent_required', 'A user must decide.', { consent: { url: page }, reason: 'expired' })
  })
  const { status, body } = await refusalOf(`${url}/echo`)
  expect([status, JSON.parse(body)]).toEqual([
    401,
    expect.objectContaining({ error: 'consent_required', consent_url: page, reason: 'expired' }),
  ])
  expect(problems).toEqual([expect.stringContaining(page)])
})

it.each<[string, object]>([
  ['web pages (L10)', { origin: 'https://evil.example' }],
  ['programs without the secret', { auth: '' }],
])('opens no WebSocket for %s', async (_whom, options) => {
  const { api, url } = await openSidecar()
  const { status, body } = await refusalOf(`${url}/echo`.replace(/x:.*@/, 'auth' in options ? '' : '$&'), options)
  expect([status, JSON.parse(body).error]).toEqual('auth' in options ? [401, 'secret_required'] : [403, 'web_page'])
  expect(api.shaken).toEqual([])
})

const authorization = `Basic ${Buffer.from(`x:${secret}`).toString('base64')}`

it.each([
  [
    'clients that offer HTTP/2',
    { connection: 'Upgrade, HTTP2-Settings', upgrade: 'h2c', 'http2-settings': 'AAMAAABk' },
  ],
  ['a POST that offers a WebSocket', { connection: 'Upgrade', upgrade: 'websocket' }],
])('gives %s an ordinary response', async (_whom, offer) => {
  const { api, port } = await openSidecar()
  const headers = { authorization, 'content-length': 4, ...offer }
  const sent = request({ host: '127.0.0.1', port, path: `/http://${api.host}/data`, method: 'POST', headers })
  sent.end('body')
  const [answer] = (await once(sent, 'response')) as [IncomingMessage]
  let body = ''
  for await (const chunk of answer) body += String(chunk)
  expect([answer.statusCode, body]).toEqual([200, 'POST /data'])
})

it('asks a client that uses it as a proxy for the secret', async () => {
  const { api, port } = await openSidecar()
  const headers = { host: api.host, connection: 'Upgrade', upgrade: 'websocket' }
  const sent = request({ host: '127.0.0.1', port, path: `http://${api.host}/echo`, headers }).end()
  const [answer] = (await once(sent, 'response')) as [IncomingMessage]
  answer.resume()
  expect(answer.statusCode).toBe(407)
  expect(answer.headers['proxy-authenticate']).toBe('Basic realm="countersign"')
  expect(api.shaken).toEqual([])
})

it('notices at both ends that a peer is gone', async () => {
  const keepAlive = vi.spyOn(Socket.prototype, 'setKeepAlive')
  onTestFinished(() => keepAlive.mockRestore())
  const { url } = await openSidecar()
  const socket = new WebSocket(`${url}/echo`)
  await once(socket, 'open')
  const probed = keepAlive.mock.contexts.filter((_, at) => keepAlive.mock.calls[at]?.[1] === 30_000)
  expect(new Set(probed).size).toBe(2)
  socket.terminate()
})

it('stops signing when the program disconnects, and closes all WebSockets when it ends', async () => {
  let given: AbortSignal | undefined
  const waiting = await openSidecar(
    (...[, options]: [url: string | URL, options?: { signal?: AbortSignal }]) =>
      new Promise((_resolve, reject) => {
        given = options?.signal
        given?.addEventListener('abort', () => reject(new Error('aborted')))
      }),
  )
  const raw = connect(waiting.port, '127.0.0.1')
  raw.write(
    `GET /http://${waiting.api.host}/echo HTTP/1.1\r\nHost: 127.0.0.1:${waiting.port}\r\nAuthorization: ${authorization}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`,
  )
  await expect.poll(() => given).toBeDefined()
  raw.end()
  await expect.poll(() => given?.aborted).toBe(true)

  const { url, ending, server } = await openSidecar()
  const socket = new WebSocket(`${url}/echo`)
  await once(socket, 'open')
  ending.abort()
  await once(socket, 'close')
  server.close()
  await once(server, 'close')
})
