import type { Refusal } from 'countersign/editions'
import { networkOf } from 'countersign/node'
import { hashSecret } from '../secrets/server-keys.js'
import { foldUsername, type NewEvent, type Storage } from '../storage/api/storage.js'

/** Seconds in which rows are counted. */
const window = 900

/**
 * Rows of one kind in a window, about one agent or user, from one address, from the networks around it, and in all. More say
 * nothing new.
 */
const mostEvents = { subscriber: 20, site: 40, provider: 125, all: 500 }
const mostRefusals = { agent: 20, subscriber: 40, site: 60, provider: 125, all: 500 }

/** Bounds that are known to be reached. */
const mostKnown = 10_000

/** What an operator decided: the other refusals that are recorded are failed lookups. */
const decided: ReadonlySet<string> = new Set(['policy_denied', 'agent_blocked', 'policy_forbids'])

/** Records in the audit log what anyone can cause at any rate. Rows are few, and what is over a bound costs no write. */
export interface BoundedRecorder {
  /** Resolves with false if the event was over a bound of its kind and of the user it is about. */
  recordEvent(event: NewEvent): Promise<boolean>
  /**
   * Records a refusal if an operator looks for it: a rule denied an agent, it is blocked, or it could not be looked up. Each kind
   * has its own bounds: what strangers cause takes no room from what operators decided.
   *
   * @param remoteAddress where the request came from
   */
  recordRefusal(refusal: Refusal, remoteAddress: string | undefined): Promise<void>
}

/** How many rows may be about something. */
interface Bound {
  key: string
  most: number
}

/** @param options.now Unix seconds */
export function createBoundedRecorder({ storage, now }: { storage: Storage; now: () => number }): BoundedRecorder {
  /** Until when a bound is reached, by its key. */
  const reached = new Map<string, number>()

  function isReached({ key }: Bound): boolean {
    return (reached.get(key) ?? 0) > now()
  }

  async function isOver(bound: Bound): Promise<boolean> {
    const { count, resetAt } = await storage.countAttempt({ key: bound.key, window })
    if (count < bound.most) return false
    if (reached.size >= mostKnown) reached.clear()
    reached.set(bound.key, resetAt)
    return count > bound.most
  }

  /** @param bounds the narrowest first: what is over one of them counts in no wider one */
  async function recordWithin(bounds: readonly Bound[], event: NewEvent): Promise<boolean> {
    if (bounds.some(isReached)) return false
    for (const bound of bounds) if (await isOver(bound)) return false
    await storage.recordEvent(event)
    return true
  }

  return {
    recordEvent(event) {
      const { userId, username, ip } = event
      const about = username === undefined ? (userId ?? '') : foldUsername(username)
      return recordWithin(networkBounds(`${event.event} ${about}`, ip, mostEvents), event)
    },
    async recordRefusal(refusal, ip) {
      const { status, code, agent, delegate, claimed, rule, lookup, reason } = refusal
      if (!lookup && !decided.has(code)) return
      const kind = `refusal ${decided.has(code) ? code : 'failed lookup'}`
      // An agent that is only claimed takes nothing from what is recorded of the agent itself.
      const ofAgent = boundOf(`${kind} agent ${claimed ? 'claimed ' : ''}${agent ?? ''}`, mostRefusals.agent)
      const data = { status, code, claimed, delegate, rule, reason }
      const bounds = [ofAgent, ...networkBounds(kind, ip, mostRefusals)]
      await recordWithin(bounds, { event: 'agent.refused', agent, ip, data })
    },
  }
}

/** The bounds of one kind for an address, its networks and in all; without an address, as for one address. */
function networkBounds(kind: string, ip: string | undefined, most: typeof mostEvents): Bound[] {
  const sizes = ip === undefined ? (['subscriber'] as const) : (['subscriber', 'site', 'provider'] as const)
  return [
    ...sizes.map((size) => boundOf(`${kind} ${size} ${ip === undefined ? '' : networkOf(ip, size)}`, most[size])),
    boundOf(`${kind} all`, most.all),
  ]
}

function boundOf(counted: string, most: number): Bound {
  return { key: hashSecret(`rows of ${counted}`), most }
}
