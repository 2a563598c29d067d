import type { Socket } from 'node:net'
import { describe, expect, it } from 'vitest'
import { ask, IncompleteResponse, tlsHandshake } from '../../src/doctor/origin.js'
import { drip, listenAnd } from './outside/hostile-server.js'

const switching = 'HTTP/1.1 101 Switching Protocols\r\n'

async function failureOf(asked: Promise<unknown>): Promise<{ error: unknown; seconds: number }> {
  const began = performance.now()
  const error: unknown = await asked.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  return { error, seconds: (performance.now() - began) / 1000 }
}

describe.concurrent('a request to a server', () => {
  it.for<[string, (socket: Socket) => void]>([
    ['switches to another protocol', (socket) => socket.write(`${switching}Connection: upgrade\r\nUpgrade: x\r\n\r\n`)],
    ['switches to an unnamed protocol', (socket) => socket.write(`${switching}\r\n`)],
    ['keeps sending 100 Continue', (socket) => drip(socket, '', 'HTTP/1.1 100 Continue\r\n\r\n')],
    ['never ends its headers', (socket) => drip(socket, 'HTTP/1.1 200 OK\r\n', 'a: b\r\n')],
    ['never ends its body', (socket) => drip(socket, 'HTTP/1.1 200 OK\r\n\r\n', 'x')],
    [
      'never ends a chunk',
      (socket) => drip(socket, 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nfff\r\n', 'x'),
    ],
    ['closes the connection early', (socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nx')],
    ['closes the connection within its headers', (socket) => socket.end('HTTP/1.1 200 OK\r\n')],
    ['sends too much', (socket) => socket.write(`HTTP/1.1 200 OK\r\n\r\n${'x'.repeat(300_000)}`)],
  ])('that %s fails soon, after the response began', async ([, behave], test) => {
    const { error, seconds } = await failureOf(ask(await listenAnd(behave, test), '/'))
    expect(error).toBeInstanceOf(IncompleteResponse)
    expect(seconds).toBeLessThan(60)
  })

  it.for<[string, (socket: Socket) => void]>([
    ['sends nothing', () => undefined],
    ['closes the connection', (socket) => socket.end()],
  ])('that %s fails soon, before the response began', async ([, behave], test) => {
    const { error, seconds } = await failureOf(ask(await listenAnd(behave, test), '/'))
    expect(error).toBeInstanceOf(Error)
    expect(error).not.toBeInstanceOf(IncompleteResponse)
    expect(seconds).toBeLessThan(60)
  })

  it.for<[string, string]>([
    ['by closing the connection', 'HTTP/1.1 200 OK\r\n\r\nanswer'],
    ['by its length', 'HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nanswer'],
    ['after 100 Continue', 'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nanswer'],
  ])('accepts a response that ends %s', async ([, answer], test) => {
    const origin = await listenAnd((socket) => socket.end(answer), test)
    expect(await ask(origin, '/')).toMatchObject({ status: 200, text: 'answer' })
  })
})

describe.concurrent('a handshake', () => {
  it.for<[string, (socket: Socket) => void]>([
    ['sends nothing', () => undefined],
    ['closes the connection', (socket) => socket.end()],
    // A handshake record that keeps growing.
    ['never ends', (socket) => drip(socket, '\u0016\u0003\u0003\u0040\u0000', '\u0000')],
  ])('with a server that %s fails soon', async ([, behave], test) => {
    const { error, seconds } = await failureOf(tlsHandshake(await listenAnd(behave, test)))
    expect(error).toBeInstanceOf(Error)
    expect(seconds).toBeLessThan(60)
  })
})
