import { createSigner, generatePrivateJwk, type Signer } from '../index.js'
import { type AccessTokenClaims, accessTokenType } from '../low-level-exports/editions.js'
import { issueToken } from '../low-level-exports/tokens.js'
import type { TestClock } from './test-clock.js'
import type { TestFault } from './test-faults.js'
import { lifetimes, type TestGrants } from './test-grants.js'
import { requireTestName } from './test-origins.js'
import type { TestUser } from './test-person.js'

/** The faults of {@link TestFault} that an access token can have. */
export type TestAccessTokenFault = Extract<
  TestFault,
  'expired-token' | 'wrong-audience' | 'wrong-issuer' | 'forged-token' | 'revoked-token'
>

export interface TestAccessTokenOptions {
  /** The scopes of the token, space-separated. */
  scope: string
  /** The user who allowed them. @default a new user */
  person?: TestUser | undefined
  /** The client's `client_id`. @default 'https://client.test/oauth/client.json' */
  client?: string | undefined
  /** What is wrong with the token. With `revoked-token`, the clock advances by 5 seconds. @default nothing */
  fault?: TestAccessTokenFault | undefined
}

/** The parts of a test world that its access tokens use. */
export interface TestAccessTokenTools {
  grants: TestGrants
  clock: TestClock
  newPerson: (name: string) => TestUser
}

/** Issues an OAuth access token for an endpoint, as the auth server does after a user has allowed its scopes. */
export async function issueTestAccessToken(
  resource: string,
  { scope, person, client = 'https://client.test/oauth/client.json', fault }: TestAccessTokenOptions,
  { grants, clock, newPerson }: TestAccessTokenTools,
): Promise<string> {
  if (!URL.canParse(resource))
    throw new TypeError(`the resource must be the URL of the endpoint, such as https://api.test/mcp: ${resource}`)
  requireTestName('resource', new URL(resource).origin)
  const { sub } = person ?? newPerson(`user of ${client}`)
  const grant = grants.add({ agent: client, resource, scope, sub })
  const { oauthSigner, issuer } = grants
  const claims: AccessTokenClaims = {
    iss: issuer,
    aud: resource,
    sub,
    client_id: client,
    scope,
    iat: clock.now(),
    exp: clock.now() + lifetimes.token,
    jti: `${grant.id}.family-1.${crypto.randomUUID()}`,
  }
  const { signer = oauthSigner, ...changed } = fault === undefined ? {} : await changesOf(fault, claims, oauthSigner)
  const token = await issueToken(accessTokenType, { ...claims, ...changed }, { signer, now: clock.now })
  if (fault === 'revoked-token') {
    grant.isRevoked = true
    clock.advance(5)
  }
  return token
}

async function changesOf(
  fault: TestAccessTokenFault,
  { iat }: AccessTokenClaims,
  { kid }: Signer,
): Promise<Partial<AccessTokenClaims> & { signer?: Signer }> {
  switch (fault) {
    case 'expired-token':
      return { iat: (iat ?? 0) - lifetimes.token, exp: (iat ?? 0) - 1 }
    case 'wrong-audience':
      return { aud: 'https://other-api.test/mcp' }
    case 'wrong-issuer':
      return { iss: 'https://other-auth.test' }
    case 'forged-token':
      return { signer: { ...(await createSigner(await generatePrivateJwk())), kid } }
    case 'revoked-token':
      return {}
    default:
      throw new TypeError(`an access token cannot have this fault: ${String(fault)}`)
  }
}
