import type { ServerResponse } from 'node:http'
import type { Http2ServerResponse } from 'node:http2'
import type { ReadableStream } from 'node:stream/web'
import type { NodeRequest } from '../httpsig/receive-incoming.js'
import { LightHeaders } from './light-headers.js'
import { LightResponse } from './light-response.js'
import { isGone, untilDrained } from './outgoing.js'

/** A Node server's response: HTTP/1.1, or HTTP/2 with its compatibility API. */
export type NodeResponse = ServerResponse | Http2ServerResponse

/** Connection-specific fields, which do not apply to the connection used here (RFC 9110 §7.6.1). HTTP/2 forbids them. */
const connectionFields: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
])

/**
 * Writes a Web response to Node's response, with its length if the body is known. A body that is not complete yet is streamed: the headers
 * are sent without waiting for the body, and the body is cancelled if the client disconnects.
 */
export async function sendResponse(response: Response, outgoing: NodeResponse, method: string): Promise<void> {
  const whole = LightResponse.wholeOf(response)
  if (whole !== undefined && whole !== null && method !== 'HEAD') return sendWhole(whole, response, outgoing)
  const { body } = response
  if (isGone(outgoing)) return body?.cancel()
  if (method === 'HEAD' || body === null) {
    for (const [name, value] of Object.entries(fieldsOf(response))) outgoing.setHeader(name, value)
    outgoing.statusCode = response.status
    outgoing.end()
    return body?.cancel()
  }
  const reader = (body as ReadableStream<Uint8Array>).getReader()
  // A failed body cannot be cancelled, and does not need to be.
  outgoing.once('close', () => void reader.cancel().catch(() => undefined))
  const atHand: Uint8Array[] = []
  let reading = reader.read()
  while (atHand.length < 2) {
    const next = await Promise.race([reading, nextTurn()])
    if (next === undefined) break
    if (next.done) return sendWhole(Buffer.concat(atHand), response, outgoing)
    atHand.push(next.value)
    reading = reader.read()
  }
  outgoing.writeHead(response.status, fieldsOf(response))
  if (!isHttp2(outgoing)) outgoing.flushHeaders()
  for (const chunk of atHand) await write(chunk, outgoing)
  for (let next = await reading; !next.done; next = await reader.read()) await write(next.value, outgoing)
  outgoing.end()
}

function sendWhole(body: string | Uint8Array, response: Response, outgoing: NodeResponse): Promise<void> | undefined {
  if (isGone(outgoing)) return undefined
  const fields = fieldsOf(response)
  const length = Buffer.byteLength(body)
  fields['content-length'] ??= String(length)
  outgoing.writeHead(response.status, fields)
  if (length > pieceLength) return sendLong(typeof body === 'string' ? Buffer.from(body) : body, outgoing)
  outgoing.end(body)
  return undefined
}

async function sendLong(body: Uint8Array, outgoing: NodeResponse): Promise<void> {
  await write(body, outgoing)
  outgoing.end()
}

/**
 * Number of bytes written at once. Until all of them have been sent, a slow reader cannot be distinguished from a client that does not
 * read.
 */
const pieceLength = 65_536

function fieldsOf({ headers }: Response): Record<string, string | string[]> {
  const fields: Record<string, string | string[]> = {}
  for (const [name, value] of LightHeaders.plainOf(headers) ?? headers)
    if (!connectionFields.has(name)) fields[name] = value
  const { 'set-cookie': cookie } = fields
  if (cookie !== undefined) fields['set-cookie'] = headers.getSetCookie()
  return fields
}

/**
 * For responses sent before the request is complete: the rest of the request is not awaited, and does not keep the connection open (RFC
 * 9112 §9.6, RFC 9113 §8.1).
 */
export function abandonRequestBody(incoming: NodeRequest, outgoing: NodeResponse): void {
  if (!isHttp2(outgoing)) {
    if (!incoming.complete) outgoing.setHeader('connection', 'close')
  } else if (!incoming.readableEnded && !outgoing.stream.endAfterHeaders) {
    outgoing.stream.once('finish', () => outgoing.stream.close())
  }
}

function isHttp2(outgoing: NodeResponse): outgoing is Http2ServerResponse {
  return 'stream' in outgoing
}

function nextTurn(): Promise<undefined> {
  return new Promise((resolve) => setImmediate(() => resolve(undefined)))
}

/** Resolves when the client has read enough for more to be written, or has disconnected. */
async function write(chunk: Uint8Array, outgoing: NodeResponse): Promise<void> {
  for (let at = 0; at < chunk.length; at += pieceLength)
    await writePiece(chunk.subarray(at, at + pieceLength), outgoing)
}

async function writePiece(piece: Uint8Array, outgoing: NodeResponse): Promise<void> {
  const stream: { write(chunk: Uint8Array): boolean } = outgoing
  if (!isGone(outgoing) && !stream.write(piece)) await untilDrained(outgoing)
}
