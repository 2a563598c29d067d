import type { ServerContext } from '../http/context.js'
import { type AuthRequest, type Grant, tokensAliveSince } from '../storage/api/storage.js'

/** What an agent already has from a person, when it asks for more. */
export interface Holdings {
  /** What the same delegate may use at the same resource. */
  same: readonly string[]
  /** What any delegate of the agent may use there. */
  here: readonly string[]
  /** What it may still use there for a few minutes, though it was removed. */
  fading: readonly string[]
  /** Other resources at which the agent may use something, by their identifiers. */
  elsewhere: readonly string[]
  /** Whether `elsewhere` is all: nothing is left out, and nothing that was removed still works. */
  nothingElse: boolean
}

/** How many grants are read. With more, the page does not say what is missing. */
const most = 500

/** What a person ever allowed an agent. */
interface OwnGrants {
  /** The newest first, live or ended. A delegate without one of them is new. */
  newest: readonly Grant[]
  live: readonly Grant[]
  ended: readonly Grant[]
}

/** Reads what a person ever allowed an agent: in one list, unless it is a long one. */
export async function ownGrants(
  { storage, now }: Pick<ServerContext, 'storage' | 'now'>,
  userId: string,
  agent: string,
): Promise<OwnGrants> {
  const newest = await storage.listGrants({ userId, agent, limit: most })
  if (newest.length === most) {
    const live = await storage.listGrants({ userId, agent, live: true, limit: most })
    return { newest, live, ended: await storage.listGrants({ userId, agent, live: false, limit: most }) }
  }
  const at = now()
  const isLive = ({ revokedAt, expiresAt }: Grant) => revokedAt === null && (expiresAt === null || expiresAt > at)
  return { newest, live: newest.filter(isLive), ended: newest.filter((grant) => !isLive(grant)) }
}

/** What an agent has from a person at the resource of a request, and elsewhere. */
export async function holdingsOf(
  { storage, lifetimes, now }: ServerContext,
  { delegate, resource }: AuthRequest,
  { live, ended }: OwnGrants,
): Promise<Holdings> {
  const removed = ended.filter(({ revokedAt }) => revokedAt !== null)
  // A token that was given before a removal works until it ends.
  const aliveSince =
    removed.length === 0 ? 0 : await tokensAliveSince(storage, { at: now(), lifetime: lifetimes.authToken })
  const fading = removed.filter(({ revokedAt }) => revokedAt !== null && revokedAt > aliveSince)
  const isElsewhere = (grant: Grant) => grant.resource !== resource
  const here = live.filter((grant) => !isElsewhere(grant))
  return {
    same: scopesOf(here.filter((grant) => grant.delegate === delegate)),
    here: scopesOf(here),
    fading: scopesOf(fading.filter((grant) => !isElsewhere(grant))),
    elsewhere: [...new Set(live.filter(isElsewhere).map((grant) => grant.resource))],
    nothingElse: live.length < most && ended.length < most && !fading.some(isElsewhere),
  }
}

function scopesOf(grants: readonly Grant[]): string[] {
  return [...new Set(grants.flatMap(({ scope }) => scope.split(' ')))]
}

/** By how much a request is put off, and how often. */
export const extension = { seconds: 600, times: 12 }

/** Whether the end of a request can be put off once more. */
export function canExtend({ extensions }: AuthRequest): boolean {
  return extensions < extension.times
}
