import { joinReasons } from 'countersign/wire'
import type { Followed } from '../events/follow-exchange.js'
import { UpstreamFailure } from '../events/upstream-failure.js'
import { type Forwarded, sendUpstream, type UpstreamReply, type Way } from './send-upstream.js'

/** Sends a request to the upstream, and tells what came of it. @throws UpstreamFailure */
export async function askUpstream(forwarded: Forwarded, way: Way, { tell, route }: Followed): Promise<UpstreamReply> {
  const began = performance.now()
  const duration = () => (performance.now() - began) / 1000
  try {
    const reply = await sendUpstream(forwarded, way)
    const status = reply.answer.statusCode
    tell?.({ kind: 'upstream', route, outcome: 'answered', status, duration: duration() })
    return reply
  } catch (error) {
    // A client that left is no failure of the API.
    if (error instanceof UpstreamFailure && !way.departure.isGone)
      tell?.({ kind: 'upstream', route, outcome: error.outcome, duration: duration(), reason: reasonOf(error) })
    throw error
  }
}

function reasonOf(error: UpstreamFailure): string {
  const { cause, message } = error
  return joinReasons([cause instanceof Error && cause.message !== '' ? cause.message : message])
}
