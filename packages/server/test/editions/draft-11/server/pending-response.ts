import type { SignedContext } from 'countersign-server/edition'
import { headers } from '../library/headers.js'
import { serializeRequirement } from '../library/requirement.js'
import { displayCode, interactionCode } from './interaction-code.js'
import { paths } from './paths.js'

/** Seconds after which the agent can make requests again. */
export type RetryAfter = 0 | 5

/** The next step of a pending request: a user must open it, the user who opened it must decide, or the agent only has to poll. */
type Need = 'interaction' | 'patience' | 'nobody'

/** `202`: the URL that the agent polls, and the page where the user decides, unless a user is already there or none is needed. */
export function pendingResponse(
  { issuer }: SignedContext,
  ticket: string,
  { retryAfter, needs }: { retryAfter: RetryAfter; needs: Need },
): Response {
  const code = displayCode(interactionCode(ticket))
  const requirement =
    needs === 'interaction'
      ? serializeRequirement({ requirement: needs, url: issuer + paths.interact, code })
      : serializeRequirement({ requirement: 'approval' })
  return new Response(JSON.stringify({ status: needs === 'patience' ? 'interacting' : 'pending' }), {
    status: 202,
    headers: {
      'content-type': 'application/json',
      'cache-control': 'no-store',
      location: `${issuer}${paths.pending}/${ticket}`,
      'retry-after': String(retryAfter),
      [headers.requirement]: requirement,
    },
  })
}
