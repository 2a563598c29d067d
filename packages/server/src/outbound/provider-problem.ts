import * as oidc from 'openid-client'

/** The provider could not be reached; its cause says why. */
export class ProviderUnreachable extends Error {
  constructor(cause: unknown) {
    super('the identity provider cannot be reached', { cause })
    this.name = 'ProviderUnreachable'
  }
}

/** The provider's answer does not show that the person signed in there since they were sent. */
export class StaleSignIn extends Error {
  constructor() {
    super('the identity provider did not say that the person signed in just now')
    this.name = 'StaleSignIn'
  }
}

/** A sign-in at a provider that the provider ended, for the operator's log. */
export class ProviderFailure extends Error {
  constructor(provider: string, reason: string, cause: unknown) {
    super(`signing in at the identity provider "${provider}" failed: ${reason}`, { cause })
    this.name = 'ProviderFailure'
  }
}

/** What ended a sign-in at a provider: the page's problem, and the reason for the operator. */
interface ProviderProblem {
  problem: 'provider_denied' | 'provider_failed' | 'provider_not_fresh'
  reason: string
}

/** Says what the person or the provider did wrong; undefined means a bug. */
export function providerProblemOf(error: unknown): ProviderProblem | undefined {
  if (error instanceof StaleSignIn) return { problem: 'provider_not_fresh', reason: 'stale_auth_time' }
  if (error instanceof oidc.AuthorizationResponseError) {
    const { error: reason } = error
    return { problem: reason === 'access_denied' ? 'provider_denied' : 'provider_failed', reason }
  }
  if (error instanceof oidc.ResponseBodyError) return { problem: 'provider_failed', reason: error.error }
  if (error instanceof oidc.WWWAuthenticateChallengeError) return { problem: 'provider_failed', reason: error.code }
  if (!(error instanceof oidc.ClientError)) return undefined
  if (error.cause instanceof ProviderUnreachable)
    return { problem: 'provider_failed', reason: reachingReason(error.cause) }
  // Keys of the provider that the platform cannot read come without a code.
  const reason = error.code ?? (error.cause instanceof DOMException ? error.cause.name : undefined)
  return reason === undefined ? undefined : { problem: 'provider_failed', reason }
}

/** `ECONNREFUSED`, `TimeoutError` and the like, from the innermost cause that has one. */
function reachingReason({ cause }: ProviderUnreachable): string {
  let reason = 'unreachable'
  for (let at: unknown = cause, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth += 1) {
    if ('code' in at && typeof at.code === 'string') reason = at.code
    else if (at.name === 'TimeoutError') reason = at.name
  }
  return reason
}
