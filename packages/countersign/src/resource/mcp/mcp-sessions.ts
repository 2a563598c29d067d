import { systemClock } from '../../lib/clock.js'
import { LruCache } from '../../lib/lru-cache.js'
import type { MaybePromise } from '../../lib/maybe-promise.js'

/** Who sends a message. */
export interface McpCaller {
  agent: string
  /** The part of the agent that it says it is. */
  delegate?: string | undefined
  /** The person whose token it shows, by issuer and subject; undefined: it shows none. */
  person?: string | undefined
  /** What that person allowed, space-separated. */
  scope?: string | undefined
}

/** A session, and whose it is. */
export interface McpSession extends McpCaller {
  /** Of the session alone, and told to nobody: the ids of its events are bound to it. */
  secret: string
}

/**
 * Whose the sessions of servers before 2026-07-28 are: another one's is as good as none. All instances must share one. What is
 * given and kept is plain JSON.
 */
export interface McpSessions {
  /** Notes a session that a server opened, and makes its secret. */
  open(id: string, caller: McpCaller): MaybePromise<void>
  /**
   * Whose a session is, after this use of it, where the caller's agent may use it: it is the first person's who does. Who shows no
   * token may be told of a person's session, and has to show one. Undefined: there is none, or it is another's.
   */
  use(id: string, caller: McpCaller): MaybePromise<McpSession | undefined>
  close(id: string): MaybePromise<void>
}

const mostSessions = 10_000

/** Of one agent for one person: whoever opens more loses the one of their own that was used longest ago. */
const mostOfOne = 100

/** Seconds that a session is known without being used. */
const idle = 86_400

/** Remembers sessions in this process: at most 10,000, and 100 of one agent for one person. @param now Unix seconds */
export function createMcpSessions(now: () => number = systemClock): McpSessions {
  const owners = new LruCache<McpSession>(mostSessions)
  /** The ids of the sessions of each, the one used last at the end. */
  const ofOwners = new LruCache<Set<string>>(mostSessions)

  function keep(id: string, owner: McpSession): void {
    const name = nameOf(owner)
    const own = ofOwners.get(name, now()) ?? new Set()
    own.delete(id)
    own.add(id)
    if (own.size > mostOfOne) {
      const [oldest = ''] = own
      own.delete(oldest)
      owners.delete(oldest)
    }
    ofOwners.set(name, own, now() + idle)
    owners.set(id, owner, now() + idle)
  }

  function drop(id: string): void {
    const owner = owners.get(id, now())
    if (owner) ofOwners.get(nameOf(owner), now())?.delete(id)
    owners.delete(id)
  }

  return {
    open: (id, caller) => keep(id, { ...caller, secret: crypto.randomUUID() }),
    use(id, caller) {
      const owner = owners.get(id, now())
      if (!owner || !mayUse(owner, caller)) return undefined
      const { person = owner.person, scope = owner.scope, delegate = owner.delegate } = caller
      const used = { ...owner, delegate, person, scope }
      if (nameOf(used) !== nameOf(owner)) drop(id)
      keep(id, used)
      return used
    },
    close: drop,
  }
}

function nameOf({ agent, person }: McpCaller): string {
  return JSON.stringify([agent, person ?? null])
}

function mayUse(owner: McpCaller, { agent, delegate, person }: McpCaller): boolean {
  if (owner.agent !== agent) return false
  if (owner.person !== undefined) return person === undefined || person === owner.person
  // Nobody has allowed anything yet: another part of the agent is not who opened it.
  return owner.delegate === undefined || delegate === undefined || owner.delegate === delegate
}
