import { AAuthError } from 'countersign'
import type { AuthClaims, Requirement, ResolvedKey, VerifiedRequest } from 'countersign/editions'
import type { VerifiedSignature } from 'countersign/signatures'
import type { Level } from './requirement.js'
import { tokens } from './tokens.js'

type Verified = VerifiedSignature<ResolvedKey>

/**
 * Checks the token of a request. `signature` accepts any token, `identity` requires an agent token, and `authorization` an auth token with
 * the scope. Missing tokens are requested one after another.
 *
 * @throws AAuthError `identity_required`, `authorization_required`, `scope_insufficient`
 */
export function checkRequest<R extends Requirement>(
  verified: Verified,
  { require, scope = '' }: { require: R; scope?: string | undefined },
): VerifiedRequest<R> {
  return needs[require](verified, scope) as VerifiedRequest<R>
}

const needs: Readonly<Record<Requirement, (verified: Verified, scope: string) => VerifiedRequest>> = {
  signature: signedRequest,
  identity: (verified) => ({ ...signedRequest(verified), agent: requireAgent(verified.resolved) }),
  user: authorizedRequest,
  authorization: authorizedRequest,
}

function signedRequest({ resolved, method, authority, path, covered, body }: Verified): VerifiedRequest<'signature'> {
  const { agent, delegate, key, scheme, token, authorization } = resolved
  const { thumbprint } = key
  const tokenType = token?.type.typ
  return { method, authority, path, covered, body, thumbprint, scheme, tokenType, agent, delegate, authorization }
}

function requireAgent({ agent }: ResolvedKey): string {
  if (agent !== undefined) return agent
  throw ask('identity_required', 'The request has no agent token.', { level: 'agent-token' })
}

function authorizedRequest(verified: Verified, asked: string): VerifiedRequest<'authorization'> {
  const { authorization, key, token } = verified.resolved
  if (!token || token.type.typ === tokens.agent.typ)
    throw ask('authorization_required', 'The request has no person token.', { level: 'person-token' })
  const presented: AuthClaims = { ...token.claims }
  const binding = { agent: undefined, thumbprint: key.thumbprint, presented }
  const { claims = presented, scope: granted = [] } = authorization ?? {}
  const scope = [...new Set([...granted, ...asked.split(' ')])].join(' ')
  const challenge = { level: 'auth-token', scope, binding } as const
  if (!authorization) throw ask('authorization_required', 'The request has no auth token.', challenge)
  const missing = asked.split(' ').filter((value) => !granted.includes(value))
  if (missing.length > 0)
    throw ask('scope_insufficient', `The auth token lacks the scopes ${missing.join(' ')}.`, challenge)
  return { ...signedRequest(verified), iss: claims.iss, sub: claims.sub, scope: granted, claims }
}

type Asked = NonNullable<AAuthError['challenge']> & { level: Level }

function ask(code: 'identity_required' | 'authorization_required' | 'scope_insufficient', why: string, of: Asked) {
  return new AAuthError(code, why, { challenge: of })
}
