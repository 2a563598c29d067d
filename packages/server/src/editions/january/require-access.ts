import { AAuthError } from 'countersign'
import { type DiscoveryFailure, type Found, findTokenKey } from 'countersign/discovery'
import {
  type AgentMetadata,
  type AgentSelection,
  isSelected,
  january,
  ownAnswerParameter,
  parseScope,
  redirectKind,
} from 'countersign/editions'
import type { VerificationKey } from 'countersign/signatures'
import { verifyToken } from 'countersign/tokens'
import type { ServerContext } from '../../http/context.js'
import type { AccessAsked } from '../require-admitted.js'
import type { SigningAgent } from '../signed-request.js'

/**
 * What the form asks for: what its resource token says (S§6), or a scope at the agent itself (S§3.5).
 *
 * @throws AAuthError
 */
export async function requireAccess(
  context: ServerContext,
  agent: SigningAgent,
  form: ReadonlyMap<string, string>,
): Promise<AccessAsked> {
  const resourceToken = form.get('resource_token')
  if (resourceToken !== undefined) return requireResourceAccess(context, agent, resourceToken)
  const scope = parseScope(form.get('scope') ?? '')
  if (!form.has('scope'))
    throw new AAuthError('request_malformed', 'This server does not read an auth_request_url: send a scope.')
  if (!scope) throw new AAuthError('scope_invalid', 'The scope is not a list of at most 64 values.')
  return { resource: agent.agent, scope }
}

/** @throws AAuthError `too_many_requests` where the lookup failed for want of room */
export function requireNotBusy(failure: DiscoveryFailure): void {
  if (failure.reason !== 'busy') return
  const { retryAfter = 3 } = failure
  throw new AAuthError('too_many_requests', 'Too many documents are being fetched.', { cause: failure, retryAfter })
}

async function requireResourceAccess(
  context: ServerContext,
  { agent, key, remoteAddress }: SigningAgent,
  compact: string,
): Promise<AccessAsked> {
  const { claims } = await verifyToken(january.tokens.resource, compact, {
    audience: context.issuer,
    now: context.now,
    ...context.identifiers,
    findKey: findTokenKey(context.discovery, january.documents.resource, requireFound, remoteAddress),
  })
  if (context.discovery.isStale(january.documents.resource, claims.iss)) {
    throw new AAuthError(
      'resource_token_invalid',
      'The keys of the resource cannot be fetched now: try again when its server answers.',
    )
  }
  if (claims.agent !== agent) throw new AAuthError('resource_token_invalid', 'The resource token is for another agent.')
  if (claims.agent_jkt !== key.thumbprint) {
    throw new AAuthError(
      'resource_token_invalid',
      'The resource token is for another key: ask the resource again with the key you sign with.',
    )
  }
  if (claims.scope === undefined) {
    throw new AAuthError(
      'resource_token_invalid',
      'The resource token has an auth_request_url, which this server does not read.',
    )
  }
  const scope = parseScope(claims.scope)
  if (!scope)
    throw new AAuthError('scope_invalid', 'The scope of the resource token is not a list of at most 64 values.')
  return { resource: claims.iss, scope }
}

function requireFound(found: Found<VerificationKey>): VerificationKey {
  if ('found' in found) return found.found
  requireNotBusy(found.failure)
  throw new AAuthError(
    'resource_token_invalid',
    'The key of the resource token was not found at its issuer: the resource must serve its documents. ' +
      'See what is published there with countersign discover.',
    { cause: found.failure },
  )
}

/**
 * Requires the redirect URI to be one that the agent lists, as the same string; one listed for loopback without a port
 * matches any port there (W12, RFC 8252 §7.3).
 *
 * @param optional agents that may list none at all: then any URI on the identifier's own origin is accepted
 * @throws AAuthError `redirect_uri_not_listed`; `redirect_uri_ambiguous` where the answer could be mistaken
 */
export function requireListedRedirect(redirectUri: string, metadata: AgentMetadata, optional: AgentSelection): void {
  if (!isListedRedirect(redirectUri, metadata, optional)) {
    throw new AAuthError(
      'redirect_uri_not_listed',
      metadata.redirect_uris === undefined
        ? 'The agent’s document lists no redirect_uris: the redirect_uri must be one of them.'
        : 'The redirect_uri is not one of the redirect_uris in the agent’s document, which is fetched anew for this once a minute at most.',
    )
  }
  const own = ownAnswerParameter(redirectUri)
  if (own !== undefined) {
    throw new AAuthError(
      'redirect_uri_ambiguous',
      `The redirect_uri has a parameter ${own} of its own, where the answer would be: take it out, also in the agent’s document.`,
    )
  }
}

/** Whether the agent lists the redirect URI, as {@link requireListedRedirect} requires it. */
export function isListedRedirect(
  redirectUri: string,
  { agent, redirect_uris: listed }: AgentMetadata,
  optional: AgentSelection,
): boolean {
  if (redirectKind(redirectUri) === undefined) return false
  if (listed) return listed.some((uri) => uri === redirectUri || uri === withoutLoopbackPort(redirectUri))
  return isSelected(optional, agent) && new URL(redirectUri).origin === new URL(agent).origin
}

function withoutLoopbackPort(uri: string): string | undefined {
  const match = /^(http:\/\/(?:127\.0\.0\.1|\[::1\]|localhost)):\d{1,5}([/?].*)?$/.exec(uri)
  return match ? `${match[1]}${match[2] ?? ''}` : undefined
}
