import type { VerifiedSignature } from '../../httpsig/verify-signature.js'
import { AAuthError, type ChallengeContext, type ErrorCode } from '../../lib/errors.js'
import { parseScope, readForm } from '../../protocol/parameters.js'
import { issueToken } from '../../tokens/issue-token.js'
import type { ResourceProtocol, ResourceTools } from '../resource-protocol.js'
import type {
  AuthorizedRequest,
  IdentifiedRequest,
  Requirement,
  ResolvedKey,
  SignedRequest,
  VerifiedRequest,
} from '../verified-request.js'
import type { ResourceMetadata } from './documents.js'
import { callOf, isCall, isForOneCall } from './one-call.js'
import { createRevocationList } from './revocation-list.js'
import { type Call, januaryTokens } from './tokens.js'

/** The next higher level, for which rate limits are higher (S§4.5). */
const above: Readonly<Partial<Record<Requirement, string>>> = {
  signature: 'identity',
  identity: 'authorization',
}

/** A resource's side of the protocol (S§4, 6, 8.3). */
export function createResourceProtocol(tools: ResourceTools): ResourceProtocol {
  const { id, signer, scopes, resourceTokenLifetime, now } = tools
  const authServer = requireAuthServer(tools)
  const tokenEndpoint = `${id}/resource/token`
  const metadata: ResourceMetadata = {
    resource: id,
    jwks_uri: `${id}/jwks.json`,
    resource_token_endpoint: tokenEndpoint,
    ...(scopes ? { supported_scopes: Object.keys(scopes), scope_descriptions: { ...scopes } } : {}),
  }
  const ownAgent = tools.ownAgent ? id : undefined

  function issueResourceToken(
    binding: { agent: string; thumbprint: string },
    scope: string,
    call?: Call,
  ): Promise<string> {
    const claims = {
      iss: id,
      aud: authServer,
      agent: binding.agent,
      agent_jkt: binding.thumbprint,
      scope,
      ...(call ? { call } : {}),
      exp: now() + resourceTokenLifetime,
    }
    return issueToken(januaryTokens.resource, claims, { signer, now })
  }

  return {
    metadata: { ...metadata },
    endpoints: new Map([
      [
        new URL(tokenEndpoint).pathname,
        (message, contentType) =>
          answerResourceTokenRequest(
            {
              authServer,
              scopes: scopes && Object.keys(scopes),
              lifetime: resourceTokenLifetime,
              verify: () => tools.verify(message, 'identity'),
              issue: issueResourceToken,
            },
            contentType,
          ),
      ],
    ]),
    judge: (verified, required) => checkLevel(verified, required, { id, ownAgent }),
    singleUse(verified, { scope }) {
      const claims = verified.resolved.authorization?.claims
      if (!claims?.call) return undefined
      const { iss, jti, iat = 0, exp } = claims
      return {
        id: `${iss}\n${jti}`,
        issuedAt: iat,
        expiresAt: exp,
        used: () =>
          new AAuthError('auth_token_expired', 'The auth token was for one call, which was already made.', {
            challenge: authorizationChallenge(verified, id, scope),
          }),
      }
    },
    challengeLevel,
    levelAbove: (proven) => above[proven],
    async challenge({ level, binding, scope, call }) {
      if (level !== 'authorization' || !binding?.agent || scope === undefined) return { level }
      const { agent, thumbprint } = binding
      return { level, resourceToken: await issueResourceToken({ agent, thumbprint }, scope, call), authServer }
    },
    createRevocationList,
  }
}

function requireAuthServer({ authServer }: ResourceTools): string {
  if (authServer !== undefined) return authServer
  throw new TypeError(
    'set edition, or authServer instead of authServers: in January 2026, a resource has one auth server',
  )
}

// Nothing was verified, so a resource token cannot be bound to anything. For an invalid auth token, the challenge requires a new one but
// carries no resource token; for everything else, it requires a signature.
function challengeLevel(code: ErrorCode, required: Requirement): string {
  if (code === 'auth_token_invalid') return 'authorization'
  return required === 'signature' ? 'signature' : 'identity'
}

interface ResourceTokenEndpoint {
  authServer: string
  /** Names of the scopes that can be requested. If undefined, any scope can be requested. */
  scopes: readonly string[] | undefined
  /** Seconds. */
  lifetime: number
  /** Verifies the request for a resource token. */
  verify: () => Promise<VerifiedRequest<'identity'> & { thumbprint: string }>
  issue: (binding: { agent: string; thumbprint: string }, scope: string) => Promise<string>
}

/**
 * `POST {id}/resource/token` (S§9.2.5): an agent that knows which scopes it needs requests a resource token without first calling the
 * protected resource. A token is issued only if signature and identity are verified.
 *
 * @throws AAuthError
 */
async function answerResourceTokenRequest(
  endpoint: ResourceTokenEndpoint,
  contentType: string | null,
): Promise<{ resource_token: string; auth_server: string; expires_in: number }> {
  const { agent, thumbprint, body } = await endpoint.verify()
  const form = readForm(contentType, body)
  const asked = form.get('scope')
  if (form.has('auth_request_url') || asked === undefined) {
    throw new AAuthError(
      'request_malformed',
      'Send scope, and not auth_request_url, which this resource does not support.',
    )
  }
  const scope = parseScope(asked)
  const unknown = scope?.find((value) => endpoint.scopes && !endpoint.scopes.includes(value))
  if (!scope || unknown !== undefined) {
    throw new AAuthError(
      'scope_invalid',
      'The scope is malformed, or contains a value that this resource does not offer: see supported_scopes.',
    )
  }
  const resourceToken = await endpoint.issue({ agent, thumbprint }, scope.join(' '))
  return { resource_token: resourceToken, auth_server: endpoint.authServer, expires_in: endpoint.lifetime }
}

/**
 * Checks that a verified signature reaches the required level (S§4.1–4.3, 7.7 steps 8–14).
 *
 * @throws AAuthError `identity_required`, `authorization_required`, `auth_token_expired`, `auth_token_invalid`, `scope_insufficient`
 */
function checkLevel<R extends Requirement>(
  verified: VerifiedSignature<ResolvedKey>,
  required: { require: R; scope?: string | undefined },
  { id, ownAgent }: OwnIdentity,
): VerifiedRequest<R> {
  const { agent, token } = verified.resolved
  // `agent` is omitted if the agent is the resource itself (S§3.5, 7.3); otherwise, omitting it is an error (attacks T16).
  const isUnnamed = agent === undefined && token !== undefined
  if (isUnnamed && ownAgent === undefined) {
    throw new AAuthError('auth_token_invalid', 'The auth token does not name an agent.', {
      challenge: { level: 'authorization' },
    })
  }
  const named = isUnnamed ? { ...verified, resolved: { ...verified.resolved, agent: ownAgent } } : verified
  const call = named.resolved.authorization?.claims.call
  if (call !== undefined && !isCall(call, callOf(named, id)))
    throw new AAuthError('scope_insufficient', 'The auth token is for one other call.', {
      challenge: authorizationChallenge(named, id, required.scope),
    })
  return levels[required.require](named, required.scope ?? '', id) as VerifiedRequest<R>
}

interface OwnIdentity {
  /** The resource's identifier. */
  id: string
  /** The same, if the resource is its own agent. */
  ownAgent: string | undefined
}

/**
 * The challenge for an auth token.
 *
 * @param required the scope of the route
 * @param scope the scope that the token must have
 */
function authorizationChallenge(
  verified: VerifiedSignature<ResolvedKey>,
  id: string,
  required: string | undefined,
  scope = required,
): ChallengeContext {
  const { agent, key } = verified.resolved
  const binding = { agent, thumbprint: key.thumbprint }
  const call = required !== undefined && isForOneCall(required) ? callOf(verified, id) : undefined
  return { level: 'authorization', scope, binding, call }
}

const levels: Readonly<
  Record<Requirement, (verified: VerifiedSignature<ResolvedKey>, scope: string, id: string) => VerifiedRequest>
> = {
  signature: signedRequest,
  identity: identifiedRequest,
  // Never required: this edition does not have it.
  user: authorizedRequest,
  authorization: authorizedRequest,
}

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

function authorizedRequest(verified: VerifiedSignature<ResolvedKey>, scope: string, id: string): AuthorizedRequest {
  const agent = requireAgent(verified.resolved)
  const { authorization } = verified.resolved
  const challenge = (asked?: string) => ({ challenge: authorizationChallenge(verified, id, scope, asked) })
  if (!authorization) throw new AAuthError('authorization_required', 'The request has no auth token.', challenge())
  const { claims, scope: granted, expired } = authorization
  if (expired) throw new AAuthError('auth_token_expired', 'The auth token has expired.', challenge())
  const missing = scope.split(' ').filter((value) => !granted.includes(value))
  if (missing.length > 0) {
    // Includes the scopes already granted, so that one token then covers all of the agent's requests here (W27).
    const union = [...granted, ...missing].join(' ')
    throw new AAuthError(
      'scope_insufficient',
      `The auth token lacks the scopes ${missing.join(' ')}.`,
      challenge(union),
    )
  }
  const { iss, sub } = claims
  // Not a spread followed by more members: that is forty times slower in V8.
  return Object.assign(signedRequest(verified), { agent, iss, sub, scope: granted, claims })
}

function requireAgent({ agent }: ResolvedKey): string {
  if (agent !== undefined) return agent
  throw new AAuthError(
    'identity_required',
    'The signature does not identify an agent: sign with jwks and well-known, or with an agent token.',
    {
      challenge: { level: 'identity' },
    },
  )
}
