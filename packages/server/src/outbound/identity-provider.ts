import { createGuardedFetch } from 'countersign/node'
import type { NetworkOptions } from 'countersign/wire'
import * as oidc from 'openid-client'
import { usernameProblem } from '../policy/account-policy.js'
import { ProviderUnreachable, StaleSignIn } from './provider-problem.js'

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
