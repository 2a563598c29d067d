import { networkOf, type Refusal } from 'countersign/wire'
import { hashSecret } from '../secrets/minted-secrets.js'
import type { Storage } from '../storage/api/storage.js'

/**
 * Rows of one kind in 15 minutes: about one agent, from one address, from the networks around it, and in all. More say nothing
 * new, and the log has them.
 */
const window = 900
const most = { agent: 20, subscriber: 40, site: 60, provider: 125, all: 500 }

/** Bounds that are known to be reached. */
const mostKnown = 10_000

/** What an operator decided: the other refusals that are recorded are failed lookups. */
const decided: ReadonlySet<string> = new Set(['policy_denied', 'agent_blocked', 'policy_forbids'])

/** Records a refusal if it is one that an operator looks for; the address is where the request came from. */
export type RefusalRecorder = (refusal: Refusal, remoteAddress: string | undefined) => Promise<void>

/** How many rows may be about something. */
interface Bound {
  key: string
  most: number
}

/**
 * Creates what records that an agent was denied by a rule, is blocked, or could not be looked up. Anyone can cause that at any
 * rate, so rows are few, and what is over its bound costs no write. Each kind of refusal has its own bounds: what strangers
 * cause takes no room from what operators decided.
 */
export function createRefusalRecorder({ storage, now }: { storage: Storage; now: () => number }): RefusalRecorder {
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

  return async function recordRefusal(refusal, remoteAddress) {
    const { status, code, agent, delegate, claimed, rule, lookup, reason } = refusal
    if (!lookup && !decided.has(code)) return
    const bounds = boundsOf(refusal, remoteAddress)
    if (bounds.some(isReached)) return
    for (const bound of bounds) if (await isOver(bound)) return
    const data = { status, code, claimed, delegate, rule, reason }
    await storage.recordEvent({ event: 'agent.refused', agent, ip: remoteAddress, data })
  }
}

/** The bounds of a refusal, the narrowest first: what is over one of them counts in no wider one. */
function boundsOf({ code, agent, claimed }: Refusal, remoteAddress: string | undefined): Bound[] {
  const kind = decided.has(code) ? code : 'failed lookup'
  const bound = (of: keyof typeof most, what: string): Bound => ({
    key: hashSecret(`refusals ${kind} ${of} ${what}`),
    most: most[of],
  })
  const networks = ['subscriber', 'site', 'provider'] as const
  return [
    // Who only claims to be an agent takes nothing from what is recorded of it.
    bound('agent', `${claimed ? 'claimed ' : ''}${agent ?? ''}`),
    ...(remoteAddress === undefined
      ? [bound('subscriber', '')]
      : networks.map((size) => bound(size, networkOf(remoteAddress, size)))),
    bound('all', ''),
  ]
}
