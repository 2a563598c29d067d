import { AAuthError } from 'countersign'
import { type Found, findTokenKey } from 'countersign/discovery'
import { parseScope } from 'countersign/editions'
import type { VerificationKey } from 'countersign/signatures'
import { decodeToken, verifyToken } from 'countersign/tokens'
import type { ServerContext, SigningAgent } from 'countersign-server/edition'
import { type AuthTokenClaims, type PersonTokenClaims, type ResourceTokenClaims, tokens } from '../library/tokens.js'
import { requireText } from './read-json.js'
import type { AccessReader } from './token-endpoint.js'

type Presented = PersonTokenClaims | AuthTokenClaims

/** `POST /person/authorize`: what a resource token asks for, with the token that was shown to the resource. */
export const readAuthAccess: AccessReader = async (context, agent, members) => {
  const asked = await requireResourceToken(context, agent, requireText(members, 'resource_token'))
  const presented = await requirePresented(context, agent, requireText(members, 'presented_token'), asked)
  requirePair(asked, presented)
  const { userId } = await requireIssued(context, agent, presented)
  const scope = parseScope(asked.scope)
  if (!scope)
    throw new AAuthError('scope_invalid', 'The scope of the resource token must be a list of at most 64 values.')
  return { access: { resource: asked.iss, scope }, asked: { token: 'auth', userId, until: presented.exp } }
}

async function requireResourceToken(
  { discovery, identifiers, issuer, now }: ServerContext,
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

/** The presented token, verified as the resource did, for the key that signed this request. */
async function requirePresented(
  { discovery, identifiers, issuer, now }: ServerContext,
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

/** In a parameter a token is no proof of who asks: what is wrong with it is wrong with the request. */
const asParameter = { invalid: 'request_malformed', expired: 'request_malformed' } as const

/** Both tokens verify: where they do not fit, somebody put them together. */
function requirePair(asked: ResourceTokenClaims, presented: Presented): void {
  const isPair = asked.presented_jti === presented.jti && asked.ps === presented.iss && asked.sub === presented.sub
  if (!isPair) throw new AAuthError('resource_token_invalid', 'The resource token is not about the presented token.')
}

/** The permission under which the presented token was issued to this agent. */
async function requireIssued(
  { storage }: ServerContext,
  { agent, delegate }: SigningAgent,
  { jti, aud }: Presented,
): Promise<{ userId: string }> {
  const grant = await storage.findGrant(jti.split('.')[0] ?? '')
  const isOwn = grant?.agent === agent && grant.delegate === delegate && grant.resource === aud
  // A grant that took the place of another stands for its tokens, too.
  if (isOwn && (grant.revokedAt === null || grant.revokedBy === 'replaced')) return grant
  throw new AAuthError('request_malformed', 'The presented token was not issued to this agent, or was taken back.')
}

function requireKey(found: Found<VerificationKey>): VerificationKey {
  if ('found' in found) return found.found
  throw new AAuthError('resource_token_invalid', 'The key of the token was not found at its issuer.', {
    cause: found.failure,
  })
}
