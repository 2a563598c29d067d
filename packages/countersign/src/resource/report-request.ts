import { claimedAgent } from '../editions/verified-request.js'
import type { SigningProfile } from '../httpsig/signing-profile.js'
import { AAuthError } from '../lib/errors.js'
import type { Tell } from '../lib/events.js'
import { describeRefusal, type Refused } from '../lib/refusal.js'

/** What is told of a request. */
export interface ToldRequest {
  /** May become another one until the request is over. */
  route: string
  /** Who it was found to be from. */
  verified?: Refused
  method: string
  /** Path and query. */
  target: string
  /** The text of the header `Signature-Key`. */
  signatureKey: () => string
}

/** Answers or verifies a request, and tells that it was, or why it was refused. */
export async function tellRequest<T>(
  tell: Tell,
  signing: SigningProfile,
  request: ToldRequest,
  work: () => Promise<T>,
): Promise<T> {
  const { method, target, signatureKey } = request
  const began = performance.now()
  const path = target.split('?', 1)[0]?.slice(0, 256)
  const told = (outcome: string, status?: number): void =>
    tell({
      kind: 'request',
      route: request.route,
      outcome,
      status,
      method,
      path,
      duration: (performance.now() - began) / 1000,
    })
  try {
    const done = await work()
    told('ok')
    return done
  } catch (error) {
    if (!(error instanceof AAuthError)) throw error
    const who = request.verified ?? claimedAgent(signing, signatureKey())
    tell({ kind: 'refusal', ...describeRefusal(error, error, who) })
    told(error.code, error.status)
    throw error
  }
}
