import type { NetworkOptions } from 'countersign/discovery'
import { createGuardedFetch } from 'countersign/node'
import * as oidc from 'openid-client'
import { usernameProblem } from '../policy/account-policy.js'

/** An identity provider that people may sign in with (OpenID Connect). */
export interface IdentityProvider {
  /** In the path of its pages; lower-case letters, digits and hyphens. */
  id: string
  /** What the button says. */
  name: string
  issuer: string
  clientId: string
  clientSecret: string
  /** Accepts an `http` issuer on loopback, for development. @default false */
  allowInsecureLoopback?: boolean | undefined
}

/** What a started sign-in must come back with; kept in the browser, sealed. */
export interface ProviderState {
  provider: string
  state: string
  nonce: string
  verifier: string
  returnTo: string
  /** The request that `returnTo` leads to, by the hash of its token. */
  provedFor?: string | undefined
  /** Unix seconds. */
  startedAt: number
  /** Somebody who is signed in shows again who they are: only a sign-in since `startedAt` counts. */
  again: boolean
}

/** Who signed in, as the provider says. */
interface ProviderIdentity {
  issuer: string
  subject: string
  username: string
  displayName: string | undefined
  /** Only where the provider says that it is verified. */
  email: string | undefined
}

export interface IdentityProviderClient {
  readonly name: string
  /** Where the browser goes, and what must come back. */
  start(sought: ProviderSignIn): Promise<{ url: string; state: ProviderState }>
  /**
   * The identity behind the provider's answer, and when the person signed in there, if the provider says so. Rejects
   * when the answer is not for this state.
   */
  finish(callback: URL, state: ProviderState): Promise<{ identity: ProviderIdentity; authTime: number | undefined }>
}

/** What is asked of a provider; `maxAge` is how many seconds ago the person may have signed in there. */
interface ProviderSignIn extends Pick<ProviderState, 'returnTo' | 'provedFor' | 'startedAt' | 'again'> {
  maxAge: number
}

/** Seconds that the provider's clock may be behind. */
const clockSkew = 60

/**
 * How a provider is reached. Its own origin may be at any address, since the operator configured it; what its document names
 * elsewhere may not (W28).
 */
function createReach({ issuer, allowInsecureLoopback = false }: IdentityProvider, network: NetworkOptions) {
  const configuredOrigin = new URL(issuer).origin
  const fetch = createGuardedFetch({ ...network, allowInsecureLoopback, configuredOrigin })
  const reach: oidc.CustomFetch = async (url, { method, headers, body, signal }) => {
    const content = body instanceof URLSearchParams ? body.toString() : body
    if (content !== null && content !== undefined && typeof content !== 'string')
      throw new TypeError('providers are sent forms only')
    try {
      return await fetch(url, { method, headers, ...(content ? { body: content } : {}), ...(signal ? { signal } : {}) })
    } catch (error) {
      throw new ProviderUnreachable(error)
    }
  }
  return reach
}

/**
 * A client of one provider, whose document is fetched when it is first needed.
 *
 * @param redirectUri its callback at this server
 * @param network where it may be reached besides the public internet
 */
export function createIdentityProviderClient(
  provider: IdentityProvider,
  redirectUri: string,
  network: NetworkOptions,
): IdentityProviderClient {
  const reach = createReach(provider, network)
  let configured: Promise<oidc.Configuration> | undefined
  const findConfiguration = () => {
    configured ??= oidc
      .discovery(new URL(provider.issuer), provider.clientId, provider.clientSecret, undefined, {
        execute: provider.allowInsecureLoopback ? [oidc.allowInsecureRequests] : [],
        timeout: 5,
        [oidc.customFetch]: reach,
      })
      .catch((error: unknown) => {
        configured = undefined
        throw error
      })
    return configured
  }

  return {
    name: provider.name,
    async start({ returnTo, provedFor, startedAt, again, maxAge }) {
      const verifier = oidc.randomPKCECodeVerifier()
      const minted = { state: oidc.randomState(), nonce: oidc.randomNonce(), verifier }
      const state = { provider: provider.id, ...minted, returnTo, provedFor, startedAt, again }
      const url = oidc.buildAuthorizationUrl(await findConfiguration(), {
        redirect_uri: redirectUri,
        scope: 'openid profile email',
        state: state.state,
        nonce: state.nonce,
        code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
        code_challenge_method: 'S256',
        // With `max_age` a provider must say when the person signed in (OpenID Connect Core §3.1.2.1).
        ...(again ? { prompt: 'login', max_age: '0' } : { max_age: String(maxAge) }),
      })
      return { url: url.href, state }
    },
    async finish(callback, state) {
      const asSent = new URL(redirectUri)
      asSent.search = callback.search
      const configuration = await findConfiguration()
      const tokens = await oidc.authorizationCodeGrant(configuration, asSent, {
        pkceCodeVerifier: state.verifier,
        expectedState: state.state,
        expectedNonce: state.nonce,
        idTokenExpected: true,
      })
      const claims = tokens.claims()
      if (!claims) throw new TypeError('an answer without an ID token')
      const { auth_time: authTime } = claims
      if (state.again && !(authTime !== undefined && authTime >= state.startedAt - clockSkew)) throw new StaleSignIn()
      // Many providers say who it is there only (OpenID Connect Core §5.4).
      const said = configuration.serverMetadata().userinfo_endpoint
        ? await oidc.fetchUserInfo(configuration, tokens.access_token, claims.sub)
        : {}
      return { identity: identityOf(claims, said), authTime }
    },
  }
}

function identityOf({ iss, sub, ...claimed }: oidc.IDToken, said: Readonly<Record<string, unknown>>): ProviderIdentity {
  const text = (value: unknown) => (typeof value === 'string' && value !== '' ? value.slice(0, 254) : undefined)
  const claim = (name: string) => text(claimed[name]) ?? text(said[name])
  // Both members from one place: "verified" is said of the address beside it.
  const source: Readonly<Record<string, unknown>> = claimed.email === undefined ? said : claimed
  const email = source.email_verified === true ? text(source.email) : undefined
  const displayName = claim('name')
  const wished = [claim('preferred_username'), email, displayName?.trim().replaceAll(/\s+/gu, ' ')]
  return {
    issuer: iss,
    subject: sub,
    username: wished.find((name) => name !== undefined && usernameProblem(name) === undefined) ?? 'person',
    displayName,
    email,
  }
}

/** The provider could not be reached; its cause says why. */
export class ProviderUnreachable extends Error {
  constructor(cause: unknown) {
    super('the identity provider cannot be reached', { cause })
    this.name = 'ProviderUnreachable'
  }
}

/** The provider's answer does not show that the person signed in there since they were sent. */
class StaleSignIn extends Error {
  constructor() {
    super('the identity provider did not say that the person signed in just now')
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
