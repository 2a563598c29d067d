import { constants, type IncomingHttpHeaders, connect as openSession } from 'node:http2'
import { connect } from 'node:net'
import { Duplex } from 'node:stream'
import type { Message } from './attack.js'
import type { Answer } from './raw-http.js'

/** Frames of one request: its HEADERS, and the frames that follow on the same stream. */
export type Frames = readonly Buffer[]

const types = { data: 0, headers: 1, reset: 3, continuation: 9 } as const
/** The error codes with which the parser of Node's server resets streams, none of them sent by our code. */
const parserErrors: readonly number[] = [
  constants.NGHTTP2_PROTOCOL_ERROR,
  constants.NGHTTP2_COMPRESSION_ERROR,
  constants.NGHTTP2_ENHANCE_YOUR_CALM,
]
const endStream = 1
const endHeaders = 4

/** Fields sent verbatim, neither compressed nor validated (RFC 7541 §6.2.2). */
export function headersFrame(
  fields: readonly (readonly [string, string])[],
  { end = false, trailers = false } = {},
): Buffer {
  const block = Buffer.concat(
    fields.map(([name, value]) => Buffer.concat([Buffer.of(0), literal(name), literal(value)])),
  )
  const flags = end || trailers ? endStream : 0
  if (block.length <= 16_384) return frame(types.headers, flags | endHeaders, block)
  const rest = block.subarray(16_384)
  return Buffer.concat([
    frame(types.headers, flags, block.subarray(0, 16_384)),
    ...Array.from({ length: Math.ceil(rest.length / 16_384) }, (_, i) => {
      const part = rest.subarray(i * 16_384, (i + 1) * 16_384)
      return frame(types.continuation, (i + 1) * 16_384 >= rest.length ? endHeaders : 0, part)
    }),
  ])
}

export const dataFrame = (content: string | Uint8Array, { end = true } = {}): Buffer =>
  frame(types.data, end ? endStream : 0, Buffer.from(content))

/** The client cancels the request. */
export const resetFrame = (): Buffer => frame(types.reset, 0, Buffer.of(0, 0, 0, 8))

/** A message as an HTTP/2 client would send it: names in lowercase, and `:authority` instead of the first `Host`. */
export function framesOf({ method, target, headers, body, from }: Message): Frames {
  const fields = headers.map(([name, value]): [string, string] => [
    name.toLowerCase(),
    value.replace(/^[ \t]+|[ \t]+$/g, ''),
  ])
  const host = fields.findIndex(([name]) => name === 'host')
  const authority = host === -1 ? undefined : fields.splice(host, 1)[0]?.[1]
  const content = Buffer.from(body)
  const head = headersFrame(
    [
      [':method', method],
      [':scheme', 'http'],
      ...(authority === undefined ? [] : [[':authority', authority] as const]),
      [':path', target],
      ...fields,
      ...(from === undefined ? [] : [['x-forwarded-for', from] as const]),
    ],
    { end: content.length === 0 },
  )
  const parts: Buffer[] = []
  for (let i = 0; i < content.length; i += 16_384) {
    parts.push(dataFrame(content.subarray(i, i + 16_384), { end: i + 16_384 >= content.length }))
  }
  return [head, ...parts]
}

/**
 * Sends frames verbatim to a loopback port, and collects the response. A stream that the server resets counts as 400, which its parser
 * would return over HTTP/1.1.
 */
export function exchangeFrames(port: number, frames: Frames): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const session = openSession('http://127.0.0.1', { createConnection: () => replacing(port, frames) })
    const request = session.request({ ':path': '/' }, { endStream: false })
    const answer: Answer = { status: 400, headers: new Headers(), body: '' }
    request.setEncoding('utf8')
    request.on('response', (fields) => Object.assign(answer, { status: fields[':status'], headers: headersOf(fields) }))
    request.on('data', (chunk: string) => (answer.body += chunk))
    const finish = () => {
      answer.isReset = answer.headers.entries().next().done === true && parserErrors.includes(request.rstCode)
      session.destroy()
      resolve(answer)
    }
    request.on('end', finish).on('close', finish).on('error', finish)
    session.on('error', reject)
  })
}

/** A connection on which the frames replace the request made by Node's client. */
function replacing(port: number, frames: Frames): Duplex {
  const socket = connect(port, '127.0.0.1')
  let waiting = Buffer.alloc(0)
  let greeted = false
  function forward(): void {
    if (!greeted && waiting.length >= 24) {
      socket.write(waiting.subarray(0, 24))
      waiting = waiting.subarray(24)
      greeted = true
    }
    while (greeted && waiting.length >= 9 && waiting.length >= 9 + waiting.readUIntBE(0, 3)) {
      const next = waiting.subarray(0, 9 + waiting.readUIntBE(0, 3))
      waiting = waiting.subarray(next.length)
      if (next[3] === types.headers) socket.write(Buffer.concat(frames))
      else if (next[3] !== types.data) socket.write(next)
    }
  }
  const duplex = new Duplex({
    read: () => undefined,
    write(chunk: Buffer, _encoding, callback) {
      waiting = Buffer.concat([waiting, chunk])
      forward()
      callback()
    },
    destroy(error, callback) {
      socket.destroy()
      callback(error)
    },
  })
  socket.on('data', (chunk) => duplex.push(chunk)).on('close', () => duplex.push(null))
  socket.on('error', () => undefined)
  return duplex
}

function headersOf(fields: IncomingHttpHeaders): Headers {
  const headers = new Headers()
  for (const [name, value] of Object.entries(fields)) {
    if (!name.startsWith(':') && value !== undefined) headers.set(name, Array.isArray(value) ? value.join(', ') : value)
  }
  return headers
}

function frame(type: number, flags: number, payload: Uint8Array): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(1, 5)
  return Buffer.concat([head, payload])
}

function literal(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1')
  if (bytes.length < 127) return Buffer.concat([Buffer.of(bytes.length), bytes])
  const length = [127]
  let rest = bytes.length - 127
  for (; rest >= 128; rest = Math.floor(rest / 128)) length.push((rest % 128) + 128)
  return Buffer.concat([Buffer.from([...length, rest]), bytes])
}
