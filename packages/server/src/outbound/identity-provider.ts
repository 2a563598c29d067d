import { isLoopbackIdentifier, type NetworkOptions } from 'countersign/discovery'
import { createGuardedFetch } from 'countersign/node'
import type * as Oidc from 'openid-client'
import { isEmail, usernameProblem } from '../lib/credential-rules.js'

/** An identity provider that users can sign in with (OpenID Connect). */
export interface IdentityProvider {
  /** The provider's id in the paths of its sign-in pages; lowercase letters, digits and hyphens. */
  id: string
  /** The button label. */
  name: string
  issuer: string
  clientId: string
  clientSecret: string
  /** Accepts an `http` issuer on loopback, for development. @default false */
  allowInsecureLoopback?: boolean | undefined
}

/** What the response to a pending sign-in must match. Stored in the browser, sealed. */
export interface ProviderState {
  provider: string
  state: string
  nonce: string
  verifier: string
  returnTo: string
  /** The token hash of the request that `returnTo` leads to. */
  provedFor?: string | undefined
  /** Unix seconds. */
  startedAt: number
  /** Whether a signed-in user is reauthenticating. If so, only a sign-in since `startedAt` counts. */
  again: boolean
}

/** The identity of the user who signed in, as reported by the provider. */
interface ProviderIdentity {
  issuer: string
  subject: string
  username: string
  displayName: string | undefined
  /** Set only if the provider reports it as verified, and it is one address. */
  email: string | undefined
}

export interface IdentityProviderClient {
  readonly name: string
  readonly issuer: string
  /** Returns the URL to send the browser to, and the state that the response must match. */
  start(sought: ProviderSignIn): Promise<{ url: string; state: ProviderState }>
  /**
   * Returns the identity from the provider's response and, if the provider reports it, when the user signed in there, in whole seconds.
   * Rejects if the response does not match this state.
   */
  finish(callback: URL, state: ProviderState): Promise<{ identity: ProviderIdentity; authTime: number | undefined }>
}

/** The parameters of the request to a provider; `maxAge` is the maximum age of the user's sign-in there, in seconds. */
interface ProviderSignIn extends Pick<ProviderState, 'returnTo' | 'provedFor' | 'startedAt' | 'again'> {
  maxAge: number
}

/** Loads the client on first use: most servers have no identity provider. */
const loadOidc = () => import('openid-client')

/** Allowed clock skew between the provider and this server, in seconds. */
const clockSkew = 60

/**
 * Creates the fetch for a provider. The provider's own origin may be at any address, because the operator configured it; the other URLs in
 * its document may not (W28).
 */
function createReach({ issuer, allowInsecureLoopback = false }: IdentityProvider, network: NetworkOptions) {
  const configuredOrigin = new URL(issuer).origin
  const fetch = createGuardedFetch({ ...network, allowInsecureLoopback, configuredOrigin })
  const reach: Oidc.CustomFetch = async (url, { method, headers, body, signal }) => {
    const content = body instanceof URLSearchParams ? body.toString() : body
    if (content !== null && content !== undefined && typeof content !== 'string')
      throw new TypeError('only form bodies can be sent to providers')
    try {
      return await fetch(url, { method, headers, ...(content ? { body: content } : {}), ...(signal ? { signal } : {}) })
    } catch (error) {
      throw new ProviderUnreachable(error)
    }
  }
  return reach
}

/**
 * Creates a client for one provider, whose document is fetched on first use.
 *
 * @param redirectUri the provider's callback on this server
 * @param network networks that may be reached in addition to the public internet
 */
export function createIdentityProviderClient(
  provider: IdentityProvider,
  redirectUri: string,
  network: NetworkOptions,
): IdentityProviderClient {
  const reach = createReach(provider, network)
  let configured: Promise<Oidc.Configuration> | undefined
  const findConfiguration = async () => {
    const oidc = await loadOidc()
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
    issuer: provider.issuer,
    async start({ returnTo, provedFor, startedAt, again, maxAge }) {
      const oidc = await loadOidc()
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
        // With `max_age`, a provider must report when the user signed in (OpenID Connect Core §3.1.2.1).
        ...(again ? { prompt: 'login', max_age: '0' } : { max_age: String(maxAge) }),
      })
      return { url: url.href, state }
    },
    async finish(callback, state) {
      const asSent = new URL(redirectUri)
      asSent.search = callback.search
      const oidc = await loadOidc()
      const configuration = await findConfiguration()
      const tokens = await oidc.authorizationCodeGrant(configuration, asSent, {
        pkceCodeVerifier: state.verifier,
        expectedState: state.state,
        expectedNonce: state.nonce,
        idTokenExpected: true,
      })
      const claims = tokens.claims()
      if (!claims) throw new TypeError('the response has no ID token')
      const { auth_time: authTime } = claims
      if (state.again && !(authTime !== undefined && authTime >= state.startedAt - clockSkew)) throw new StaleSignIn()
      // Many providers return the user's profile only from this endpoint (OpenID Connect Core §5.4).
      const said = configuration.serverMetadata().userinfo_endpoint
        ? await oidc.fetchUserInfo(configuration, tokens.access_token, claims.sub)
        : {}
      return { identity: identityOf(claims, said), authTime: authTime === undefined ? undefined : Math.floor(authTime) }
    },
  }
}

function identityOf({ iss, sub, ...claimed }: Oidc.IDToken, said: Readonly<Record<string, unknown>>): ProviderIdentity {
  const text = (value: unknown) => (typeof value === 'string' && value !== '' ? value.slice(0, 254) : undefined)
  const claim = (name: string) => text(claimed[name]) ?? text(said[name])
  // Both members must come from the same source: `email_verified` refers to the address next to it.
  const source: Readonly<Record<string, unknown>> = claimed.email === undefined ? said : claimed
  const isUsable = source.email_verified === true && typeof source.email === 'string' && isEmail(source.email)
  const email = isUsable ? text(source.email) : undefined
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

/** The provider could not be reached; the cause contains the reason. */
export class ProviderUnreachable extends Error {
  constructor(cause: unknown) {
    super('the identity provider cannot be reached', { cause })
    this.name = 'ProviderUnreachable'
  }
}

/** The provider's response does not show that the user signed in there after being redirected. */
class StaleSignIn extends Error {
  constructor() {
    super('the identity provider did not confirm that the user has just signed in')
  }
}

/** A sign-in that failed at the provider, for the operator's log. */
export class ProviderFailure extends Error {
  constructor(provider: string, reason: string, cause: unknown) {
    super(`sign-in at the identity provider "${provider}" failed: ${reason}`, { cause })
    this.name = 'ProviderFailure'
  }
}

/** Why a sign-in at a provider failed: the problem shown on the page, and the reason for the operator. */
interface ProviderProblem {
  problem: 'provider_denied' | 'provider_failed' | 'provider_not_fresh'
  reason: string
}

/** Returns the problem if the user or the provider caused the failure; undefined means a bug. */
export async function providerProblemOf(error: unknown): Promise<ProviderProblem | undefined> {
  const oidc = await loadOidc()
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
  // The error for provider keys that the platform cannot parse has no code.
  const reason = error.code ?? (error.cause instanceof DOMException ? error.cause.name : undefined)
  return reason === undefined ? undefined : { problem: 'provider_failed', reason }
}

/** Returns `ECONNREFUSED`, `TimeoutError` or similar, from the innermost cause that has one. */
function reachingReason({ cause }: ProviderUnreachable): string {
  let reason = 'unreachable'
  for (let at: unknown = cause, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth += 1) {
    if ('code' in at && typeof at.code === 'string') reason = at.code
    else if (at.name === 'TimeoutError') reason = at.name
  }
  return reason
}

/**
 * Creates the client of a configured provider.
 *
 * @param server the issuer of this server, to which the provider returns users
 * @throws TypeError for a provider that is only for development, but not on loopback
 */
export function openIdentityProvider(
  provider: IdentityProvider,
  server: string,
  network: NetworkOptions,
): IdentityProviderClient {
  const { allowInsecureLoopback, issuer: at, id } = provider
  if (!URL.canParse(at)) throw new TypeError(`accounts.identityProviders: the issuer of ${id} must be a URL`)
  if (allowInsecureLoopback && !isLoopbackIdentifier(new URL(at).origin)) {
    throw new TypeError(
      `accounts.identityProviders: the allowInsecureLoopback option of ${id} is for development and requires an issuer on loopback`,
    )
  }
  return createIdentityProviderClient(provider, `${server}/account/with/${provider.id}/callback`, network)
}
