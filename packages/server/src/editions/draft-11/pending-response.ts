import { displayCode, pendingResponse } from 'countersign/editions/draft-11/sessions'
import type { SignedContext } from '../edition.js'
import { interactionCode } from './interaction-code.js'
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

/** The response to an agent that must wait. */
export function waitingResponse({ issuer, secrets }: SignedContext, { pollSecret, ...pending }: Pending): Response {
  return pendingResponse({
    ...pending,
    location: `${issuer}${paths.pending}/${pollSecret}`,
    page: issuer + paths.interact,
    code: displayCode(interactionCode(secrets, pollSecret)),
  })
}
