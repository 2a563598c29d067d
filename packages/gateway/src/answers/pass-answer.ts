import type { IncomingMessage, ServerResponse } from 'node:http'
import { pipeline } from 'node:stream/promises'
import { keepPrivate } from 'countersign/node'
import { AAuthError, type Resource, type VerifiedRequest, whenEnded } from 'countersign/resource'
import { varyBySigner } from './vary-by-signer.js'

export interface PassedAnswer {
  /** Names and values in turn, without those of the connection. */
  headers: readonly string[]
  resource: Resource
  /** Undefined for the answer to nobody. */
  verified: VerifiedRequest | undefined
  /** Seconds that the upstream may be silent within an answer that is no event stream. */
  silence: number
}

/** Passes an answer on as it comes. What has no known end ends with what allowed it (G08). */
export async function passAnswer(
  answer: IncomingMessage,
  outgoing: ServerResponse,
  { headers, resource, verified, silence }: PassedAnswer,
): Promise<void> {
  const isEvents = /^text\/event-stream\b/i.test(answer.headers['content-type'] ?? '')
  const hasEnd = answer.headers['content-length'] !== undefined
  if (verified) keepPrivate(outgoing)
  outgoing.writeHead(answer.statusCode ?? 502, verified ? [...headers] : varyBySigner(headers))
  outgoing.flushHeaders()
  const { socket } = answer
  if (!isEvents) answer.setTimeout(silence * 1000, () => answer.destroy())
  const stop =
    verified && !hasEnd
      ? whenEnded(resource, verified, () => {
          answer.destroy()
          if (isEvents) outgoing.end()
          else outgoing.destroy()
        })
      : () => undefined
  try {
    await pipeline(answer, outgoing)
  } catch (cause) {
    // What was sent of it must not be taken for whole.
    if (!outgoing.writableEnded) outgoing.destroy()
    if (!outgoing.headersSent) throw new AAuthError('upstream_failed', 'The answer broke off.', { cause })
  } finally {
    stop()
    answer.removeAllListeners('timeout')
    socket.setTimeout(0)
  }
}
