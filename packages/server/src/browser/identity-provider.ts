import * as oidc from 'openid-client'

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
  allowInsecureLoopback?: boolean
}

/** What a started sign-in must come back with; kept in the browser, sealed. */
export interface ProviderState {
  provider: string
  state: string
  nonce: string
  verifier: string
  returnTo: string
}

/** Who signed in, as the provider says. */
export interface ProviderIdentity {
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
  start(returnTo: string): Promise<{ url: string; state: ProviderState }>
  /** The identity behind the provider's answer. Rejects when the answer is not for this state. */
  finish(callback: URL, state: ProviderState): Promise<ProviderIdentity>
}

/** A client of one provider, whose document is fetched when it is first needed. @param redirectUri its callback at this server */
export function createIdentityProviderClient(provider: IdentityProvider, redirectUri: string): IdentityProviderClient {
  let configured: Promise<oidc.Configuration> | undefined
  const findConfiguration = () => {
    configured ??= oidc
      .discovery(new URL(provider.issuer), provider.clientId, provider.clientSecret, undefined, {
        execute: provider.allowInsecureLoopback ? [oidc.allowInsecureRequests] : [],
        timeout: 5,
      })
      .catch((error: unknown) => {
        configured = undefined
        throw error
      })
    return configured
  }

  return {
    name: provider.name,
    async start(returnTo) {
      const verifier = oidc.randomPKCECodeVerifier()
      const state = { provider: provider.id, state: oidc.randomState(), nonce: oidc.randomNonce(), verifier, returnTo }
      const url = oidc.buildAuthorizationUrl(await findConfiguration(), {
        redirect_uri: redirectUri,
        scope: 'openid profile email',
        state: state.state,
        nonce: state.nonce,
        code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
        code_challenge_method: 'S256',
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
      // Many providers say who it is there only (OpenID Connect Core §5.4).
      const said = configuration.serverMetadata().userinfo_endpoint
        ? await oidc.fetchUserInfo(configuration, tokens.access_token, claims.sub)
        : {}
      return identityOf(claims, said)
    },
  }
}

function identityOf({ iss, sub, ...claimed }: oidc.IDToken, said: Record<string, unknown>): ProviderIdentity {
  const claims: Record<string, unknown> = { ...said, ...claimed }
  const text = (value: unknown) => (typeof value === 'string' && value !== '' ? value.slice(0, 254) : undefined)
  const email = claims.email_verified === true ? text(claims.email) : undefined
  const displayName = text(claims.name)
  return {
    issuer: iss,
    subject: sub,
    username: text(claims.preferred_username) ?? email ?? displayName ?? 'person',
    displayName,
    email,
  }
}
