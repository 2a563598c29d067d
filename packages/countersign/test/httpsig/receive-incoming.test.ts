import { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { type CountBody, receiveIncoming } from '../../src/httpsig/receive-incoming.js'
import { refusalCode } from '../refusal.js'

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }))
afterEach(() => void vi.useRealTimers())

/** A request of whose body one byte has arrived. */
function openRequest(httpVersionMajor: 1 | 2, more: Partial<IncomingMessage> = {}, countBody?: CountBody) {
  const incoming = new IncomingMessage(new Socket())
  Object.assign(incoming, { method: 'POST', url: '/', httpVersionMajor, ...more })
  const body = receiveIncoming(incoming, undefined, countBody).body(100)
  incoming.push('a')
  return { incoming, body }
}

const sent = { ':method': 'PUT', ':authority': 'a.example', ':path': '/sent?x', ':scheme': 'https' }

it.each<[string, 1 | 2, object, Record<string, string>, [string, string, string[]]]>([
  ['HTTP/1.1', 1, {}, { host: 'a.example' }, ['POST', '/', ['host', 'a.example']]],
  ['a framework over HTTP/1.1', 1, { originalMethod: 'PUT', originalUrl: '/x' }, {}, ['PUT', '/x', []]],
  ['HTTP/2', 2, { originalMethod: 'POST', originalUrl: '/y' }, sent, ['PUT', '/sent?x', ['host', 'a.example']]],
  ['HTTP/2 with the same Host', 2, {}, { ...sent, host: 'A.example' }, ['PUT', '/sent?x', ['host', 'A.example']]],
  [
    'HTTP/2 with another Host',
    2,
    {},
    { host: 'b.example', ...sent, accept: '*/*' },
    ['PUT', '/sent?x', ['host', 'a.example', 'host', 'b.example', 'accept', '*/*']],
  ],
  ['HTTP/2 without pseudo-headers', 2, {}, { host: 'b.example' }, ['POST', '/', ['host', 'b.example']]],
  ['a framework without them', 2, { originalMethod: 'PUT', originalUrl: '/y' }, {}, ['PUT', '/y', []]],
])('reads the head as sent over %s', (_protocol, httpVersionMajor, more, headers, expected) => {
  const incoming = new IncomingMessage(new Socket())
  const rawHeaders = Object.entries(headers).flat()
  Object.assign(incoming, { method: 'POST', url: '/', httpVersionMajor, rawHeaders, ...more })
  const { method, rawTarget, rawHeaders: lines } = receiveIncoming(incoming)
  expect([method, rawTarget, lines]).toEqual(expected)
})

it('reads a body over HTTP/2 for 300 seconds', async () => {
  const { body } = openRequest(2)
  const code = refusalCode(() => body)
  await vi.advanceTimersByTimeAsync(300_000)
  expect(await code).toBe('body_incomplete')
})

it('leaves the time limit of a body over HTTP/1.1 to the server’s requestTimeout', async () => {
  const { incoming, body } = openRequest(1)
  await vi.advanceTimersByTimeAsync(301_000)
  incoming.complete = true
  incoming.push(null)
  expect(await body).toEqual(new Uint8Array([97]))
})

it('reads a body that arrived with its head, in several chunks', async () => {
  const { incoming, body } = openRequest(1)
  incoming.push('bc')
  incoming.complete = true
  incoming.push(null)
  expect(await body).toEqual(new Uint8Array([97, 98, 99]))
  const read = receiveIncoming(incoming)
  expect(await read.body(3)).toEqual(new Uint8Array([97, 98, 99]))
  expect(await refusalCode(() => read.body(2))).toBe('body_too_large')
})

it.each([
  ['counts a body that has partly arrived', '2', 1],
  ['does not count a body that has fully arrived', '1', 0],
])('%s', async (_claim, announced, times) => {
  const countBody = vi.fn(() => ({ add: () => undefined, close: () => undefined }))
  const { incoming, body } = openRequest(1, { headers: { 'content-length': announced } }, countBody)
  await Promise.resolve()
  incoming.push('b'.repeat(Number(announced) - 1))
  incoming.complete = true
  incoming.push(null)
  expect(await body).toHaveLength(Number(announced))
  expect(countBody).toHaveBeenCalledTimes(times)
})

it('rejects a body that arrived with its head and exceeds the limit', async () => {
  const { incoming, body } = openRequest(1)
  incoming.push(Buffer.alloc(100))
  incoming.complete = true
  incoming.push(null)
  expect(await refusalCode(() => body)).toBe('body_too_large')
})

it('reads all of a body that another listener reads at the same time', async () => {
  const { incoming, body } = openRequest(1)
  incoming.push('bc')
  incoming.complete = true
  incoming.push(null)
  const chunks: Buffer[] = []
  incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
  expect(await body).toEqual(new Uint8Array([97, 98, 99]))
  expect(Buffer.concat(chunks).toString()).toBe('abc')
})

it('rejects a body that another listener has already read', async () => {
  const { incoming, body } = openRequest(1)
  incoming.complete = true
  incoming.read()
  expect(await refusalCode(() => body)).toBe('body_read_before')
})

it.each<[string, 1 | 2, IncomingMessage['headers'], boolean]>([
  ['a chunked request', 1, { 'transfer-encoding': 'chunked' }, true],
  ['a request over HTTP/2', 2, {}, true],
  ['a request that cannot have any', 1, { 'content-length': '1' }, false],
])('hides the trailers of %s, even if they arrive later and it is received twice', (_what, version, headers, hides) => {
  const { incoming } = openRequest(version, { headers })
  for (let times = 0; times < 2; times++) receiveIncoming(incoming).dropTrailers?.()
  incoming.trailers = { a: 'b' }
  incoming.rawTrailers = ['a', 'b']
  incoming.trailersDistinct = { a: ['b'] }
  expect([incoming.trailers, incoming.rawTrailers, incoming.trailersDistinct]).toEqual(
    hides ? [{}, [], {}] : [{ a: 'b' }, ['a', 'b'], { a: ['b'] }],
  )
})

it('does not prevent a later listener from defining the trailers that its handler sees', () => {
  const { incoming } = openRequest(1, { headers: { 'transfer-encoding': 'chunked' } })
  receiveIncoming(incoming).dropTrailers?.()
  for (const name of ['trailers', 'rawTrailers', 'trailersDistinct'] as const) {
    Object.defineProperty(incoming, name, { value: 'its own' })
    expect(incoming[name]).toBe('its own')
  }
})

it.each<[string, Partial<IncomingMessage>]>([
  ['has an encoding', { readableEncoding: 'utf8' } as Partial<IncomingMessage>],
  ['is read by events', { listenerCount: (() => 1) as IncomingMessage['listenerCount'] }],
])('rejects a body whose stream %s', async (_what, more) => {
  const incoming = new IncomingMessage(new Socket())
  for (const [name, value] of Object.entries(more)) Object.defineProperty(incoming, name, { value })
  Object.assign(incoming, { method: 'POST', url: '/', httpVersionMajor: 1 })
  expect(await refusalCode(() => receiveIncoming(incoming).body(100))).toBe('body_read_before')
})

it.each<[string, object, string | undefined]>([
  ['of the limit', { rawBody: new Uint8Array(3) }, undefined],
  ['over the limit', { rawBody: new Uint8Array(4) }, 'body_too_large'],
  ['that is a text', { rawBody: 'abc' }, 'body_read_before'],
  [
    'of a compressed body',
    { rawBody: new Uint8Array(3), headers: { 'content-encoding': 'gzip' } },
    'media_type_unsupported',
  ],
  ['of a body in identity', { rawBody: new Uint8Array(3), headers: { 'content-encoding': 'Identity' } }, undefined],
])('reads the bytes that a parser kept: %s', async (_what, more, code) => {
  const incoming = new IncomingMessage(new Socket())
  Object.assign(incoming, { method: 'POST', url: '/', httpVersionMajor: 1, headers: {}, ...more })
  incoming.push('abc')
  incoming.read()
  const body = () => receiveIncoming(incoming).body(3)
  if (code === undefined) expect(await body()).toHaveLength(3)
  else expect(await refusalCode(body)).toBe(code)
})

it('rejects an upgrade with Transfer-Encoding, whose body is not in the stream', async () => {
  const upgrade = (headers: IncomingMessage['headers']) => {
    const { incoming, body } = openRequest(1, { upgrade: true, headers } as Partial<IncomingMessage>)
    incoming.complete = true
    incoming.push(null)
    return body
  }
  expect(await upgrade({ 'content-length': '1' })).toHaveLength(1)
  expect(await refusalCode(() => upgrade({ 'transfer-encoding': 'chunked' }))).toBe('body_incomplete')
})
