import type { VerifiedSignature } from '../../httpsig/verify-signature.js'
import { AAuthError, type ErrorCode } from '../../lib/errors.js'
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
import { createRevocationList } from './revocation-list.js'
import { januaryTokens } from './tokens.js'

/** The level above, which has higher limits (S§4.5). */
const above: Readonly<Record<Requirement, string | undefined>> = {
  signature: 'identity',
  identity: 'authorization',
  authorization: undefined,
}

/** What a resource says and asks for (S§4, 6, 8.3). */
export function createResourceProtocol(tools: ResourceTools): ResourceProtocol {
  const { id, signer, authServer, scopes, resourceTokenLifetime, now } = tools
  const tokenEndpoint = `${id}/resource/token`
  const metadata: ResourceMetadata = {
    resource: id,
    jwks_uri: `${id}/jwks.json`,
    resource_token_endpoint: tokenEndpoint,
    ...(scopes ? { supported_scopes: Object.keys(scopes), scope_descriptions: { ...scopes } } : {}),
  }
  const ownAgent = tools.ownAgent ? id : undefined

  function issueResourceToken(binding: { agent: string; thumbprint: string }, scope: string): Promise<string> {
    const claims = {
      iss: id,
      aud: authServer,
      agent: binding.agent,
      agent_jkt: binding.thumbprint,
      scope,
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
    judge: (verified, required) => judgeLevel(verified, required, ownAgent),
    levelToAsk,
    levelAbove: (proven) => above[proven],
    async challenge({ level, binding, scope }) {
      if (level !== 'authorization' || !binding?.agent || scope === undefined) return { level }
      const { agent, thumbprint } = binding
      return { level, resourceToken: await issueResourceToken({ agent, thumbprint }, scope), authServer }
    },
    createRevocationList,
  }
}

// Nothing verified, so nothing is bound: a bad auth token asks for one without a resource token, everything else for a signature.
function levelToAsk(code: ErrorCode, required: Requirement): string {
  if (code === 'auth_token_invalid') return 'authorization'
  return required === 'signature' ? 'signature' : 'identity'
}

interface ResourceTokenEndpoint {
  authServer: string
  /** Names of scopes that can be asked for; undefined: any. */
  scopes: readonly string[] | undefined
  /** Seconds. */
  lifetime: number
  /** Verifies the request that asks for one. */
  verify: () => Promise<VerifiedRequest<'identity'>>
  issue: (binding: { agent: string; thumbprint: string }, scope: string) => Promise<string>
}

/**
 * `POST {id}/resource/token` (S§9.2.5): an agent that knows what it wants asks for a resource token without calling the
 * protected resource first. Nothing is issued unless signature and identity verified.
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
    throw new AAuthError('request_malformed', 'Send scope, and nothing else: this resource reads no auth_request_url.')
  }
  const scope = parseScope(asked)
  const unknown = scope?.find((value) => endpoint.scopes && !endpoint.scopes.includes(value))
  if (!scope || unknown !== undefined) {
    throw new AAuthError(
      'scope_invalid',
      'The scope has a value that this resource does not offer: see supported_scopes.',
    )
  }
  const resourceToken = await endpoint.issue({ agent, thumbprint }, scope.join(' '))
  return { resource_token: resourceToken, auth_server: endpoint.authServer, expires_in: endpoint.lifetime }
}

/**
 * Judges whether a verified signature reaches the level (S§4.1–4.3, 7.7 steps 8–14).
 *
 * @param ownAgent the resource's identifier, where it is its own agent
 *
 * @throws AAuthError `identity_required`, `authorization_required`, `auth_token_expired`, `auth_token_invalid`, `scope_insufficient`
 */
function judgeLevel<R extends Requirement>(
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
