import type { VerifiedSignature } from '../../httpsig/verify-signature.js'
import { AAuthError } from '../../lib/errors.js'
import type { ResolvedKey } from '../key-resolver.js'
import type {
  AuthorizedRequest,
  IdentifiedRequest,
  Requirement,
  SignedRequest,
  VerifiedRequest,
} from '../verified-request.js'

/**
 * Judges whether a verified signature reaches the level (S§4.1–4.3, 7.7 steps 8–14).
 *
 * @param ownAgent the resource's identifier, where it is its own agent
 *
 * @throws AAuthError `identity_required`, `authorization_required`, `auth_token_expired`, `auth_token_invalid`, `scope_insufficient`
 */
export function judgeLevel<R extends Requirement>(
  verified: VerifiedSignature<ResolvedKey>,
  required: { require: R; scope?: string | undefined },
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
  if (resolved.authorization?.expired) {
    throw new AAuthError('auth_token_expired', 'The auth token has expired.', { challenge: { level: 'authorization' } })
  }
  return {
    method: verified.method,
    authority: verified.authority,
    path: verified.path,
    covered: verified.covered,
    thumbprint: resolved.key.thumbprint,
    scheme: resolved.scheme,
    tokenType: resolved.token?.type.typ,
    body: verified.body,
    agent: resolved.agent,
    delegate: resolved.delegate,
    authorization: resolved.authorization,
  }
}

function identifiedRequest(verified: VerifiedSignature<ResolvedKey>): IdentifiedRequest {
  return { ...signedRequest(verified), agent: requireAgent(verified.resolved) }
}

function authorizedRequest(verified: VerifiedSignature<ResolvedKey>, scope: string): AuthorizedRequest {
  const agent = requireAgent(verified.resolved)
  const { authorization, key } = verified.resolved
  const binding = { agent, thumbprint: key.thumbprint }
  const challenge = { level: 'authorization', scope, binding } as const
  if (!authorization)
    throw new AAuthError('authorization_required', 'The request carries no auth token.', { challenge })
  const { claims, scope: granted, expired } = authorization
  if (expired) throw new AAuthError('auth_token_expired', 'The auth token has expired.', { challenge })
  const missing = scope.split(' ').filter((value) => !granted.includes(value))
  if (missing.length > 0) {
    // With what it has, so that one token then serves all the agent's requests here (W27).
    const union = { ...challenge, scope: [...granted, ...missing].join(' ') }
    throw new AAuthError('scope_insufficient', `The auth token does not have ${missing.join(' ')}.`, {
      challenge: union,
    })
  }
  const { iss, sub } = claims
  // Not a spread with more members behind it, which takes V8 forty times as long.
  return Object.assign(signedRequest(verified), { agent, iss, sub, scope: granted, claims })
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
