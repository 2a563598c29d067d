import type { ResolvedKey } from '../discovery/resolve-key.js'
import type { SignatureKey } from '../httpsig/signature-key.js'
import type { VerifiedSignature } from '../httpsig/verify-signature.js'
import { AAuthError } from '../lib/errors.js'
import { parseScope } from '../protocol/scope.js'
import type { AuthTokenClaims, TokenKind } from '../tokens/token-table.js'

/** The levels of S§4: any signature, a known agent, a person's authorization. */
export type Requirement = 'signature' | 'identity' | 'authorization'

interface SignedRequest {
  method: string
  authority: string
  path: string
  /** What the signature covers. */
  covered: readonly string[]
  /** RFC 7638 thumbprint of the key that signed. */
  thumbprint: string
  scheme: SignatureKey['scheme']
  /** The token in `Signature-Key`, where there is one. */
  tokenKind: TokenKind | undefined
  /** The content that the digest was checked against. */
  body: Uint8Array
  agent: string | undefined
  delegate: string | undefined
}

interface IdentifiedRequest extends SignedRequest {
  agent: string
}

interface AuthorizedRequest extends IdentifiedRequest {
  /** The auth server that says so. Users of two issuers are two users, also with equal `sub`: key by both. */
  iss: string
  /** Opaque id of the person, where the token names one. */
  sub: string | undefined
  scope: readonly string[]
  claims: AuthTokenClaims
}

/** A request that was verified at the level asked for. No value of this type exists otherwise. */
export type VerifiedRequest<R extends Requirement = Requirement> = R extends 'authorization'
  ? AuthorizedRequest
  : R extends 'identity'
    ? IdentifiedRequest
    : SignedRequest

/**
 * Judges whether a verified signature reaches the level (S§4.1–4.3, 7.7 steps 8–14).
 *
 * @param ownAgent the resource's identifier, where it is its own agent
 *
 * @throws AAuthError `identity_required`, `authorization_required`, `auth_token_expired`, `auth_token_invalid`, `scope_insufficient`
 */
export function judgeLevel<R extends Requirement>(
  verified: VerifiedSignature<ResolvedKey>,
  required: { require: R; scope?: string },
  ownAgent?: string,
): VerifiedRequest<R> {
  const { agent, token } = verified.resolved
  // `agent` is left out where the agent is the resource itself (S§3.5, 7.3); anywhere else that is a fault (attacks T16).
  const isUnnamed = agent === undefined && token !== undefined
  if (isUnnamed && ownAgent === undefined) {
    throw new AAuthError('auth_token_invalid', 'The auth token names no agent.', {
      challenge: { level: 'authorization' },
    })
  }
  const named = isUnnamed ? { ...verified, resolved: { ...verified.resolved, agent: ownAgent } } : verified
  return levels[required.require](named, required.scope ?? '') as VerifiedRequest<R>
}

const levels = {
  signature: signedRequest,
  identity: identifiedRequest,
  authorization: authorizedRequest,
} as const

function signedRequest(verified: VerifiedSignature<ResolvedKey>): SignedRequest {
  const { resolved } = verified
  if (resolved.token?.expired) {
    throw new AAuthError('auth_token_expired', 'The auth token has expired.', { challenge: { level: 'authorization' } })
  }
  return {
    method: verified.method,
    authority: verified.authority,
    path: verified.path,
    covered: verified.covered,
    thumbprint: resolved.key.thumbprint,
    scheme: resolved.scheme,
    tokenKind: resolved.token?.kind,
    body: verified.body,
    agent: resolved.agent,
    delegate: resolved.delegate,
  }
}

function identifiedRequest(verified: VerifiedSignature<ResolvedKey>): IdentifiedRequest {
  return { ...signedRequest(verified), agent: requireAgent(verified.resolved) }
}

function authorizedRequest(verified: VerifiedSignature<ResolvedKey>, scope: string): AuthorizedRequest {
  const agent = requireAgent(verified.resolved)
  const { token, key } = verified.resolved
  const challenge = { level: 'authorization', scope, binding: { agent, thumbprint: key.thumbprint } } as const
  if (token?.kind !== 'auth+jwt')
    throw new AAuthError('authorization_required', 'The request carries no auth token.', { challenge })
  if (token.expired) throw new AAuthError('auth_token_expired', 'The auth token has expired.', { challenge })
  const granted = parseScope(token.claims.scope ?? '') ?? []
  const missing = scope.split(' ').filter((value) => !granted.includes(value))
  if (missing.length > 0) {
    throw new AAuthError('scope_insufficient', `The auth token does not have ${missing.join(' ')}.`, { challenge })
  }
  const { iss, sub } = token.claims
  // Not a spread with more members behind it, which takes V8 forty times as long.
  return Object.assign(signedRequest(verified), { agent, iss, sub, scope: granted, claims: token.claims })
}

function requireAgent({ agent }: ResolvedKey): string {
  if (agent !== undefined) return agent
  throw new AAuthError(
    'identity_required',
    'The signature proves a key, but no agent: sign with jwks and well-known, or an agent token.',
    {
      challenge: { level: 'identity' },
    },
  )
}
