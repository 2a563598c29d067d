import { documentUrl } from '../../../low-level-exports/discovery.js'
import {
  type AuthTokenClaims,
  draft11AgentSigning,
  draft11Documents,
  draft11Jose,
  draft11Tokens,
} from '../../../low-level-exports/draft-11.js'
import { signRequest } from '../../../low-level-exports/signatures.js'
import { decodeToken, issueToken, parseJsonObject, publishedJwk } from '../../../low-level-exports/tokens.js'
import type { TestClock } from '../../test-clock.js'
import { lifetimes, type TestGrant, type TestGrants, type TokenChanges } from '../../test-grants.js'

/** A token that lets an agent act for the user of a grant. */
export interface WantedToken {
  kind: 'person' | 'auth'
  grant: TestGrant
  /** The agent's key. */
  jwk: object
  /** Unix seconds. */
  now: number
  /** The latest expiry, in Unix seconds. @default none */
  notAfter?: number | undefined
  changes?: TokenChanges | undefined
}

/** Issues a person token or an auth token for a grant (draft -11 §7.1, 9.4). */
export function issueTestToken(
  { issuer, signer }: TestGrants,
  { kind, grant, jwk, now, notAfter = Number.POSITIVE_INFINITY, changes = {} }: WantedToken,
): Promise<string> {
  const { resource, scope, sub } = grant
  const common = {
    iss: issuer,
    dwk: draft11Documents.authServer.name,
    aud: resource,
    sub,
    iat: now,
    exp: Math.min(now + lifetimes.token, notAfter),
    jti: crypto.randomUUID(),
  }
  const { cnf = { jwk }, ...changed } = changes.claims ?? {}
  const bound = { ...common, cnf: { jwk: publishedJwk(cnf.jwk, draft11Jose) } }
  const signing = { signer: changes.signer ?? signer, now: () => now }
  if (kind === 'person') return issueToken(draft11Tokens.person, bound, signing)
  const claims = { ...bound, ps: issuer, ...(scope === '' ? {} : { scope }), ...changed } as AuthTokenClaims
  return issueToken(draft11Tokens.auth, claims, signing)
}

/** Tells a resource that a token was revoked, if it wants to know (draft -11 §11.12). */
export async function sendRevocation(
  { issuer, signer }: TestGrants,
  { resource, jwt, clock, fetch }: { resource: string; jwt: string; clock: TestClock; fetch: typeof globalThis.fetch },
): Promise<void> {
  const document = await fetch(documentUrl(draft11Documents.resource, resource))
  const { revocation_endpoint: endpoint } = parseJsonObject(await document.text()) ?? {}
  if (typeof endpoint !== 'string') return
  const { jti, exp } = decodeToken(jwt)?.payload ?? {}
  const headers = { 'content-type': 'application/json' }
  const request = new Request(endpoint, { method: 'POST', headers, body: JSON.stringify({ jti, exp }) })
  const response = await fetch(
    await signRequest(request, {
      profile: draft11AgentSigning,
      signer,
      signatureKey: { scheme: 'jwks', id: issuer, kid: signer.kid, wellKnown: draft11Documents.authServer.name },
      created: clock.now(),
    }),
  )
  if (response.status !== 200)
    throw new Error(`${endpoint} refused a revocation with ${response.status}: ${await response.text()}`)
}
