import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { Readable } from 'node:stream'
import { AAuthError, createSigner, generatePrivateJwk, type ReceivedMessage } from 'countersign'
import { january } from 'countersign/editions'
import { createNodeListener, type Handler, receiveIncoming } from 'countersign/node'
import { importVerificationKey, verifySignature } from 'countersign/signatures'
import { describe, expect, it, onTestFinished } from 'vitest'
import { craftMessage, digestOf } from '../httpsig/crafted-message.js'
import { refusalCode } from '../refusal.js'
import { bodyOrRefusal } from './body-or-refusal.js'

const listen = (listener: RequestListener) => listenOn(createServer(listener))

async function listenOn(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

const serve = (handler: Handler, maxBody?: number) =>
  listen(
    createNodeListener(handler, { origin: 'https://resource.example', ...(maxBody === undefined ? {} : { maxBody }) }),
  )

/** Sends bytes and collects the response until the connection closes. */
function exchange(port: number, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(text, 'latin1'))
    let answer = ''
    socket.setEncoding('latin1')
    socket.on('data', (chunk: string) => (answer += chunk))
    socket.on('error', reject)
    socket.on('close', () => resolve(answer))
  })
}

const lines = (...parts: string[]) => `${parts.join('\r\n')}\r\n\r\n`
const statusOf = (answer: string) => Number(answer.split(' ')[1])

/** A handler that echoes what it received, and keeps the request. */
function recorder() {
  const seen: { request: Request; received: ReceivedMessage | undefined }[] = []
  const handler: Handler = async (request, received) => {
    seen.push({ request, received })
    return new Response(await request.text())
  }
  return { handler, seen }
}

it.each<[string, unknown[], string]>([
  ['options', [() => new Response()], "{ origin: 'https://api.example' }"],
  ['an origin', [() => new Response(), { origin: 'api.example' }], "{ origin: 'https://api.example' }"],
  [
    'a handler',
    [{ handler: () => new Response() }, { origin: 'https://api.example' }],
    'the handler must be a function',
  ],
])('requires %s', (_, args, message) => {
  expect(() => Reflect.apply(createNodeListener, undefined, args)).toThrow(message)
})

it('leaves an address unknown if clientAddress does not know it, without falling back to the proxy', async () => {
  const seen: (string | undefined)[] = []
  const handler: Handler = async (_, received) => {
    seen.push(received?.remoteAddress)
    return new Response()
  }
  const options = { origin: 'https://resource.example', clientAddress: () => undefined }
  const port = await listen(createNodeListener(handler, options))
  await fetch(`http://127.0.0.1:${port}/`)
  expect(seen).toEqual([undefined])
})

describe('the handler gets', () => {
  it('the request on the configured origin, and the message as it was on the wire', async () => {
    const { handler, seen } = recorder()
    const port = await serve(handler)
    await exchange(
      port,
      lines(
        'GET //a/%61?b=%20& HTTP/1.1',
        'Host: evil.example',
        'X-Forwarded-Host: evil.example',
        'X-A: 1',
        'x-a: 2',
        'connection: close',
      ),
    )
    const [{ request, received } = {}] = seen
    expect(request?.url).toBe('https://resource.example//a/%61?b=%20&')
    expect(request?.headers.get('x-a')).toBe('1, 2')
    expect(received).toMatchObject({ method: 'GET', rawTarget: '//a/%61?b=%20&', remoteAddress: '127.0.0.1' })
    expect(received?.rawHeaders).toEqual([
      'Host',
      'evil.example',
      'X-Forwarded-Host',
      'evil.example',
      'X-A',
      '1',
      'x-a',
      '2',
      'connection',
      'close',
    ])
  })

  it('the body, in both', async () => {
    const { handler, seen } = recorder()
    const port = await serve(handler)
    const response = await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', body: 'grüße' })
    expect(await response.text()).toBe('grüße')
    expect(Buffer.from((await seen[0]?.received?.body(100)) ?? []).toString()).toBe('grüße')
  })

  it('S24: a chunked body without the chunk framing', async () => {
    const { handler, seen } = recorder()
    const port = await serve(handler)
    const answer = await exchange(
      port,
      `${lines('POST / HTTP/1.1', 'Host: a', 'Transfer-Encoding: chunked', 'Connection: close')}3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n`,
    )
    expect(answer).toContain('abcde')
    expect(Buffer.from((await seen[0]?.received?.body(100)) ?? []).toString()).toBe('abcde')
  })

  it('a signal that aborts when the connection closes', async () => {
    let signal: AbortSignal | undefined
    const aborted = new Promise<void>((resolve) => {
      let client: Socket | undefined
      void serve(async (request) => {
        signal = request.signal
        request.signal.addEventListener('abort', () => resolve())
        client?.destroy()
        return new Promise<Response>(() => undefined)
      }).then((port) => {
        client = connect(port, '127.0.0.1', () => client?.write(lines('GET / HTTP/1.1', 'Host: a')))
      })
    })
    await aborted
    expect(signal?.aborted).toBe(true)
  })
})

it('tells names from values if the server leaves the checks of HTTP/1.1 to the listener', async () => {
  const { handler, seen } = recorder()
  const server = createServer(
    { requireHostHeader: false },
    createNodeListener(handler, { origin: 'https://resource.example' }),
  )
  const port = await listenOn(server)
  const close = 'Connection: close'
  expect(statusOf(await exchange(port, lines('GET / HTTP/1.1', 'X-A: host', close)))).toBe(400)
  expect(seen).toEqual([])
  expect(statusOf(await exchange(port, lines('GET / HTTP/1.1', 'Host: a', 'X-A: expect', 'X-B: c', close)))).toBe(200)
})

describe('rejected before the handler', () => {
  it.each([
    ['S27: an absolute-form target', lines('GET http://resource.example/ HTTP/1.1', 'Host: a'), 400],
    ['asterisk form', lines('OPTIONS * HTTP/1.1', 'Host: a'), 400],
    ['TRACE', lines('TRACE / HTTP/1.1', 'Host: a'), 405],
    ['GET with a body', `${lines('GET / HTTP/1.1', 'Host: a', 'Content-Length: 2')}{}`, 400],
    ['a body over the limit, as announced', lines('POST / HTTP/1.1', 'Host: a', 'Content-Length: 1001'), 413],
    [
      'a body over the limit, as sent',
      `${lines('POST / HTTP/1.1', 'Host: a', 'Transfer-Encoding: chunked')}3e9\r\n${'a'.repeat(1001)}\r\n0\r\n\r\n`,
      413,
    ],
    [
      'an endless body over the limit',
      `${lines('POST / HTTP/1.1', 'Host: a', 'Transfer-Encoding: chunked')}3e9\r\n${'a'.repeat(1001)}\r\n`,
      413,
    ],
    ['S44: headers of more than 16 KiB', lines('GET / HTTP/1.1', 'Host: a', `X-A: ${'a'.repeat(17_000)}`), 431],
    [
      'S47: Content-Length and Transfer-Encoding',
      `${lines('POST / HTTP/1.1', 'Host: a', 'Content-Length: 3', 'Transfer-Encoding: chunked')}0\r\n\r\n`,
      400,
    ],
    [
      'S47: two Content-Lengths',
      `${lines('POST / HTTP/1.1', 'Host: a', 'Content-Length: 3', 'Content-Length: 4')}abc`,
      400,
    ],
    ['S47: a folded header', lines('GET / HTTP/1.1', 'Host: a', 'X-A: a', ' b'), 400],
    ['S47: a space before the colon', lines('GET / HTTP/1.1', 'Host : a'), 400],
    ['no Host', lines('GET / HTTP/1.1'), 400],
    ['a NUL in a header', lines('GET / HTTP/1.1', 'Host: a', 'X-A: a\0b'), 400],
  ])('%s', async (_name, text, status) => {
    const { handler, seen } = recorder()
    const port = await serve(handler, 1000)
    const answer = await exchange(port, text)
    expect(statusOf(answer)).toBe(status)
    if (answer.includes('application/json')) expect(answer).toContain('"error":"invalid_request"')
    expect(seen).toEqual([])
  })

  it('sends 413 to a client that is still sending', async () => {
    const { handler, seen } = recorder()
    const port = await serve(handler, 1000)
    const response = await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', body: 'a'.repeat(3_000_000) })
    expect(response.status).toBe(413)
    expect(await response.json()).toMatchObject({ error: 'invalid_request' })
    expect(seen).toEqual([])
  })

  it('does not reject a body of exactly the limit', async () => {
    const { handler } = recorder()
    const port = await serve(handler, 1000)
    expect((await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', body: 'a'.repeat(1000) })).status).toBe(200)
  })
})

describe('the response', () => {
  it('keeps status, headers and every cookie', async () => {
    const port = await serve(async () => {
      const headers = new Headers({ 'x-a': 'b' })
      headers.append('set-cookie', 'a=1; Path=/')
      headers.append('set-cookie', 'b=2; Expires=Wed, 21 Oct 2026 07:28:00 GMT')
      return new Response('a', { status: 403, headers })
    })
    const response = await fetch(`http://127.0.0.1:${port}/`)
    expect(response.status).toBe(403)
    expect(response.headers.get('x-a')).toBe('b')
    expect(response.headers.getSetCookie()).toEqual(['a=1; Path=/', 'b=2; Expires=Wed, 21 Oct 2026 07:28:00 GMT'])
  })

  it.each([
    ['HEAD', 200],
    ['GET', 304],
  ])('has no body for %s %i', async (method, status) => {
    const port = await serve(async () => new Response(status === 304 ? null : 'a', { status }))
    const answer = await exchange(port, lines(`${method} / HTTP/1.1`, 'Host: a', 'Connection: close'))
    expect(statusOf(answer)).toBe(status)
    expect(answer).toMatch(/\r\n\r\n$/)
  })

  it('is canceled when the client disconnects', async () => {
    const cancelled = new Promise<void>((resolve) => {
      const body = new ReadableStream<Uint8Array>({
        pull: (controller) => controller.enqueue(new Uint8Array(1000)),
        cancel: () => resolve(),
      })
      void serve(async () => new Response(body)).then((port) => {
        const socket = connect(port, '127.0.0.1', () => socket.write(lines('GET / HTTP/1.1', 'Host: a')))
        socket.once('data', () => socket.destroy())
      })
    })
    await cancelled
  })

  it('sends its headers, and the available part of a stream, before more arrives', async () => {
    const port = await serve(async (request) => {
      const first = new URL(request.url).pathname === '/first' ? 'data: 1\n\n' : ''
      const body = new ReadableStream<Uint8Array>({
        start: (controller) => void (first && controller.enqueue(Buffer.from(first))),
      })
      return new Response(body, { headers: { 'content-type': 'text/event-stream' } })
    })
    const headers = await fetch(`http://127.0.0.1:${port}/none`)
    expect(headers.headers.get('content-type')).toBe('text/event-stream')
    const events = (await fetch(`http://127.0.0.1:${port}/first`)).body?.getReader()
    expect(Buffer.from((await events?.read())?.value ?? []).toString()).toBe('data: 1\n\n')
  })

  it('omits connection-specific fields of another response', async () => {
    const headers = { connection: 'keep-alive', 'keep-alive': 'timeout=5', 'transfer-encoding': 'chunked', 'x-a': 'b' }
    const port = await serve(async () => new Response('abc', { headers }))
    const answer = await exchange(port, lines('GET / HTTP/1.1', 'Host: a', 'Connection: close'))
    expect(answer.toLowerCase()).not.toMatch(/keep-alive|transfer-encoding/)
    expect(answer).toMatch(/\r\nx-a: b\r\n/)
    expect(answer).toMatch(/\r\ncontent-length: 3\r\n/)
    expect(answer).toMatch(/\r\n\r\nabc$/)
  })

  it('has a Content-Length if its whole body is available', async () => {
    const port = await serve(async () => new Response('grüße'))
    const response = await fetch(`http://127.0.0.1:${port}/`)
    expect([response.headers.get('content-length'), await response.text()]).toEqual(['7', 'grüße'])
  })

  it('loses no bytes when the client is slower than the stream', async () => {
    const port = await serve(async () => {
      let sent = 0
      const body = new ReadableStream<Uint8Array>({
        pull: (controller) => (sent++ < 100 ? controller.enqueue(Buffer.alloc(50_000, sent)) : controller.close()),
      })
      return new Response(body)
    })
    const bytes = new Uint8Array(await (await fetch(`http://127.0.0.1:${port}/`)).arrayBuffer())
    expect(bytes.length).toBe(5_000_000)
    expect(Array.from({ length: 100 }, (_, i) => bytes[i * 50_000 + 49_999])).toEqual(
      Array.from({ length: 100 }, (_, i) => i + 1),
    )
  })

  it('is cut off, not completed, if its stream fails', async () => {
    const port = await serve(async () => {
      let sent = 0
      const body = new ReadableStream<Uint8Array>({
        pull(controller) {
          if (sent++ > 3) controller.error(new Error('the reason'))
          else controller.enqueue(Buffer.from('abc'))
        },
      })
      return new Response(body)
    })
    await expect(fetch(`http://127.0.0.1:${port}/`).then((response) => response.text())).rejects.toThrow('terminated')
  })

  it('is canceled if the client disconnected before it existed', async () => {
    const cancelled = new Promise<string>((resolve) => {
      let client: Socket | undefined
      void serve(async ({ signal }) => {
        client?.destroy()
        await once(signal, 'abort')
        return new Response(new ReadableStream({ cancel: () => resolve('cancelled') }))
      }).then((port) => {
        client = connect(port, '127.0.0.1', () => client?.write(lines('GET / HTTP/1.1', 'Host: a')))
      })
    })
    expect(await cancelled).toBe('cancelled')
  })

  it('contains nothing of a response that failed before it started', async () => {
    const port = await serve(async () => {
      const body = new ReadableStream({ start: (controller) => controller.error(new Error('the reason')) })
      return new Response(body, {
        headers: { 'cache-control': 'public, max-age=60', 'content-length': '3', 'set-cookie': 'a=1' },
      })
    })
    const { status, headers } = await fetch(`http://127.0.0.1:${port}/`)
    const names = ['cache-control', 'content-length', 'set-cookie'].map((name) => headers.get(name))
    expect([status, names]).toEqual([500, [null, '0', null]])
  })

  it('is an empty 500 if the handler throws, and the reason is reported to the operator', async () => {
    const warnings: Error[] = []
    const listener = (warning: Error) => warnings.push(warning)
    process.on('warning', listener)
    onTestFinished(() => void process.off('warning', listener))
    const port = await serve(async () => {
      throw new Error('the reason')
    })
    const response = await fetch(`http://127.0.0.1:${port}/`)
    expect(response.status).toBe(500)
    expect(await response.text()).toBe('')
    await expect.poll(() => warnings.map(({ message }) => message)).toEqual(['the reason'])
  })

  it('is the refusal with which its body fails, or is cut off if part of it was sent', async () => {
    const warnings: Error[] = []
    const listener = (warning: Error) => warnings.push(warning)
    process.on('warning', listener)
    onTestFinished(() => void process.off('warning', listener))
    const port = await serve(({ url }) => {
      const isBegun = url.endsWith('/begun')
      const body = new ReadableStream<Uint8Array>({
        start: (controller) => isBegun && controller.enqueue(new Uint8Array(1000)),
        async pull() {
          if (isBegun) await new Promise((resolve) => setTimeout(resolve, 50))
          throw new AAuthError('upstream_failed', 'It broke off.')
        },
      })
      return new Response(body, { headers: { 'content-type': 'text/plain', 'content-length': '5000' } })
    })
    const response = await fetch(`http://127.0.0.1:${port}/`)
    expect([response.status, response.headers.get('content-type')]).toEqual([502, 'application/json'])
    expect(await response.json()).toMatchObject({ error_description: 'It broke off.' })
    const begun = await fetch(`http://127.0.0.1:${port}/begun`)
    expect(begun.status).toBe(200)
    await expect(begun.text()).rejects.toThrow()
    expect(warnings).toEqual([])
  })

  it('a client that disconnects during its body causes no warning', async () => {
    const warnings: Error[] = []
    const listener = (warning: Error) => warnings.push(warning)
    process.on('warning', listener)
    onTestFinished(() => void process.off('warning', listener))
    const { handler, seen } = recorder()
    const port = await serve(handler)
    const socket = connect(port, '127.0.0.1', () =>
      socket.write(`${lines('POST / HTTP/1.1', 'Host: a', 'Content-Length: 10')}abc`),
    )
    await new Promise((resolve) => setTimeout(resolve, 50))
    socket.destroy()
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(warnings).toEqual([])
    expect(seen).toEqual([])
  })
})

describe('verifySignature over IncomingMessage', async () => {
  const now = 1_768_786_017
  const signer = await createSigner(await generatePrivateJwk())
  const key = await importVerificationKey(signer.jwk)
  const verify = (received: ReceivedMessage) =>
    verifySignature(received, {
      profile: january.signing,
      authorities: ['resource.example'],
      now: () => now,
      resolveKey: () => ({ key }),
      claimNonce: 'later',
      maxBody: 1000,
    })

  /** The code of the refusal, or the path that was verified. */
  async function outcomeOf(text: string): Promise<string> {
    const port = await listen((incoming, outgoing) => {
      void verify(receiveIncoming(incoming)).then(
        ({ path }) => outgoing.end(`path ${path}`),
        async (error: unknown) => outgoing.end(await refusalCode(() => Promise.reject(error as Error))),
      )
    })
    return (await exchange(port, text)).split('\r\n\r\n')[1] ?? ''
  }

  const signed = async (parts: Partial<Parameters<typeof craftMessage>[0]> = {}) => craftMessage({ signer, ...parts })
  const wire = (message: Awaited<ReturnType<typeof signed>>, extra: readonly string[] = []) =>
    lines(
      `${message.method} ${message.target} HTTP/1.1`,
      ...message.headers.map(([name, value]) => `${name}: ${value}`),
      ...extra,
      'connection: close',
    )

  it('accepts', async () => {
    expect(await outcomeOf(wire(await signed()))).toContain('path /data')
  })

  it('S24: accepts a chunked body, whose digest is over the content', async () => {
    const message = await signed({ method: 'POST', body: 'abcde' })
    expect(
      await outcomeOf(`${wire(message, ['transfer-encoding: chunked'])}3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n`),
    ).toContain('path /data')
    expect(
      await outcomeOf(`${wire(message, ['transfer-encoding: chunked'])}3\r\nabc\r\n2\r\ndE\r\n0\r\n\r\n`),
    ).toContain('digest_mismatch')
  })

  it('S48: rejects a body that was added', async () => {
    expect(
      await outcomeOf(
        `${wire(await signed({ method: 'POST' }), ['content-length: 2', `content-digest: ${digestOf('{}')}`])}{}`,
      ),
    ).toContain('component_missing')
  })

  it('S27: rejects two Host headers, in either order, and an absolute-form target', async () => {
    const message = await signed()
    expect(await outcomeOf(wire(message, ['Host: evil.example']))).toContain('header_duplicate')
    expect(await outcomeOf(wire(message, ['HOST: resource.example']))).toContain('header_duplicate')
    expect(await outcomeOf(wire(message).replace('/data', 'http://resource.example/data'))).toContain(
      'target_ambiguous',
    )
  })

  it('S28: rejects a target that parsing changes', async () => {
    expect(await outcomeOf(wire(await signed({ target: '/x/../admin' })))).toContain('target_ambiguous')
  })

  it('S07: rejects a signature header on two lines', async () => {
    const message = await signed()
    const [, value = ''] = message.headers.find(([name]) => name === 'signature') ?? []
    expect(await outcomeOf(wire(message, [`Signature: ${value}`]))).toContain('signature_malformed')
  })

  it('S38: rejects non-ASCII bytes', async () => {
    const text = wire(
      await signed({ fields: { 'x-a': 'e' }, components: ['@method', '@authority', '@path', 'x-a', 'signature-key'] }),
    )
    expect(await outcomeOf(text.replace('x-a: e', 'x-a: \xe9'))).toContain('component_unsupported')
    expect(await outcomeOf(text.replace('kty="OKP"', 'kty="\xe9"'))).toContain('signature_malformed')
  })

  it('rejects a body over the limit, and can still respond', async () => {
    const body = 'a'.repeat(1001)
    const message = await signed({ method: 'POST', body })
    expect(await outcomeOf(`${wire(message, ['content-length: 1001'])}${body}`)).toContain('body_too_large')
    expect(await outcomeOf(`${wire(message, ['transfer-encoding: chunked'])}3e9\r\n${body}\r\n0\r\n\r\n`)).toContain(
      'body_too_large',
    )
  })

  it('reads an unannounced body to its end, and nothing if there is none', async () => {
    const received = (content: string[], headers = {}) => {
      const incoming = Object.assign(Readable.from(content.map((part) => Buffer.from(part))), {
        method: 'POST',
        url: '/',
        rawHeaders: [],
        headers,
        httpVersionMajor: 1,
        socket: {},
        aborted: false,
      })
      return receiveIncoming(incoming as Readable as IncomingMessage).body(100)
    }
    expect(Buffer.from(await received(['{"to":', '"mallory"}'])).toString()).toBe('{"to":"mallory"}')
    expect(await received([])).toHaveLength(0)
    expect(await refusalCode(() => received(['abc'], { 'content-length': '4' }))).toBe('body_incomplete')
  })

  it('rejects the body of a request whose connection is already closed, without waiting for it', async () => {
    const incoming = Object.assign(Readable.from([Buffer.from('abc')]), {
      method: 'POST',
      url: '/',
      rawHeaders: [],
      headers: {},
      httpVersionMajor: 1,
      socket: {},
      aborted: false,
    })
    incoming.destroy()
    await once(incoming, 'close')
    const message = receiveIncoming(incoming as Readable as IncomingMessage)
    expect(await refusalCode(() => message.body(100))).toBe('body_incomplete')
  })

  it.each([
    ['after it was paused', (incoming: IncomingMessage) => void incoming.pause(), 'abc'],
    ['after it ended unread', (incoming: IncomingMessage) => void incoming, 'abc'],
    ['while a decoder reads it', (incoming: IncomingMessage) => void incoming.setEncoding('utf8'), 'body_read_before'],
    [
      'while another listener reads it',
      (incoming: IncomingMessage) => void incoming.on('readable', () => undefined),
      'body_read_before',
    ],
    ['after it was discarded', (incoming: IncomingMessage) => void incoming.resume(), 'body_read_before'],
  ])('reads a body %s, or reports that it cannot', async (_claim, before, outcome) => {
    const read = new Promise<string>((resolve) => {
      const port = listen((incoming, outgoing) => {
        before(incoming)
        setTimeout(() => resolve(bodyOrRefusal(incoming).finally(() => outgoing.end())), 30)
      })
      void port.then((to) => fetch(`http://127.0.0.1:${to}/`, { method: 'POST', body: 'abc' }))
    })
    expect(await read).toBe(outcome)
  })

  it.each([
    ['nothing', [], ''],
    ['Content-Length', ['content-length: 3'], 'body_incomplete'],
    ['Content-Length: 0', ['content-length: 0'], ''],
    ['Transfer-Encoding', ['transfer-encoding: chunked'], 'body_incomplete'],
  ])('an upgrade has no body, and is rejected if it announces one: %s', async (_claim, fields, outcome) => {
    const server = createServer()
    const read = new Promise<string>((resolve) => {
      server.on('upgrade', (incoming: IncomingMessage, socket) => {
        resolve(bodyOrRefusal(incoming).finally(() => socket.destroy()))
        server.close()
      })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const text = lines('POST / HTTP/1.1', 'Host: a', 'Connection: upgrade', 'Upgrade: websocket', ...fields)
    await exchange((server.address() as AddressInfo).port, `${text}abc`).catch(() => undefined)
    expect(await read).toBe(outcome)
  })

  it('R06: a body that was already read is a programming error', async () => {
    const outcome = new Promise<unknown>((resolve) => {
      void listen((incoming, outgoing) => {
        incoming.once('data', () => {
          Promise.resolve()
            .then(() => refusalCode(() => receiveIncoming(incoming).body(1000)))
            .then(resolve, resolve)
            .finally(() => outgoing.end())
        })
      }).then((port) => fetch(`http://127.0.0.1:${port}/`, { method: 'POST', body: '{}' }))
    })
    expect(await outcome).toBe('body_read_before')
  })
})
