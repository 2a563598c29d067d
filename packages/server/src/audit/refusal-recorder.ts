import { networkOf, type Refusal } from 'countersign/wire'
import { hashSecret } from '../secrets/minted-secrets.js'
import type { Storage } from '../storage/storage.js'

/** Rows in 15 minutes about one agent, from one address, and in all: more say nothing new, and the log has them. */
const window = 900
const mostAboutAgent = 20
const mostFromNetwork = 40
const mostInAll = 500

/** Bounds that are known to be reached. */
const mostKnown = 10_000

/** What an operator decided: the other refusals that are recorded are failed lookups. */
const decided: ReadonlySet<string> = new Set(['policy_denied', 'agent_blocked', 'policy_forbids'])

/** Puts a refusal on record, where it is one that an operator looks for; the address is where the request came from. */
export type RefusalRecorder = (refusal: Refusal, remoteAddress: string | undefined) => Promise<void>

/**
 * Creates what puts on record that an agent was denied by a rule, is blocked, or could not be looked up. Anybody can make
 * that happen as often as they like, so rows are few, and what is over its bound costs no write.
 */
export function createRefusalRecorder({ storage, now }: { storage: Storage; now: () => number }): RefusalRecorder {
  /** Until when a bound is reached, by what it is for. */
  const reached = new Map<string, number>()

  async function isOver(of: string, most: number): Promise<boolean> {
    const key = hashSecret(`refusals ${of}`)
    if ((reached.get(key) ?? 0) > now()) return true
    const { count, resetAt } = await storage.countAttempt({ key, window })
    if (count < most) return false
    if (reached.size >= mostKnown) reached.clear()
    reached.set(key, resetAt)
    return count > most
  }

  return async function recordRefusal({ status, code, agent, delegate, claimed, rule, lookup, reason }, remoteAddress) {
    if (!lookup && !decided.has(code)) return
    const network = remoteAddress === undefined ? '' : networkOf(remoteAddress)
    if (await isOver(`from ${network}`, mostFromNetwork)) return
    // Who only claims to be an agent takes nothing from what is recorded of it.
    if (await isOver(`of ${claimed ? 'claimed ' : ''}${agent ?? ''}`, mostAboutAgent)) return
    if (await isOver('of all', mostInAll)) return
    const data = { status, code, claimed, delegate, rule, reason }
    await storage.recordEvent({ event: 'agent.refused', agent, ip: remoteAddress, data })
  }
}
