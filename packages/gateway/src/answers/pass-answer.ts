import type { IncomingMessage, ServerResponse } from 'node:http'
import { keepPrivate } from 'countersign/node'
import { type Resource, type VerifiedRequest, whenEnded } from 'countersign/resource'
import type { Followed } from '../events/follow-exchange.js'
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
}

/** Passes an answer on as it comes. What has no known end ends with what allowed it (G08). */
export async function passAnswer(
  answer: IncomingMessage,
  outgoing: ServerResponse,
  { headers, resource, verified, silence, followed }: PassedAnswer,
): Promise<void> {
  const isEvents = /^text\/event-stream\b/i.test(answer.headers['content-type'] ?? '')
  const hasEnd = answer.headers['content-length'] !== undefined
  if (verified) keepPrivate(outgoing)
  outgoing.writeHead(answer.statusCode ?? 502, verified ? [...headers] : varyBySigner(headers))
  followed.outcome = 'ok'
  // What came in one piece with its head goes on in one piece.
  if (answer.complete) return void outgoing.end(answer.read() ?? undefined)
  if (answer.readableLength === 0) outgoing.flushHeaders()
  const began = performance.now()
  const { socket } = answer
  let isLeft = false
  let isOver = false
  outgoing.once('close', () => {
    isLeft = !answer.destroyed
  })
  answer.once('close', () => {
    if (!answer.complete && !isLeft && !isOver) followed.outcome = 'upstream_failed'
  })
  if (!isEvents) answer.setTimeout(silence * 1000, () => answer.destroy())
  const stop =
    verified && !hasEnd
      ? whenEnded(resource, verified, () => {
          isOver = true
          followed.outcome = 'revoked'
          answer.destroy()
          if (isEvents) outgoing.end()
          else outgoing.destroy()
        })
      : () => undefined
  try {
    await pump(answer, outgoing)
  } catch {
    if (followed.outcome === 'upstream_failed') tellBrokenOff(answer, followed, began)
    // What was sent of it must not be taken for whole.
    if (!outgoing.writableEnded) outgoing.destroy()
  } finally {
    stop()
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
