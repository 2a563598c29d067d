import { systemClock } from '../../lib/clock.js'
import { LruCache } from '../../lib/lru-cache.js'
import type { MaybePromise } from '../../lib/maybe-promise.js'

/** Who sends a message. */
export interface McpCaller {
  agent: string
  /** The person whose token it shows, by issuer and subject; undefined: it shows none. */
  person: string | undefined
}

/** Whose the sessions of servers before 2026-07-28 are: another one's is as good as none. All instances must share one. */
export interface McpSessions {
  /** Notes a session that a server opened. */
  open(id: string, caller: McpCaller): MaybePromise<void>
  /** Whether a caller may use a session; the first person who does is the one whose it is. */
  isOf(id: string, caller: McpCaller): MaybePromise<boolean>
  close(id: string): MaybePromise<void>
}

const mostSessions = 10_000

/** Of one agent for one person: whoever opens more loses the oldest of their own. */
const mostOfOne = 100

/** Seconds that a session is known without being used. */
const idle = 86_400

/** Remembers sessions in this process: at most 10,000, and 100 of one agent for one person. @param now Unix seconds */
export function createMcpSessions(now: () => number = systemClock): McpSessions {
  const owners = new LruCache<McpCaller>(mostSessions)
  const ofCallers = new LruCache<string[]>(mostSessions)
  return {
    open(id, caller) {
      const name = JSON.stringify([caller.agent, caller.person ?? null])
      const own = (ofCallers.get(name, now()) ?? []).filter((each) => owners.get(each, now()) !== undefined)
      own.push(id)
      if (own.length > mostOfOne) owners.delete(own.shift() ?? '')
      ofCallers.set(name, own, now() + idle)
      owners.set(id, caller, now() + idle)
    },
    isOf(id, { agent, person }) {
      const owner = owners.get(id, now())
      if (owner?.agent !== agent) return false
      if (owner.person !== undefined && owner.person !== person) return false
      owners.set(id, { agent, person }, now() + idle)
      return true
    },
    close(id) {
      owners.delete(id)
    },
  }
}
