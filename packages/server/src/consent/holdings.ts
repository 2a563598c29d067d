import type { ServerContext } from '../context.js'
import type { SignedInVisit } from '../http/visit.js'
import { type AuthRequest, type Grant, tokensAliveSince } from '../storage/storage.js'

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

/** Reads what an agent has from a person at the resource of a request, and elsewhere. */
export async function holdingsOf(
  { storage, lifetimes, now }: ServerContext,
  { session }: SignedInVisit,
  { agent, delegate, resource }: AuthRequest,
): Promise<Holdings> {
  const { id: userId } = session.user
  const here = await storage.listGrants({ userId, agent, resource, live: true, limit: most })
  const live = await storage.listGrants({ userId, agent, live: true, limit: most })
  const ended = await storage.listGrants({ userId, agent, live: false, limit: most })
  // A token that was given before a removal works until it ends.
  const aliveSince = await tokensAliveSince(storage, { at: now(), lifetime: lifetimes.authToken })
  const fading = ended.filter(({ revokedAt }) => revokedAt !== null && revokedAt > aliveSince)
  const isElsewhere = (grant: Grant) => grant.resource !== resource
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
