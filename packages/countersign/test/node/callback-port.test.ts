import { once } from 'node:events'
import { createServer, type IncomingMessage, request } from 'node:http'
import { type AddressInfo, createServer as createSilentServer, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { openCallbackPort } from '../../src/node/callback-port.js'

type Options = Parameters<typeof openCallbackPort>[0]

async function open(options: Partial<Options> = {}) {
  const port = await openCallbackPort({
    answer: async (received) => new Response(`received ${received.method} ${await received.text()}`),
    secret: 'the secret',
    ...options,
  })
  onTestFinished(port.close)
  return port
}

/** Sends a request as a browser would; redirects are not followed. */
async function send(url: string, { method = 'GET', headers = {}, body = '' } = {}) {
  const asked = request(url, { method, headers, agent: false })
  asked.end(body)
  const [response] = (await once(asked, 'response')) as [IncomingMessage]
  let text = ''
  for await (const chunk of response) text += String(chunk)
  return { status: response.statusCode, headers: response.headers, text }
}

/** Another program at a port. */
async function occupy(port: number): Promise<void> {
  const server = createServer((_incoming, outgoing) => void outgoing.end('another program')).listen(port, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.close()
  })
}

const isOccupied = (port: number) =>
  occupy(port).then(
    () => true,
    () => false,
  )

describe('a callback port', () => {
  it.each<[string, { method?: string; headers?: Record<string, string> }, number, string]>([
    ['/callback?code=a', {}, 200, 'received GET '],
    ['/callback', { method: 'POST' }, 405, 'Use GET.\n'],
    ['/callback', { headers: { origin: 'https://evil.example' } }, 403, 'This address only accepts browsers'],
    ['/callback', { headers: { host: 'evil.example' } }, 403, 'This address only accepts browsers'],
    ['/', {}, 404, 'There is nothing at this address.\n'],
    ['/callback/', {}, 404, 'There is nothing at this address.\n'],
  ])('responds to %s with %j: %i', async (path, init, status, text) => {
    const { port, redirectUri } = await open()
    expect(redirectUri).toBe(`http://127.0.0.1:${port}/callback`)
    const response = await send(`http://127.0.0.1:${port}${path}`, init)
    expect(response).toMatchObject({ status, text: expect.stringContaining(text), headers: { connection: 'close' } })
    expect(response.headers.allow).toBe(status === 405 ? 'GET' : undefined)
  })

  it('accepts a form of 16,384 bytes if the response is posted', async () => {
    const { redirectUri } = await open({ method: 'POST' })
    const headers = { origin: 'https://auth.example' }
    const body = 'x'.repeat(16_384)
    expect(await send(redirectUri, { method: 'POST', headers, body })).toMatchObject({ text: `received POST ${body}` })
    expect((await send(redirectUri, { method: 'POST', headers, body: `${body}x` })).status).toBe(413)
    expect(await send(redirectUri)).toMatchObject({ status: 405, headers: { allow: 'POST' } })
  })

  it('opens a page once', async () => {
    const { createOneTimeLink } = await open({ method: 'POST' })
    const link = createOneTimeLink('https://auth.example/consent?a=b')
    expect(link).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/open\/[\w-]{32}$/)
    expect((await send(link, { method: 'POST' })).headers.allow).toBe('GET')
    const headers = { location: 'https://auth.example/consent?a=b', 'cache-control': 'no-store' }
    expect(await send(link)).toMatchObject({ status: 303, headers })
    expect(await send(link)).toMatchObject({ status: 410, text: expect.stringContaining('has already been opened') })
  })

  it('keeps the last 1000 links', async () => {
    const { createOneTimeLink } = await open()
    const links = Array.from({ length: 1000 }, (_, page) => createOneTimeLink(`https://auth.example/${page}`))
    expect((await send(links[0] ?? '')).status).toBe(303)
    createOneTimeLink('https://auth.example/one-more')
    expect([(await send(links[0] ?? '')).status, (await send(links[1] ?? '')).status]).toEqual([404, 303])
  })
})

describe('the port of another process of the agent', () => {
  it('is used, and is taken over when that process exits', async () => {
    const first = await open()
    const second = await open({ ports: [first.port], answer: async () => new Response('the second') })
    expect([second.port, second.isOtherProcess, first.isOtherProcess]).toEqual([first.port, true, false])
    expect((await send(second.createOneTimeLink('https://auth.example/'))).status, 'on its own port').toBe(303)
    await second.prove()
    expect([second.port, second.isOtherProcess]).toEqual([first.port, true])
    first.close()
    await expect.poll(() => second.prove().then(() => second.isOtherProcess)).toBe(false)
    expect(second.redirectUri).toBe(first.redirectUri)
    expect((await send(second.redirectUri)).text).toBe('the second')
    await second.prove()
    expect(second.port).toBe(first.port)
  })

  it('is not taken over once closed', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
    onTestFinished(() => void vi.useRealTimers())
    const first = await open()
    const second = await open({ ports: [first.port] })
    expect(second.isOtherProcess).toBe(true)
    first.close()
    second.close()
    vi.advanceTimersByTime(1000)
    await pause(100)
    expect(second.isOtherProcess).toBe(true)
    expect(await isOccupied(first.port)).toBe(true)
  })

  it('is not replaced if it is closed during a proof that fails', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
    onTestFinished(() => void vi.useRealTimers())
    const first = await open()
    const second = await open({ ports: [first.port] })
    first.close()
    const silent = createSilentServer().listen(first.port, '127.0.0.1')
    onTestFinished(() => void silent.close())
    await once(silent, 'listening')
    const connected = once(silent, 'connection') as Promise<[Socket]>
    const proof = second.prove()
    const [socket] = await connected
    silent.on('connection', (each) => each.destroy())
    second.close()
    socket.destroy()
    await proof
    await expect.poll(() => second.isOtherProcess).toBe(true)
  })

  it('is looked for at all ports at once, so that programs that never respond cost the time of one', async () => {
    const connected: Socket[] = []
    const silent = await Promise.all(
      Array.from({ length: 3 }, async () => {
        const server = createSilentServer((socket) => connected.push(socket)).listen(0, '127.0.0.1')
        await once(server, 'listening')
        onTestFinished(() => void server.close())
        return server
      }),
    )
    const all = Promise.all(silent.map((server) => once(server, 'connection')))
    const opening = open({ ports: silent.map((server) => (server.address() as AddressInfo).port) })
    await all
    expect(connected.map(({ destroyed, readableEnded }) => destroyed || readableEnded)).toEqual([false, false, false])
    for (const socket of connected) socket.destroy()
    expect(await opening).toMatchObject({ isOtherProcess: false })
  })

  it('is left if another program takes it later', async () => {
    const first = await open()
    const second = await open({ ports: [first.port] })
    first.close()
    await expect.poll(() => isOccupied(first.port)).toBe(true)
    await expect.poll(() => second.prove().then(() => second.port)).not.toBe(first.port)
    expect(second.isOtherProcess).toBe(false)
    expect((await send(second.redirectUri)).text).toBe('received GET ')
  })

  it('is not one with another secret, or of another program', async () => {
    const first = await open({ secret: 'another' })
    const free = await open()
    free.close()
    await expect.poll(() => isOccupied(free.port)).toBe(true)
    const port = await open({ ports: [first.port, free.port] })
    expect([first.port, free.port]).not.toContain(port.port)
    expect(port.isOtherProcess).toBe(false)
  })
})
