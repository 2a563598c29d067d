import type { TokenIssue, UsedGrant, UserTokenIssue } from '../api/grant-storage.js'
import type { Subjects } from '../api/user.js'
import { firstEnd } from '../rows/granted-scopes.js'
import type { Unit } from '../sql/engine.js'
import { cachedInsertion, randomPart } from '../sql/kept-query.js'
import type { NewRow } from '../sql/tables.js'

interface IssueTerms {
  tokenLifetime: number
  now: number
  /** The family of the refresh token with which the token is issued. */
  family?: string | undefined
  notAfter?: number | undefined
  /** Whether the token is tracked, see {@link CodeRedemption.isTracked}. @default false */
  isTracked?: boolean | undefined
  /** The subjects by which the resource and the agent know the user. */
  subjects: Subjects
}

/**
 * Creates the record of a token for some of a grant's permissions. The token never outlives the earliest expiry among them (W14).
 */
export function generateTokenIssue(
  grant: UsedGrant,
  scope: string,
  { tokenLifetime, now, family, notAfter = Infinity, isTracked = false, subjects }: IssueTerms,
): UserTokenIssue {
  const end = firstEnd(grant.permissions, scope)
  return {
    jti: isTracked ? randomId() : generateJti(family === undefined ? grant.id : `${grant.id}.${family}`),
    scope,
    issuedAt: now,
    expiresAt: Math.min(now + tokenLifetime, notAfter, end ?? Infinity),
    ...subjects,
  }
}

/** Generates the id of a token, which starts with the id of the grant or the name of the policy. */
export function generateJti(under: string): string {
  return `${under}.${randomId()}`
}

/** The id of a tracked token reveals nothing about it: two resources cannot find out that they serve the same user or agent. */
function randomId(): string {
  return randomPart().toString('base64url')
}

/** The origin of an issued token: a grant, with the code if there was one, or a policy. */
type Origin =
  | Pick<NewRow<'token_issue'>, 'grant_id' | 'request_id' | 'tracked'>
  | Pick<NewRow<'token_issue'>, 'policy' | 'agent_id' | 'delegate' | 'resource_id'>

/** Records a token under the request and grant, or under the policy, for which it was issued. */
export async function storeIssue(unit: Unit, issue: TokenIssue, origin: Origin): Promise<void> {
  const { jti, issuedAt: issued_at, expiresAt: expires_at, scope } = issue
  const jti_end = Buffer.from(jti.slice(jti.lastIndexOf('.') + 1), 'base64url')
  await issueInsertion(unit, [{ jti_end, issued_at, expires_at, scope, ...noOrigin, ...origin }])
}

const noOrigin = {
  grant_id: null,
  request_id: null,
  policy: null,
  agent_id: null,
  delegate: null,
  resource_id: null,
  tracked: 0,
  revoked_at: null,
} as const

const issueInsertion = cachedInsertion('token_issue')
