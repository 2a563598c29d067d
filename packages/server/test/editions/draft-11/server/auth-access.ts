import { AAuthError } from 'countersign'
import { type Found, findTokenKey } from 'countersign/discovery'
import { parseScope } from 'countersign/editions'
import type { VerificationKey } from 'countersign/signatures'
import { decodeToken, verifyToken } from 'countersign/tokens'
import type { SignedContext, SigningAgent } from 'countersign-server/edition'
import { type AuthTokenClaims, type PersonTokenClaims, type ResourceTokenClaims, tokens } from '../library/tokens.js'
import { requireText } from './read-json.js'
import type { AccessReader } from './token-endpoint.js'

type Presented = PersonTokenClaims | AuthTokenClaims

/**
 * `POST /person/authorize`: reads the access that a resource token requests, together with the token that was presented to the resource.
 */
export const readAuthAccess: AccessReader = async (context, agent, members) => {
  const asked = await requireResourceToken(context, agent, requireText(members, 'resource_token'))
  const presented = await requirePresented(context, agent, requireText(members, 'presented_token'), asked)
  requirePair(asked, presented)
  const { userId } = await requireIssued(context, agent, presented)
  const scope = parseScope(asked.scope)
  if (!scope)
    throw new AAuthError(
      'scope_invalid',
      'The resource token’s scope must be 1 to 64 values of up to 128 characters each, separated by single spaces (RFC 6749 §3.3).',
    )
  return { access: { resource: asked.iss, scope }, asked: { token: 'auth', userId, until: presented.exp } }
}

async function requireResourceToken(
  { discovery, identifiers, issuer, now }: SignedContext,
  { key, remoteAddress }: SigningAgent,
  compact: string,
): Promise<ResourceTokenClaims> {
  const { claims } = await verifyToken(tokens.resource, compact, {
    ...identifiers,
    audience: issuer,
    now,
    findKey: findTokenKey(discovery, tokens.resource.issuerDocument, requireKey, remoteAddress),
  })
  if (claims.agent_jkt === key.thumbprint) return claims
  throw new AAuthError('resource_token_invalid', 'The resource token is for another key.')
}

/** Returns the presented token, verified as the resource verified it, for the key that signed this request. */
async function requirePresented(
  { discovery, identifiers, issuer, now }: SignedContext,
  { key, remoteAddress }: SigningAgent,
  compact: string,
  { iss: resource }: ResourceTokenClaims,
): Promise<Presented> {
  const isAuth = decodeToken(compact)?.header.typ === tokens.auth.typ
  const type = isAuth ? { ...tokens.auth, ...asParameter } : { ...tokens.person, ...asParameter }
  const { claims, confirmationKey } = await verifyToken<Presented>(type, compact, {
    ...identifiers,
    audience: resource,
    issuers: [issuer],
    now,
    findKey: findTokenKey(discovery, type.issuerDocument, requireKey, remoteAddress),
  })
  if (confirmationKey?.thumbprint === key.thumbprint) return claims
  throw new AAuthError('request_malformed', 'The presented token is for another key.')
}

/** As a parameter, a token does not authenticate the caller: a problem with the token is a problem with the request. */
const asParameter = { invalid: 'request_malformed', expired: 'request_malformed' } as const

/** Each token is valid on its own. If they do not match, someone combined them. */
function requirePair(asked: ResourceTokenClaims, presented: Presented): void {
  const isPair = asked.presented_jti === presented.jti && asked.ps === presented.iss && asked.sub === presented.sub
  if (!isPair)
    throw new AAuthError('resource_token_invalid', 'The resource token does not belong to the presented token.')
}

/** Returns the grant under which the presented token was issued to this agent. */
async function requireIssued(
  { storage }: SignedContext,
  { agent, delegate }: SigningAgent,
  { jti, aud }: Presented,
): Promise<{ userId: string }> {
  const grant = await storage.findGrant(jti.split('.')[0] ?? '')
  const isOwn = grant?.agent === agent && grant.delegate === delegate && grant.resource === aud
  // If another grant replaced this one, its tokens stay valid under the new grant.
  if (isOwn && (grant.revokedAt === null || grant.revokedBy === 'replaced')) return grant
  throw new AAuthError('request_malformed', 'The presented token was not issued to this agent, or was revoked.')
}

function requireKey(found: Found<VerificationKey>): VerificationKey {
  if ('found' in found) return found.found
  throw new AAuthError('resource_token_invalid', 'The key of the token was not found at its issuer.', {
    cause: found.failure,
  })
}
