import type { IncomingMessage, ServerResponse } from 'node:http'
import { keepPrivate } from 'countersign/node'
import { onAuthorizationEnd, type Resource, type VerifiedRequest } from 'countersign/resource'
import { type TrackedRequest, UpstreamFailure } from '../events.js'
import { announcedTrailers, passedTrailers } from '../headers.js'

interface PassedResponse {
  /** End-to-end headers, as alternating names and values. */
  headers: readonly string[]
  resource: Resource
  /** Undefined if nothing was verified. */
  verified: VerifiedRequest | undefined
  /** Maximum pause within an upstream response that is not an event stream, in seconds. */
  silence: number
  tracked: TrackedRequest
  /** Functions that end each event stream when the gateway stops. */
  streams: Set<() => void>
}

/**
 * Streams a response to the client, with its trailers. A response of unknown length is ended when the permission expires or is revoked
 * (G08).
 *
 * @throws UpstreamFailure if the response is cut off before any of it is sent
 */
export async function passResponse(
  answer: IncomingMessage,
  outgoing: ServerResponse,
  { headers, resource, verified, silence, tracked, streams }: PassedResponse,
): Promise<void> {
  if (answer.destroyed && !answer.complete)
    throw new UpstreamFailure(
      'upstream_failed',
      'broken_off',
      'The response of the API behind this gateway was incomplete.',
    )
  const isEvents = isEventStream(answer)
  const hasEnd = answer.headers['content-length'] !== undefined
  if (verified) keepPrivate(outgoing)
  const announced = mayTrail(answer, outgoing) ? announcedTrailers(answer.rawHeaders, resource.responseHeaders) : []
  const lines = answer.statusCode === 204 ? withoutLength(headers) : [...headers]
  const head = announced.length > 0 ? [...lines, 'Trailer', announced.join(', ')] : lines
  outgoing.writeHead(answer.statusCode as number, verified ? head : varyBySigner(head))
  tracked.outcome = 'ok'
  // A body that arrived together with its head is sent together with the head.
  if (answer.complete) return endWithTrailers(answer, outgoing, resource, answer.read() as Buffer | null)
  if (answer.readableLength === 0) sendHead(outgoing)
  const began = performance.now()
  const { socket } = answer
  let isOver = false
  answer.once('close', () => {
    // The client has already disconnected.
    if (!answer.complete && !isOver && !tracked.disconnect.hasHappened) tracked.outcome = 'upstream_failed'
  })
  if (!isEvents) answer.setTimeout(silence * 1000, () => answer.destroy())
  const endAs = (outcome: string) => () => {
    isOver = true
    tracked.outcome = outcome
    answer.destroy()
    if (isEvents) outgoing.end()
    else outgoing.destroy()
  }
  const stop = verified && !hasEnd ? onAuthorizationEnd(resource, verified, endAs('revoked')) : () => undefined
  const onStop = endAs('ok')
  if (isEvents) streams.add(onStop)
  try {
    await pump(answer, outgoing, () => endWithTrailers(answer, outgoing, resource))
  } catch {
    if (tracked.outcome === 'upstream_failed') reportBrokenOff(answer, tracked, began)
    // The client must not mistake a partial response for a complete one.
    if (!outgoing.writableEnded) outgoing.destroy()
  } finally {
    stop()
    streams.delete(onStop)
    answer.removeAllListeners('timeout')
    socket.setTimeout(0)
  }
}

function reportBrokenOff(
  { statusCode: status, errored }: IncomingMessage,
  { route, tell }: TrackedRequest,
  began: number,
): void {
  const duration = (performance.now() - began) / 1000
  const reason = errored ? 'its connection closed early' : 'it sent nothing for too long'
  tell?.({ kind: 'upstream', route, outcome: 'broken_off', status, duration, reason })
}

/** A response without content has no Content-Length (RFC 9110 §8.6). */
function withoutLength(headers: readonly string[]): string[] {
  return pairsOf(headers).flatMap(([name, value]) => (name.toLowerCase() === 'content-length' ? [] : [name, value]))
}

/** Sends the head without content. `flushHeaders` would encode non-ASCII characters twice. */
function sendHead(outgoing: ServerResponse): void {
  outgoing.write(Buffer.alloc(0))
}

/** Ends a response with its trailers. */
function endWithTrailers(
  { rawTrailers, rawHeaders }: IncomingMessage,
  outgoing: ServerResponse,
  { responseHeaders }: Resource,
  rest: Buffer | null = null,
): void {
  if (rawTrailers.length > 0) outgoing.addTrailers(pairsOf(passedTrailers(rawTrailers, rawHeaders, responseHeaders)))
  outgoing.end(rest ?? undefined)
}

/** Whether trailers can follow. They require chunked content, which HTTP/1.0 does not have. */
function mayTrail({ headers, statusCode }: IncomingMessage, { req }: ServerResponse): boolean {
  const isChunked = headers['transfer-encoding'] !== undefined && ![204, 304].includes(statusCode as number)
  return isChunked && req.method !== 'HEAD' && req.httpVersion === '1.1'
}

function pairsOf(lines: readonly string[]): [string, string][] {
  return lines.flatMap((name, at) => (at % 2 === 0 ? [[name, lines[at + 1] as string]] : []))
}

/**
 * Pipes a response to the client with backpressure, then calls `end`, and resolves when everything has been sent. Node.js's `pipeline`
 * would create an abort signal for each response and abort it at the end.
 *
 * @throws Error if either connection is lost
 */
function pump(answer: IncomingMessage, outgoing: ServerResponse, end: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    answer.on('error', reject)
    answer.once('close', () => answer.readableEnded || reject(new Error('the response broke off')))
    outgoing.on('error', reject)
    outgoing.once('finish', resolve)
    outgoing.once('close', () => {
      if (outgoing.writableFinished) return
      answer.destroy()
      reject(new Error('the client disconnected'))
    })
    answer.once('end', end)
    answer.pipe(outgoing, { end: false })
  })
}

/** Caches must not serve the response to an unsigned request in reply to a signed one. */
function varyBySigner(headers: readonly string[]): string[] {
  return [...headers, 'Vary', 'Signature-Key']
}

/** Whether a response is an event stream, which may pause for long periods. */
export function isEventStream({ headers }: IncomingMessage): boolean {
  return /^text\/event-stream\b/i.test(headers['content-type'] ?? '')
}

/** Sends a refusal without waiting for the rest of the request. */
export async function sendRefusal(
  refusal: Response,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  extra: readonly (readonly [string, string])[] = [],
): Promise<void> {
  const body = Buffer.from(await refusal.arrayBuffer())
  if (outgoing.headersSent || outgoing.destroyed) return void outgoing.destroy()
  const headers = [...refusal.headers, ...extra, ['content-length', String(body.length)]].flat()
  if (!incoming.complete) headers.push('connection', 'close')
  outgoing.writeHead(refusal.status, headers)
  outgoing.end(incoming.method === 'HEAD' ? undefined : body)
}
