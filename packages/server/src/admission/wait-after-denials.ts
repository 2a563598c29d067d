import { haveSameKey } from '../lib/resource-id.js'
import type { AuthRequest, RecordedEvent, Storage } from '../storage/api/storage.js'

/** What an agent asks a user for. */
export type ConsentRequest = Pick<AuthRequest, 'agent' | 'resource' | 'scope'> & {
  /** The agent itself, if `agent` vouches for many. @default `agent`, whatever its delegate */
  id: string | undefined
}

/** Seconds: the wait after a denial, which doubles with each further one up to `most`. Denials are forgotten after `memory`. */
const wait = { first: 600, most: 86_400, memory: 7 * 86_400 }

/** How many denials of overlapping permissions cause no wait: more would ask for the same, with other permissions each time. */
const mostVariants = 2

/** Returns the time (Unix seconds) from which on denials count. */
export function denialsCountSince(now: number): number {
  return now - wait.memory
}

/**
 * Returns how long an agent must wait, in seconds, because the user denied it the same or a part of it; undefined if it may prompt the user.
 * It may ask for less than what was denied, or for a part of it with something else, but not again and again. What the user allowed since
 * counts as never denied.
 */
export async function waitAfterDenials(
  { storage, now }: { storage: Pick<Storage, 'listSinceDenial'>; now: () => number },
  userId: string,
  request: ConsentRequest,
): Promise<number | undefined> {
  const at = now()
  const events = await storage.listSinceDenial({ userId, agent: request.agent, since: denialsCountSince(at) })
  const requested = request.scope.split(' ')
  let denials: Denial[] = []
  for (const event of events) {
    if (!concernsSame(event, request)) continue
    const decided = typeof event.data?.scope === 'string' ? event.data.scope.split(' ') : []
    if (event.event === 'request.allowed') {
      // An allowance forgives what it covers entirely.
      denials = denials.filter(({ shared }) => !shared.every((name) => decided.includes(name)))
    } else {
      // A denial counts if it denied something that is requested again.
      const shared = decided.filter((name) => requested.includes(name))
      if (shared.length > 0) denials.push({ at: event.at, shared, isWhole: shared.length === decided.length })
    }
  }
  const same = denials.filter(({ isWhole }) => isWhole)
  const remaining = Math.max(endOfWait(same), endOfWait(denials, mostVariants)) - at
  return remaining > 0 ? remaining : undefined
}

/** Whether an event is the user's own decision about the agent that asks, at the resource it asks for. */
function concernsSame(
  { data, resource: decidedResource = '' }: RecordedEvent,
  { id, resource }: ConsentRequest,
): boolean {
  const isOther = id !== undefined && data?.delegate !== id
  return !isOther && !data?.boundToOther && haveSameKey(decidedResource, resource)
}

interface Denial {
  at: number
  /** What was denied and is asked for again. */
  shared: string[]
  /** Whether that is all that was denied. */
  isWhole: boolean
}

/**
 * Returns the time (Unix seconds) until which denials, oldest first, cause a wait; 0 if they cause none.
 *
 * @param free how many of the denials cause no wait
 */
function endOfWait(denials: readonly Denial[], free = 0): number {
  const doublings = denials.length - free - 1
  const { at = 0 } = denials.at(-1) ?? {}
  return doublings < 0 ? 0 : at + Math.min(wait.most, wait.first * 2 ** doublings)
}
