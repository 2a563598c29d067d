import type { ServerContext } from '../http/context.js'
import { haveSameKey } from '../lib/resource-id.js'
import { type AuthRequest, deviceIdOf, type Grant, validTokensIssuedSince } from '../storage/api/storage.js'

/** The access that a user has already granted to an agent that is now requesting more. */
export interface Holdings {
  /** The scopes that the same delegate may use at the same resource with the same account. */
  same: readonly string[]
  /** The scopes that any delegate of the agent may use at the same resource. */
  here: readonly string[]
  /** The scopes that were revoked at the same resource, but may still work there for a few minutes. */
  revokedButUsable: readonly string[]
  /** The identifiers of other resources at which the agent has any access. */
  elsewhere: readonly string[]
  /** Whether `elsewhere` is complete: it omits no resource, and no revoked grant still works at another resource. */
  nothingElse: boolean
}

/** The maximum number of grants that are read. If there are more, the page makes no claim about what the agent cannot do. */
const most = 500

/** All of a user's grants to an agent. */
interface OwnGrants {
  /** Newest first, live or ended. A delegate without any of these grants is new. */
  newest: readonly Grant[]
  live: readonly Grant[]
  ended: readonly Grant[]
  /** Whether `live` and `ended` have all of them. */
  isComplete: boolean
}

/** Reads all of a user's grants to an agent, in one query unless there are too many. The user's devices share one identifier, but are separate agents. */
export async function ownGrants(
  { storage, now, issuer }: Pick<ServerContext, 'storage' | 'now' | 'issuer'>,
  userId: string,
  { agent, delegate }: Pick<AuthRequest, 'agent' | 'delegate'>,
): Promise<OwnGrants> {
  const listed = await storage.listGrants({ userId, agent, limit: most })
  const device = agent === issuer ? deviceIdOf(delegate) : undefined
  const ofDevice = (grants: readonly Grant[]) =>
    device === undefined ? grants : grants.filter((grant) => deviceIdOf(grant.delegate) === device)
  // A later decision may have extended an earlier grant.
  const newest = ofDevice(listed.sort((one, other) => other.createdAt - one.createdAt))
  if (listed.length === most) {
    const live = await storage.listGrants({ userId, agent, live: true, limit: most })
    const ended = await storage.listGrants({ userId, agent, live: false, limit: most })
    const isComplete = live.length < most && ended.length < most
    return { newest, live: ofDevice(live), ended: ofDevice(ended), isComplete }
  }
  const at = now()
  const isLive = ({ revokedAt, expiresAt }: Grant) => revokedAt === null && (expiresAt === null || expiresAt > at)
  const ended = newest.filter((grant) => !isLive(grant))
  return { newest, live: newest.filter(isLive), ended, isComplete: true }
}

/**
 * Returns the requested scopes that the user removed since the token was issued with which the agent asks for more: the resource repeats what
 * that token has. An agent that asks for nothing else asks for these scopes again, so none is left out.
 */
export async function removedScopes(
  { storage, longestToken, transports }: ServerContext,
  request: AuthRequest,
  { live, ended }: OwnGrants,
): Promise<string[]> {
  const account = transports.accountOf(request)
  const isOwn = (grant: Grant) =>
    !grant.call &&
    grant.delegate === request.delegate &&
    grant.account === account &&
    haveSameKey(grant.resource, request.resource)
  const removed = ended.filter((grant) => grant.revokedBy === grant.userId && isOwn(grant))
  if (removed.length === 0) return []
  const held = scopesOf(live.filter(isOwn))
  if (held.length === 0) return []
  const since = await validTokensIssuedSince(storage, { at: request.createdAt, lifetime: longestToken() })
  const lost = scopesOf(removed.filter(({ revokedAt }) => (revokedAt ?? 0) >= since))
  const missing = request.scope.split(' ').filter((name) => !held.includes(name))
  const leftOut = missing.filter((name) => lost.includes(name))
  return leftOut.length === missing.length ? [] : leftOut
}

/** Returns the agent's access at the requested resource, and at other resources. */
export async function holdingsOf(
  context: ServerContext,
  request: AuthRequest,
  { live, ended, isComplete }: OwnGrants,
): Promise<Holdings> {
  const { storage, longestToken, now } = context
  const { delegate, resource } = request
  const account = context.transports.accountOf(request)
  // A token that was issued before a revocation keeps working until it expires.
  const aliveSince = ended.some(({ revokedAt }) => revokedAt !== null)
    ? await validTokensIssuedSince(storage, { at: now(), lifetime: longestToken() })
    : 0
  const revokedButUsable = ended.filter(({ revokedAt }) => (revokedAt ?? 0) > aliveSince)
  const isElsewhere = (grant: Grant) => !haveSameKey(grant.resource, resource)
  const here = live.filter((grant) => !isElsewhere(grant) && !grant.call)
  return {
    same: scopesOf(here.filter((grant) => grant.delegate === delegate && grant.account === account)),
    here: scopesOf(here),
    revokedButUsable: scopesOf(revokedButUsable.filter((grant) => !isElsewhere(grant))),
    elsewhere: [...new Set(live.filter((grant) => isElsewhere(grant) && !grant.call).map((grant) => grant.resource))],
    nothingElse: isComplete && !revokedButUsable.some(isElsewhere),
  }
}

function scopesOf(grants: readonly Grant[]): string[] {
  return [...new Set(grants.flatMap(({ scope }) => scope.split(' ')))]
}
