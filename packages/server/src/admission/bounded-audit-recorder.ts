import type { Refusal } from 'countersign/editions'
import { networkOf } from 'countersign/node'
import { hashSecret } from '../secrets/server-keys.js'
import type { AuditEventName } from '../storage/api/audit-events.js'
import { foldUsername, type NewEvent, type Storage } from '../storage/api/storage.js'

/** Window in which rows are counted, in seconds. */
const window = 900

/**
 * Maximum number of rows of one kind per window: about one agent or user, from one address, from the networks that contain the address, and
 * in total. Further rows add no information.
 */
const mostEvents = { subscriber: 20, site: 40, provider: 125, all: 500 }
const mostRefusals = { agent: 20, subscriber: 40, site: 60, provider: 125, all: 500 }

/** Maximum number of reached bounds that are cached. */
const mostKnown = 10_000

/** Refusals that an operator decided on. All other recorded refusals are failed lookups. */
const decided: ReadonlySet<string> = new Set(['policy_denied', 'agent_blocked', 'policy_forbids'])

/** An event that the server writes. */
type OwnEvent = NewEvent & { event: AuditEventName }

/**
 * Records, in the audit log, events that anyone can cause at any rate. The number of rows is bounded, and an event that exceeds a bound
 * costs no write.
 */
export interface BoundedRecorder {
  /** Resolves to false if the event exceeded a bound for its kind and the user it concerns. */
  recordEvent(event: OwnEvent): Promise<boolean>
  /**
   * Records a refusal that operators need to see: a rule denied an agent, the agent is blocked, or its lookup failed. Each kind has its own
   * bounds, so that refusals caused by strangers take no room from those decided by operators.
   *
   * @param remoteAddress the address that the request came from
   */
  recordRefusal(refusal: Refusal, remoteAddress: string | undefined): Promise<void>
}

/** A maximum number of rows about one subject. */
interface Bound {
  key: string
  most: number
}

/** @param options.now Unix seconds */
export function createBoundedRecorder({ storage, now }: { storage: Storage; now: () => number }): BoundedRecorder {
  /** When each reached bound resets, by its key. */
  const reached = new Map<string, number>()

  function isReached({ key }: Bound): boolean {
    const left = (reached.get(key) ?? 0) - now()
    // If more than a window is left, this machine's clock was set back, or is behind the storage's: only the storage knows then.
    return left > 0 && left <= window
  }

  async function isOver(bound: Bound): Promise<boolean> {
    const { count, resetAt } = await storage.countAttempt({ key: bound.key, window })
    if (count < bound.most) return false
    if (reached.size >= mostKnown) reached.clear()
    reached.set(bound.key, resetAt)
    return count > bound.most
  }

  /** @param bounds narrowest first: an event that exceeds one bound is not counted in the wider ones */
  async function recordWithin(bounds: readonly Bound[], event: OwnEvent): Promise<boolean> {
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
      // Rows about an agent whose identity is only claimed take no room from rows about the verified agent.
      const ofAgent = boundOf(`${kind} agent ${claimed ? 'claimed ' : ''}${agent ?? ''}`, mostRefusals.agent)
      const data = { status, code, claimed, delegate, rule, reason }
      const bounds = [ofAgent, ...networkBounds(kind, ip, mostRefusals)]
      await recordWithin(bounds, { event: 'agent.refused', agent, ip, data })
    },
  }
}

/** The bounds of one kind: for an address, for its networks and in total. All unknown addresses share the bounds of a single address. */
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
