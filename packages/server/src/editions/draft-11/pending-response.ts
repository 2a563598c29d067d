import { requirementHeader, serializeRequirement } from 'countersign/editions/draft-11'
import type { SignedContext } from '../edition.js'
import { displayCode, interactionCode } from './interaction-code.js'
import { paths } from './paths.js'

/** A request that no one has decided yet. */
export interface Pending {
  /** The secret in the agent's URL for the request. */
  pollSecret: string
  /** Whether a user has opened it, so that the agent no longer needs to show the code. */
  isOpened: boolean
  /** Seconds until the agent polls again; 0 for the first poll, which can be held, and after a poll that was. */
  retryAfter: 0 | 5
}

/** The response to an agent that must wait: where it polls, and where its user decides (draft -11 §11.6.3). */
export function pendingResponse({ issuer, secrets }: SignedContext, pending: Pending): Response {
  const { pollSecret, isOpened, retryAfter } = pending
  const requirement = isOpened
    ? serializeRequirement({ requirement: 'approval' })
    : serializeRequirement({
        requirement: 'interaction',
        url: issuer + paths.interact,
        code: displayCode(interactionCode(secrets, pollSecret)),
      })
  const headers = {
    location: `${issuer}${paths.pending}/${pollSecret}`,
    'retry-after': String(retryAfter),
    'cache-control': 'no-store',
    [requirementHeader]: requirement,
  }
  return Response.json({ status: isOpened ? 'interacting' : 'pending' }, { status: 202, headers })
}
