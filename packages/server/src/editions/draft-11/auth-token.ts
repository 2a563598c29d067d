import { AAuthError } from 'countersign'
import { type Found, findTokenKey } from 'countersign/discovery'
import { parseScope } from 'countersign/editions'
import {
  type AuthTokenClaims,
  draft11Tokens,
  type PersonTokenClaims,
  type ResourceTokenClaims,
} from 'countersign/editions/draft-11'
import type { VerificationKey } from 'countersign/signatures'
import { decodeToken, type TokenType, verifyToken } from 'countersign/tokens'
import type { Arrival, Endpoint } from '../../http/route.js'
import { requireAllowedToDevice } from '../devices.js'
import type { SignedContext } from '../edition.js'
import { requireAdmitted } from '../require-admitted.js'
import { requireFreshKeys, requireNotBusy, type SigningAgent, signedRequest } from '../signed-request.js'
import { type BoundedReport, createBoundedReports } from './bounded-reports.js'
import { draft11Name } from './paths.js'
import { actingScope } from './person-token.js'
import { problem } from './problems.js'
import type { Draft11Limits } from './resource-limit.js'
import { isRevoked, isStorable, resourceTokenRevoked } from './revocations.js'
import { readHints, readMembers, requireAgentToken, requireText } from './token-request.js'
import { grantOrAsk } from './want-token.js'

/** `POST /person/authorize`: an auth token, with which the agent does what its user allows at one resource (draft -11 §7.2). */
export function authTokenEndpoint(context: SignedContext, limits: Draft11Limits): Endpoint {
  const report = createBoundedReports(context)
  return (arrival) =>
    signedRequest(context, arrival, async (agent, verified) => {
      requireFreshKeys(agent)
      const agentToken = await requireAgentToken(context, verified)
      const members = readMembers(arrival.request.headers.get('content-type'), verified.body)
      const [asked, presentedJwt] = [requireText(members, 'resource_token'), requireText(members, 'presented_token')]
      const hints = readHints(members)
      const resourceToken = await requireResourceToken(context, agent, asked) // 1  invalid_, expired_, revoked_resource_token
      const presented = await requirePresented(context, agent, presentedJwt, resourceToken) // 2  …_presented_token
      requirePair(report, arrival, resourceToken, presented) //                                3  invalid_resource_token
      const userId = await requireIssued(context, agent, presented) //                          4  …_presented_token
      await requireBoundTo(context, agent, userId) //                                           5  …_presented_token
      const { iss: resource, jti, account, login_hint: loginHint } = resourceToken
      const requested = requireScope(resourceToken)
      const access = { resource, scope: [...new Set([actingScope, ...requested])] }
      requireAllowedToDevice(context, agent, access)
      const scope = requested.join(' ')
      const admission = await requireAdmitted(context, { ...agent, actsForItself: false, member: 'known' }, access)
      const notAfter = Math.min(agentToken.expiresAt, presented.exp)
      const said = { ...hints, loginHint: hints.loginHint ?? loginHint ?? null }
      const wanted = { kind: 'auth', access, hints: said, admission, userId, agentToken, notAfter, account } as const
      return grantOrAsk(
        context,
        agent,
        { ...wanted, until: presented.exp, resourceToken: { iss: resource, jti, scope } },
        limits,
      )
    })
}

type Presented = PersonTokenClaims | AuthTokenClaims

/** Longest name of a user's account at a resource. */
const maxAccount = 256

/** Step 1: the token is from the resource, for this server, and for the key that signed this request. */
async function requireResourceToken(
  context: SignedContext,
  { key, remoteAddress }: SigningAgent,
  compact: string,
): Promise<ResourceTokenClaims> {
  const { discovery, identifiers, issuer, now } = context
  const type: TokenType<ResourceTokenClaims> = { ...draft11Tokens.resource, errors: { ahead: 'clock_skew' } }
  requireNoFederation(compact, issuer)
  const { claims } = await verifyToken(type, compact, {
    ...identifiers,
    audience: issuer,
    now,
    findKey: findTokenKey(discovery, type.issuerDocument, requireKey, remoteAddress),
  })
  if (discovery.isStale(type.issuerDocument, claims.iss))
    throw invalid('the resource’s keys cannot be fetched right now: try again when its server is available')
  if (claims.agent_jkt !== key.thumbprint) throw invalid('its agent_jkt is not the key that signed this request')
  if (await isRevoked(context, claims)) throw resourceTokenRevoked()
  const extra = ['mission_s256', 'interaction'].find((claim) => Object.hasOwn(claims, claim))
  if (extra !== undefined) throw invalid(`${extra} is not supported here`)
  if (claims.account !== undefined && !isStorable(claims.account, maxAccount))
    throw invalid(`its account must be of at most ${maxAccount} characters, without control characters`)
  return claims
}

function requireNoFederation(compact: string, issuer: string): void {
  const audience = decodeToken(compact)?.payload.aud
  const [one] = Array.isArray(audience) ? audience : [audience]
  if (typeof one === 'string' && one !== issuer)
    throw invalid(`its aud is not ${issuer}, and federation is not supported here`)
}

function invalid(why: string): AAuthError {
  return new AAuthError('resource_token_invalid', `The resource token was rejected: ${why}.`)
}

/** @throws AAuthError `resource_token_invalid`, `too_many_requests` */
function requireKey(found: Found<VerificationKey>): VerificationKey {
  if ('found' in found) return found.found
  const { failure: cause } = found
  requireNotBusy(cause)
  throw new AAuthError('resource_token_invalid', 'The resource token’s key was not found at its issuer.', { cause })
}

function requireScope(claims: ResourceTokenClaims): string[] {
  const scope = parseScope(claims.scope ?? '')
  if (scope) return scope
  throw invalid('its scope must be 1 to 64 values of up to 128 characters each, separated by single spaces')
}

/** As a parameter, a token does not authenticate the caller: what is wrong with it is wrong with the request. */
function asParameter<C extends Presented>(type: TokenType<C>): TokenType<C> {
  const errors = { invalid: 'invalid_presented_token', expired: 'expired_presented_token', ahead: 'clock_skew' }
  return { ...type, invalid: 'request_malformed', expired: 'request_malformed', errors }
}

const presentedTypes = [draft11Tokens.person, draft11Tokens.auth] as const

/** Step 2: the token that was presented to the resource, verified as the resource verified it, for the key of the resource token. */
async function requirePresented(
  { discovery, identifiers, issuer, now }: SignedContext,
  { remoteAddress }: SigningAgent,
  compact: string,
  { iss: resource, agent_jkt: thumbprint }: ResourceTokenClaims,
): Promise<Presented> {
  const typ = decodeToken(compact)?.header.typ
  const type = presentedTypes.find((each) => each.typ === typ)
  if (!type) throw problem('invalid_presented_token', 'presented_token must be a person token or an auth token.')
  const { claims, confirmationKey } = await verifyToken<Presented>(
    asParameter<Presented>(type as TokenType<Presented>),
    compact,
    {
      ...identifiers,
      audience: resource,
      issuers: [issuer],
      now,
      findKey: findTokenKey(discovery, type.issuerDocument, requirePresentedKey, remoteAddress),
    },
  )
  if (confirmationKey?.thumbprint === thumbprint) return claims
  throw problem('invalid_presented_token', 'The presented token is for another key.')
}

function requirePresentedKey(found: Found<VerificationKey>): VerificationKey {
  if ('found' in found) return found.found
  throw problem('invalid_presented_token', 'The presented token was not signed with a key of this server.')
}

/** Step 3: the resource made its token for the presented one. Both are valid, so if they differ, someone combined them, which is reported. */
function requirePair(
  report: BoundedReport,
  { requestId }: Pick<Arrival, 'requestId'>,
  asked: ResourceTokenClaims,
  presented: Presented,
): void {
  const ps = 'ps' in presented ? presented.ps : presented.iss
  const pairs = [
    [asked.presented_jti, presented.jti],
    [asked.ps, ps],
    [asked.sub, presented.sub],
    [asked.tenant, presented.tenant],
  ]
  if (pairs.every(([one, other]) => one === other)) return
  const error = invalid('it does not belong to the presented token')
  report(error, { subject: asked.iss, requestId })
  throw error
}

/** Step 4: returns the user for whom this server issued the presented token to this agent. */
async function requireIssued(
  { storage }: SignedContext,
  { agent, delegate }: SigningAgent,
  { jti, aud }: Presented,
): Promise<string> {
  const issue = await storage.findIssue(jti)
  const isOwn =
    issue?.edition === draft11Name &&
    issue.agent === agent &&
    issue.delegate === delegate &&
    [aud].flat().includes(issue.resource)
  if (!isOwn) throw problem('invalid_presented_token', 'The presented token was not issued to this agent.')
  if (issue.revokedAt === null) return issue.userId
  throw problem('revoked_presented_token', 'The presented token was revoked: get a new person token.')
}

/** Step 5: the agent still acts for that user. */
async function requireBoundTo(
  { storage }: SignedContext,
  { agent, delegate }: SigningAgent,
  userId: string,
): Promise<void> {
  const binding = await storage.findBinding({ edition: draft11Name, agent, delegate })
  if (binding?.userId === userId) return
  throw problem('revoked_presented_token', 'The agent no longer acts for the user of the presented token.')
}
