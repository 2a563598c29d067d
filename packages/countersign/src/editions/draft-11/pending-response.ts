import { requirementHeader, serializeRequirement } from './requirement.js'

/** A request that no one has decided yet. */
export interface PendingInteraction {
  /** The URL that the agent polls. */
  location: string
  /** The page on which the user decides. */
  page: string
  /** The code as the page shows it. */
  code: string
  /** Whether a user has opened it, so that the agent no longer needs to show the code. */
  isOpened: boolean
  /** Seconds until the agent polls again; 0 for the first poll, which can be held, and after a poll that was. */
  retryAfter: 0 | 5
}

/** The response to an agent that must wait: where it polls, and where its user decides (draft -11 §11.6.3). */
export function pendingResponse({ location, page, code, isOpened, retryAfter }: PendingInteraction): Response {
  const headers = {
    location,
    'retry-after': String(retryAfter),
    'cache-control': 'no-store',
    [requirementHeader]: serializeRequirement(
      isOpened ? { requirement: 'approval' } : { requirement: 'interaction', url: page, code },
    ),
  }
  return Response.json({ status: isOpened ? 'interacting' : 'pending' }, { status: 202, headers })
}

/** How long a poll asks to be held, in seconds, at most the given time (RFC 7240 §4.3). */
export function preferredWait(prefer: string, most: number): number {
  const [, given] = /(?:^|[,;])\s*wait\s*=\s*"?(\d{1,4})"?\s*(?:$|[,;])/i.exec(prefer) ?? []
  return Math.min(Number(given ?? 0), most)
}
