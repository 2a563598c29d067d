import type { IncomingMessage, ServerResponse } from 'node:http'
import { keepPrivate } from 'countersign/node'
import { type Resource, type VerifiedRequest, whenEnded } from 'countersign/resource'
import type { Followed } from '../events/follow-exchange.js'
import { UpstreamFailure } from '../events/upstream-failure.js'
import { announcedTrailers, passedTrailers } from '../fields/trailers.js'
import { isEventStream } from './is-event-stream.js'
import { pump } from './pump.js'
import { varyBySigner } from './vary-by-signer.js'

export interface PassedAnswer {
  /** Names and values in turn, without those of the connection. */
  headers: readonly string[]
  resource: Resource
  /** Undefined for the answer to nobody. */
  verified: VerifiedRequest | undefined
  /** Seconds that the upstream may be silent within an answer that is no event stream. */
  silence: number
  followed: Followed
  /** What ends event streams, since the gateway stops. */
  streams: Set<() => void>
}

/**
 * Passes an answer on as it comes, with its trailers. What has no known end ends with what allowed it (G08).
 *
 * @throws UpstreamFailure where it broke off before any of it was passed on
 */
export async function passAnswer(
  answer: IncomingMessage,
  outgoing: ServerResponse,
  { headers, resource, verified, silence, followed, streams }: PassedAnswer,
): Promise<void> {
  if (answer.destroyed && !answer.complete)
    throw new UpstreamFailure('upstream_failed', 'broken_off', 'The answer of the API behind this gateway broke off.')
  const isEvents = isEventStream(answer)
  const hasEnd = answer.headers['content-length'] !== undefined
  if (verified) keepPrivate(outgoing)
  const announced = mayTrail(answer, outgoing) ? announcedTrailers(answer.rawHeaders) : []
  const lines = answer.statusCode === 204 ? withoutLength(headers) : [...headers]
  const head = announced.length > 0 ? [...lines, 'Trailer', announced.join(', ')] : lines
  outgoing.writeHead(answer.statusCode ?? 502, verified ? head : varyBySigner(head))
  followed.outcome = 'ok'
  // What came in one piece with its head goes on in one piece.
  if (answer.complete) return endWithTrailers(answer, outgoing, answer.read() as Buffer | null)
  if (answer.readableLength === 0) sendHead(outgoing)
  const began = performance.now()
  const { socket } = answer
  let isOver = false
  answer.once('close', () => {
    // Where the client left, that was first.
    if (!answer.complete && !isOver && !followed.departure.isGone) followed.outcome = 'upstream_failed'
  })
  if (!isEvents) answer.setTimeout(silence * 1000, () => answer.destroy())
  const endAs = (outcome: string) => () => {
    isOver = true
    followed.outcome = outcome
    answer.destroy()
    if (isEvents) outgoing.end()
    else outgoing.destroy()
  }
  const stop = verified && !hasEnd ? whenEnded(resource, verified, endAs('revoked')) : () => undefined
  const onStop = endAs('ok')
  if (isEvents) streams.add(onStop)
  try {
    await pump(answer, outgoing, () => endWithTrailers(answer, outgoing))
  } catch {
    if (followed.outcome === 'upstream_failed') tellBrokenOff(answer, followed, began)
    // What was sent of it must not be taken for whole.
    if (!outgoing.writableEnded) outgoing.destroy()
  } finally {
    stop()
    streams.delete(onStop)
    answer.removeAllListeners('timeout')
    socket.setTimeout(0)
  }
}

function tellBrokenOff(
  { statusCode: status, errored }: IncomingMessage,
  { route, tell }: Followed,
  began: number,
): void {
  const duration = (performance.now() - began) / 1000
  const reason = errored ? 'its connection ended' : 'it was silent for too long'
  tell?.({ kind: 'upstream', route, outcome: 'broken_off', status, duration, reason })
}

/** An answer without content has no length (RFC 9110 §8.6). */
function withoutLength(headers: readonly string[]): string[] {
  return pairsOf(headers).flatMap(([name, value]) => (name.toLowerCase() === 'content-length' ? [] : [name, value]))
}

/** Sends the head alone. `flushHeaders` would encode anew what is not ASCII. */
function sendHead(outgoing: ServerResponse): void {
  if (outgoing.req.method !== 'HEAD' && outgoing.statusCode !== 304) outgoing.write(Buffer.alloc(0))
}

/** Ends an answer with the trailers that it came with. */
function endWithTrailers(answer: IncomingMessage, outgoing: ServerResponse, rest: Buffer | null = null): void {
  if (answer.rawTrailers.length > 0)
    outgoing.addTrailers(pairsOf(passedTrailers(answer.rawTrailers, answer.rawHeaders)))
  outgoing.end(rest ?? undefined)
}

/** Whether trailers can follow: only behind chunks, which HTTP/1.0 and answers without content do not have. */
function mayTrail({ headers, statusCode = 0 }: IncomingMessage, { req }: ServerResponse): boolean {
  const isChunked = headers['transfer-encoding'] !== undefined && ![204, 304].includes(statusCode)
  return isChunked && req.method !== 'HEAD' && req.httpVersion === '1.1'
}

function pairsOf(lines: readonly string[]): [string, string][] {
  return lines.flatMap((name, at) => (at % 2 === 0 ? [[name, lines[at + 1] ?? '']] : []))
}
