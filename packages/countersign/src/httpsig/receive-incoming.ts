import type { IncomingMessage } from 'node:http'
import type { Http2ServerRequest } from 'node:http2'
import type { Readable } from 'node:stream'
import { AAuthError } from '../lib/errors.js'
import { appendChunk, withinLimit } from '../lib/read-stream.js'
import { type ReceivedMessage, readBefore } from './received-message.js'
import { plainHost } from './signing-profile.js'

/**
 * The data read from a request: a stream can be read only once, and two middleware functions may need its data. Stored on the request
 * itself, because a WeakMap is slower.
 */
const readBody = Symbol('read body')

/**
 * A Node server's request: HTTP/1.1, or HTTP/2 through its compatibility API. Frameworks that rewrite `url` or `method` keep the originals
 * in `originalUrl` and `originalMethod`. Body parsers can keep the raw bytes in `rawBody`.
 */
export type NodeRequest = (IncomingMessage | Http2ServerRequest) & {
  originalUrl?: string
  /** The part of `url` that Express routers removed. */
  baseUrl?: string
  originalMethod?: string
  rawBody?: unknown
  [readBody]?: Promise<Uint8Array>
}

/** Accounting for one body while it is read. */
export interface CountedBody {
  /** Adds received bytes to the count. */
  add(bytes: number): void
  /** Called when the body is complete or is no longer being read. */
  close(): void
}

/** Starts accounting for a body. `stop` aborts reading the body. */
export type CountBody = (stop: (refusal: AAuthError) => void) => CountedBody

/**
 * Reads a Node server's request as a received message, with header lines, method and target as they were on the wire. The body is read from
 * the stream, or from `rawBody` if a parser has already read it, and can be requested again afterwards. The body is always read to its end,
 * whatever the headers say, because HTTP/2 does not announce bodies.
 *
 * @param remoteAddress the client's address, if it differs from the connection's
 * @param countBody called when reading of the body starts
 */
export function receiveIncoming(
  incoming: NodeRequest,
  remoteAddress = incoming.socket.remoteAddress,
  countBody?: CountBody,
): ReceivedMessage {
  const { method, rawTarget, rawHeaders } = headOf(incoming)
  return {
    method,
    rawTarget,
    rawHeaders,
    remoteAddress,
    body: (limit) => bodyOf(incoming, limit, countBody),
    dropTrailers: () => dropTrailers(incoming),
  }
}

const noTrailers: PropertyDescriptorMap = {
  rawTrailers: { configurable: true, get: () => [], set: () => undefined },
  trailers: { configurable: true, get: () => ({}), set: () => undefined },
  trailersDistinct: { configurable: true, get: () => ({}), set: () => undefined },
}

/** Includes trailers yet to arrive: Node sets them at the end of the body, which may be later than this call. */
function dropTrailers(incoming: NodeRequest): void {
  const mayHaveTrailers = incoming.httpVersionMajor >= 2 || incoming.headers['transfer-encoding'] !== undefined
  if (mayHaveTrailers) Object.defineProperties(incoming, noTrailers)
}

const noBytes = new Uint8Array(0)

/**
 * Timeout for receiving a body over HTTP/2, in seconds: equal to the `requestTimeout` of Node's servers, which applies only to HTTP/1.1.
 */
const bodyTimeout = 300

function headOf(incoming: NodeRequest): Pick<ReceivedMessage, 'method' | 'rawTarget' | 'rawHeaders'> {
  const { method = 'GET', url = '/', rawHeaders } = incoming
  const { originalMethod = method, originalUrl = url } = incoming
  if (incoming.httpVersionMajor < 2) return { method: originalMethod, rawTarget: originalUrl, rawHeaders }
  const pseudo = new Map<string, string>()
  const hosts: string[] = []
  const lines: string[] = []
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string
    const value = rawHeaders[i + 1] as string
    if (name.startsWith(':')) pseudo.set(name, value)
    else lines.push(name, value)
    if (name === 'host') hosts.push(value)
  }
  const authority = pseudo.get(':authority')
  // If Host differs from :authority, the request names two hosts and is rejected (RFC 9113 §8.3.1).
  const isSaid = authority === undefined || hosts.some((host) => plainHost(host) === plainHost(authority))
  return {
    method: pseudo.get(':method') ?? originalMethod,
    rawTarget: pseudo.get(':path') ?? originalUrl,
    rawHeaders: isSaid ? lines : ['host', authority, ...lines],
  }
}

function bodyOf(incoming: NodeRequest, limit: number, countBody?: CountBody): Promise<Uint8Array> {
  incoming[readBody] ??= readIncoming(incoming, limit, countBody)
  return withinLimit(incoming[readBody], limit)
}

async function readIncoming(incoming: NodeRequest, limit: number, countBody?: CountBody): Promise<Uint8Array> {
  const isHttp2 = incoming.httpVersionMajor >= 2
  // By the time this resolves, the parser has read both the head and the body if they arrived in one piece.
  if (!isHttp2) await Promise.resolve()
  const { 'content-length': announced, 'transfer-encoding': encoded } = incoming.headers
  if (isReadBefore(incoming)) return rawBodyBytes(incoming, limit)
  if (Number(announced) > limit) throw tooLarge(limit)
  if (!isHttp2 && incoming.complete && !isUpgrade(incoming)) {
    if (incoming.readableLength === 0) return noBytes
    if (incoming.readableFlowing === null) return arrivedBody(incoming, limit)
  }
  // The parser may not have reported the end of the message yet.
  const hasArrived = incoming.readableLength === Number(announced)
  const body = await collect(incoming, limit, isHttp2 ? bodyTimeout : undefined, hasArrived ? undefined : countBody)
  // HTTP/2 also ends the stream of a truncated body. After an upgrade, the announced body is not in the stream.
  const isCut = incoming.aborted || (announced !== undefined && Number(announced) !== body.length)
  if (isCut || (isUpgrade(incoming) && encoded !== undefined)) throw incomplete()
  return body
}

/** The body of a stream that has buffered all of it and has no other reader. */
function arrivedBody(incoming: Readable, limit: number): Uint8Array {
  if (incoming.readableLength > limit) throw tooLarge(limit)
  // Copied, because the chunk may be part of a larger buffer.
  return new Uint8Array(incoming.read() as Uint8Array)
}

function isReadBefore(incoming: NodeRequest): boolean {
  return incoming.readableDidRead || incoming.readableEncoding !== null || incoming.listenerCount('readable') > 0
}

function isUpgrade(incoming: NodeRequest): boolean {
  return 'upgrade' in incoming && incoming.upgrade === true
}

/** The raw bytes of a body, kept by the parser that read it. */
function rawBodyBytes({ rawBody, headers }: NodeRequest, limit: number): Uint8Array {
  if (!(rawBody instanceof Uint8Array)) {
    throw readBefore(
      ', or make the parser keep the bytes: express.json({ verify: (req, res, bytes) => { req.rawBody = bytes } })',
    )
  }
  if (rawBody.length > limit) throw tooLarge(limit)
  if ((headers['content-encoding'] ?? 'identity').toLowerCase() !== 'identity') {
    throw new AAuthError(
      'media_type_unsupported',
      'This server decompresses bodies before they can be verified: send the body without Content-Encoding.',
    )
  }
  return rawBody
}

function collect(
  incoming: Readable,
  limit: number,
  time: number | undefined,
  countBody?: CountBody,
): Promise<Uint8Array> {
  if (incoming.readableEnded) return Promise.resolve(new Uint8Array(0))
  if (incoming.destroyed) return Promise.reject(incomplete())
  return new Promise((resolve, reject) => {
    let bytes: Uint8Array = new Uint8Array(0)
    let length = 0
    let counted: CountedBody | undefined
    function onData(chunk: Uint8Array): void {
      bytes = appendChunk(bytes, length, chunk)
      length += chunk.length
      if (length > limit) stop(tooLarge(limit))
      else counted?.add(chunk.length)
    }
    function stop(refusal: AAuthError): void {
      release()
      // Not destroyed, because the refusal must still be sent on the same connection.
      incoming.pause()
      reject(refusal)
    }
    function onEnd(): void {
      release()
      resolve(bytes.subarray(0, length))
    }
    const onLost = (): void => stop(incomplete())
    const timer = time === undefined ? undefined : setTimeout(onLost, time * 1000)
    function release(): void {
      clearTimeout(timer)
      counted?.close()
      incoming.off('data', onData).off('end', onEnd).off('error', onLost).off('close', onLost)
    }
    incoming.on('data', onData).on('end', onEnd).on('error', onLost).on('close', onLost).resume()
    counted = countBody?.(stop)
  })
}

function tooLarge(limit: number): AAuthError {
  return new AAuthError('body_too_large', `The body is larger than ${limit} bytes.`)
}

function incomplete(): AAuthError {
  return new AAuthError('body_incomplete', 'The body is incomplete: send the whole request again.')
}
