import type { VerifiedSignature } from '../../httpsig/verify-signature.js'
import { AAuthError, type ChallengeContext } from '../../lib/errors.js'
import type { MaybePromise } from '../../lib/maybe-promise.js'
import type {
  AuthClaims,
  AuthorizedRequest,
  IdentifiedRequest,
  Requirement,
  ResolvedKey,
  SignedRequest,
  UserRequest,
  VerifiedRequest,
} from '../verified-request.js'
import type { TokenLevel } from './requirement.js'

type Verified = VerifiedSignature<ResolvedKey>

/** What a resource token repeats of the token that was presented. */
export interface PresentedToken {
  ps: string
  sub: string
  jti: string
  tenant: string | undefined
  mission: string | undefined
  account: string | undefined
}

/** The accounts that users have at a resource, under the resource's own names of at most 256 characters (draft -11 §11.11). */
export interface ResourceAccounts {
  /**
   * Whether a user has an account, for agents that ask for it by name.
   *
   * @param user identified by `iss` and `sub` together
   */
  has(account: string, user: { iss: string; sub: string }): MaybePromise<boolean>
  /**
   * The account that a request concerns, according to its method, path and query; undefined for none. A request then needs an auth token
   * for exactly this account. @default requests may have an auth token for any account, which is in its `claims.account`
   */
  of?(request: { method: string; path: string; query: string | undefined }): string | undefined
}

/**
 * Checks that the token of a request is the one that the requirement needs (draft -11 §6). `signature` accepts every token, `identity` an
 * agent token, `user` a person or auth token, and `authorization` an auth token with the scope. With `orHigher`, a token for a user also
 * suffices for `identity`.
 *
 * @throws AAuthError `identity_required`, `authorization_required`, `scope_insufficient`
 */
export function judgeRequest<R extends Requirement>(
  verified: Verified,
  { require, scope = '', orHigher = false }: { require: R; scope?: string | undefined; orHigher?: boolean | undefined },
  accounts?: Pick<ResourceAccounts, 'of'>,
): VerifiedRequest<R> {
  const need = require === 'identity' && orHigher ? 'signature' : require
  return needs[need](verified, scope, accounts) as VerifiedRequest<R>
}

type Judge = (verified: Verified, scope: string, accounts?: Pick<ResourceAccounts, 'of'>) => VerifiedRequest

const needs: Readonly<Record<Requirement, Judge>> = {
  signature: signedRequest,
  identity: identifiedRequest,
  user: userRequest,
  authorization: authorizedRequest,
}

function signedRequest({ resolved, method, authority, path, covered, body }: Verified): SignedRequest {
  const { agent, delegate, key, scheme, token, authorization, user } = resolved
  const { thumbprint } = key
  const signed = {
    method,
    authority,
    path,
    covered,
    body,
    thumbprint,
    scheme,
    tokenType: token?.type.typ,
    agent,
    delegate,
    // Only agent tokens name the agent, so it is recognized by its key.
    caller: `key ${thumbprint}`,
    authorization,
  }
  // A long response ends when the person token expires or is revoked, which is checked with these.
  return user ? Object.assign(signed, { claims: user }) : signed
}

function identifiedRequest(verified: Verified): IdentifiedRequest {
  const { agent } = verified.resolved
  if (agent !== undefined) return Object.assign(signedRequest(verified), { agent })
  throw required('identity_required', 'This request needs an agent token: the one it has does not name an agent.', {
    level: 'agent-token',
  })
}

function userRequest(verified: Verified): UserRequest {
  const claims = requireUser(verified)
  const { iss, sub } = claims
  return Object.assign(signedRequest(verified), { iss, sub, claims })
}

/** The claims of the token, if it speaks for a user. */
function requireUser({ resolved: { user, authorization } }: Verified): AuthClaims & { sub: string } {
  const claims = user ?? authorization?.claims
  if (isOfUser(claims)) return claims
  throw required('authorization_required', 'This request needs a person token for this resource.', {
    level: 'person-token',
  })
}

function isOfUser(claims: AuthClaims | undefined): claims is AuthClaims & { sub: string } {
  return claims?.sub !== undefined
}

function authorizedRequest(
  verified: Verified,
  needed: string,
  accounts?: Pick<ResourceAccounts, 'of'>,
): AuthorizedRequest {
  const claims = requireUser(verified)
  const { authorization: held, key } = verified.resolved
  const presented = presentedToken(claims, Boolean(held))
  const account = accounts?.of ? accounts.of(verified) : presented.account
  // What a user allowed for one account allows nothing for another, or for none.
  const authorization = presented.account === account ? held : undefined
  const granted = authorization?.scope ?? []
  const missing = needed.split(' ').filter((value) => !granted.includes(value))
  if (authorization && missing.length === 0) {
    const { iss, sub } = claims
    // Not a spread followed by more members: that is many times slower in V8.
    return Object.assign(signedRequest(verified), { iss, sub, scope: granted, claims: authorization.claims })
  }
  // Includes what was granted, so that one token then covers all of the agent's requests here.
  const scope = [...granted, ...missing].join(' ')
  const binding = { agent: undefined, thumbprint: key.thumbprint, presented: { ...presented, account } }
  const challenge = { level: 'auth-token', scope, binding } as const
  if (!held) throw required('authorization_required', 'This request needs an auth token.', challenge)
  const problem = authorization ? `lacks the scopes ${missing.join(' ')}` : 'is for another account'
  throw required('scope_insufficient', `The auth token ${problem}.`, challenge)
}

/** What the next resource token repeats of a person or auth token. */
export function presentedToken(claims: AuthClaims, isAuthToken: boolean): PresentedToken {
  const textOf = (claim: string) => (typeof claims[claim] === 'string' ? claims[claim] : undefined)
  const { iss, sub = '', jti = '' } = claims
  const ps = isAuthToken ? (textOf('ps') ?? iss) : iss
  return { ps, sub, jti, tenant: textOf('tenant'), mission: textOf('mission_s256'), account: textOf('account') }
}

type Refusal = 'identity_required' | 'authorization_required' | 'scope_insufficient'

function required(code: Refusal, why: string, challenge: ChallengeContext & { level: TokenLevel }): AAuthError {
  return new AAuthError(code, why, { challenge })
}
