import type { ServerContext } from 'countersign-server/edition'
import { headers } from '../library/headers.js'
import { serializeRequirement } from '../library/requirement.js'
import { displayCode, interactionCode } from './interaction-code.js'
import { paths } from './paths.js'

/** Seconds after which the agent can make requests again. */
export type RetryAfter = 0 | 5

/** What a request waits for: that a person comes, that the one who came decides, or only that it is asked for. */
type Need = 'interaction' | 'patience' | 'nobody'

/** `202`: where the agent asks again, and where the person decides, unless somebody is there or nobody need come. */
export function pendingResponse(
  { issuer }: ServerContext,
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
