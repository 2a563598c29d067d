import {
  type ClientHttp2Stream,
  createServer,
  type Http2ServerRequest,
  type Http2ServerResponse,
  connect as openSession,
} from 'node:http2'
import type { AddressInfo, Socket } from 'node:net'
import type { ReceivedMessage } from 'countersign'
import { createNodeListener, type Handler, receiveIncoming } from 'countersign/node'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { dataFrame, exchangeFrames, type Frames, headersFrame, resetFrame } from '../attacks/raw-http2.js'
import { bodyOrRefusal } from './body-or-refusal.js'

type Listener = (incoming: Http2ServerRequest, outgoing: Http2ServerResponse) => void

async function listen(listener: Listener): Promise<number> {
  const server = createServer(listener)
  const open = new Set<Socket>()
  server.on('connection', (socket: Socket) => open.add(socket))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    for (const socket of open) socket.destroy()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

const serve = (handler: Handler, maxBody = 1000) =>
  listen(createNodeListener(handler, { origin: 'https://resource.example', maxBody }))

const head = (method: string, fields: readonly [string, string][] = [], options?: { end: boolean }) =>
  headersFrame(
    [[':method', method], [':scheme', 'https'], [':authority', 'resource.example'], [':path', '/a?b=1'], ...fields],
    options,
  )

/** The outcome of reading the body of a request sent as frames, some time after it arrived. */
function bodyOf(frames: Frames, { after = 0, limit = 1000 } = {}): Promise<string> {
  return new Promise((resolve) => {
    void listen((incoming, outgoing) => {
      setTimeout(() => resolve(bodyOrRefusal(incoming, limit).finally(() => outgoing.end())), after)
    }).then((port) => exchangeFrames(port, frames))
  })
}

const warningsDuring = () => {
  const warnings: Error[] = []
  const listener = (warning: Error) => warnings.push(warning)
  process.on('warning', listener)
  onTestFinished(() => void process.off('warning', listener))
  return warnings
}

/** Opens a stream in a new session. */
function open(port: number, fields: Record<string, string>) {
  const session = openSession(`http://127.0.0.1:${port}`)
  session.on('error', () => undefined)
  onTestFinished(() => session.destroy())
  const stream = session.request(
    { ':authority': 'resource.example', ...fields },
    { endStream: fields[':method'] === undefined },
  )
  stream.on('error', () => undefined)
  return { session, stream }
}

describe('receiveIncoming over HTTP/2', () => {
  it.each<[string, Frames, string]>([
    ['none', [head('POST', [], { end: true })], ''],
    ['that is empty, with the fields of a body', [head('POST', [['content-type', 'text/plain']], { end: true })], ''],
    ['that no field announces', [head('POST'), dataFrame('{"to":"mallory"}')], '{"to":"mallory"}'],
    [
      'in pieces',
      [head('POST'), dataFrame('ab', { end: false }), dataFrame('', { end: false }), dataFrame('c')],
      'abc',
    ],
    ['of a GET', [head('GET'), dataFrame('abc')], 'abc'],
    ['cut off by the client', [head('POST'), dataFrame('ab', { end: false }), resetFrame()], 'body_incomplete'],
    ['canceled before it started', [head('POST'), resetFrame()], 'body_incomplete'],
    ['with content-length: 0', [head('POST', [['content-length', '0']]), dataFrame('abc')], 'body_incomplete'],
    ['longer than content-length', [head('POST', [['content-length', '1']]), dataFrame('abc')], 'body_incomplete'],
    ['shorter than content-length', [head('POST', [['content-length', '5']]), dataFrame('abc')], 'body_incomplete'],
  ])('reads a body %s to its end, or rejects it, immediately and later', async (_claim, frames, outcome) => {
    expect([await bodyOf(frames), await bodyOf(frames, { after: 50 })]).toEqual([outcome, outcome])
  })

  it('rejects a body over the limit, both as announced and as sent', async () => {
    expect(await bodyOf([head('POST', [['content-length', '4']]), dataFrame('abcd')], { limit: 3 })).toBe(
      'body_too_large',
    )
    expect(await bodyOf([head('POST'), dataFrame('abcd', { end: false })], { limit: 3 })).toBe('body_too_large')
    expect(await bodyOf([head('POST'), dataFrame('abc')], { limit: 3 })).toBe('abc')
  })

  it('gives up after five minutes on a body that does not end', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    onTestFinished(() => void vi.useRealTimers())
    const read = new Promise<string>((resolve) => {
      void listen((incoming) => {
        resolve(bodyOrRefusal(incoming))
        incoming.once('data', () => vi.advanceTimersByTime(300_000))
      }).then((port) => exchangeFrames(port, [head('POST'), dataFrame('abc', { end: false })]))
    })
    expect(await read).toBe('body_incomplete')
  })

  it('returns method, target and fields as they were sent, and :authority as Host', async () => {
    const received = new Promise<ReceivedMessage>((resolve) => {
      void listen((incoming, outgoing) => {
        resolve(receiveIncoming(Object.assign(incoming, { method: 'DELETE', url: '/other' })))
        outgoing.end()
      }).then((port) =>
        exchangeFrames(port, [
          head(
            'POST',
            [
              ['x-a', '1'],
              ['x-a', '2'],
            ],
            { end: true },
          ),
        ]),
      )
    })
    expect(await received).toMatchObject({
      method: 'POST',
      rawTarget: '/a?b=1',
      remoteAddress: '127.0.0.1',
      rawHeaders: ['host', 'resource.example', 'x-a', '1', 'x-a', '2'],
    })
  })
})

describe('createNodeListener over HTTP/2', () => {
  it('passes the request to the handler, with cookies in one field', async () => {
    let seen: Request | undefined
    const port = await serve(async (request) => {
      seen = request
      return new Response(await request.text())
    })
    const answer = await exchangeFrames(port, [
      head('POST', [
        ['cookie', 'a=1'],
        ['x-a', '1'],
        ['cookie', 'b=2'],
        ['x-a', '2'],
      ]),
      dataFrame('abc'),
    ])
    expect([answer.status, answer.body, answer.headers.get('content-length')]).toEqual([200, 'abc', '3'])
    expect([seen?.method, seen?.url]).toEqual(['POST', 'https://resource.example/a?b=1'])
    expect(Object.fromEntries(seen?.headers ?? [])).toEqual({
      host: 'resource.example',
      cookie: 'a=1; b=2',
      'x-a': '1, 2',
    })
  })

  it('omits connection-specific fields', async () => {
    const warnings = warningsDuring()
    const port = await serve(() => {
      const headers = { connection: 'close', 'keep-alive': 'timeout=5', 'transfer-encoding': 'chunked', 'x-a': 'b' }
      return new Response('abc', { headers })
    })
    const { status, headers, body } = await exchangeFrames(port, [head('GET', [], { end: true })])
    expect([status, headers.get('x-a'), headers.get('connection'), body]).toEqual([200, 'b', null, 'abc'])
    expect(warnings).toEqual([])
  })

  it.each([
    ['TRACE', 405],
    ['track', 405],
    ['post', 400],
    ['Get', 400],
  ])('rejects %s before the handler', async (method, status) => {
    const warnings = warningsDuring()
    const port = await serve(() => Response.error())
    expect((await exchangeFrames(port, [head(method, [], { end: true })])).status).toBe(status)
    expect(warnings).toEqual([])
  })

  it('sends 413 to a client that is still sending, and closes its stream', async () => {
    const port = await serve(() => Response.error())
    const { stream } = open(port, { ':method': 'POST' })
    const send = () => void (stream.destroyed || stream.write(Buffer.alloc(10_000), send))
    const reset = new Promise((resolve) => stream.on('aborted', () => resolve(stream.rstCode)))
    const status = new Promise((resolve) => stream.on('response', (fields) => resolve(fields[':status'])))
    stream.resume()
    send()
    expect([await status, await reset]).toEqual([413, 0])
  })

  it('does not warn about a client that disconnects during its body', async () => {
    const warnings = warningsDuring()
    let handled = 0
    const port = await serve(() => {
      handled++
      return new Response()
    })
    void exchangeFrames(port, [head('POST'), dataFrame('abc', { end: false }), resetFrame()])
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect([handled, warnings]).toEqual([0, []])
  })

  it('informs the handler that the client disconnected, and cancels its late response', async () => {
    let client: ClientHttp2Stream | undefined
    const cancelled = new Promise<string>((resolve) => {
      const port = serve(async (request) => {
        client?.close(8)
        await new Promise((gone) => request.signal.addEventListener('abort', gone))
        return new Response(new ReadableStream({ cancel: () => resolve('cancelled') }))
      })
      void port.then(visit)
    })
    function visit(port: number): void {
      client = open(port, { ':path': '/' }).stream
    }
    expect(await cancelled).toBe('cancelled')
  })

  it('resets the stream of a response that fails', async () => {
    const warnings = warningsDuring()
    const port = await serve(() => {
      let sent = 0
      return new Response(
        new ReadableStream({
          pull(controller) {
            if (sent++ > 3) controller.error(new Error('the reason'))
            else controller.enqueue(new Uint8Array(100))
          },
        }),
      )
    })
    const { stream } = open(port, { ':path': '/' })
    const code = await new Promise((resolve) => stream.on('close', () => resolve(stream.rstCode)).resume())
    expect(code).toBe(2)
    await expect.poll(() => warnings.map(({ message }) => message)).toEqual(['the reason'])
  })
})
