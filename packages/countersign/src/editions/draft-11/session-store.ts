import { createTally } from '../../httpsig/memory-nonces.js'
import { systemClock } from '../../lib/clock.js'
import type { MaybePromise } from '../../lib/maybe-promise.js'
import { hasRoom, siteOf } from '../revoked-tokens.js'

/** A record of a resource that lets agents in itself: a request that waits for a user, or a session. */
export interface SessionRecord {
  kind: 'request' | 'session'
  /** The name of the record. */
  key: string
  value: string
  /** Expiry, in Unix seconds. */
  until: number
  /** The agent provider that caused the record. */
  provider: string
  /** The agent that caused the record, and how many records of this kind it may have. */
  holder: string
  most: number
}

/** Where a resource stores its requests and sessions. All instances must share one store. */
export interface SessionStore {
  /** Stores a record, unless its key exists (`taken`), or there is no room for another record of this holder (`full`). */
  add(record: SessionRecord): MaybePromise<'added' | 'taken' | 'full'>
  get(key: string): MaybePromise<string | undefined>
  /** Replaces the value of a record if it is still the given one. Of several concurrent callers, exactly one gets true. */
  replace(key: string, from: string, to: string): MaybePromise<boolean>
  remove(key: string): MaybePromise<void>
}

/** Records of all agents above which only the sites with the most are refused: requests contain the calls that wait. */
const totals = { request: 2000, session: 100_000 } as const

const sweepInterval = 60

/**
 * Creates a `store` in this process: after a restart, users must let their agents in again.
 *
 * @param now Unix seconds
 */
export function createSessionStore(now: () => number = systemClock): SessionStore {
  const records = new Map<string, SessionRecord>()
  const tallies = { holders: createTally(), request: createTally(), session: createTally() }
  const counts = { request: 0, session: 0 }
  let sweptAt = Number.NEGATIVE_INFINITY

  function count({ kind, holder, provider }: SessionRecord, by: 1 | -1): void {
    tallies.holders.change(`${kind} ${holder}`, by)
    tallies[kind].change(siteOf(provider), by)
    counts[kind] += by
  }

  function remove(key: string): void {
    const record = records.get(key)
    if (!record) return
    records.delete(key)
    count(record, -1)
  }

  function sweep(): void {
    const at = now()
    // Records must still expire if the clock has been set back.
    if (Math.abs(at - sweptAt) < sweepInterval) return
    sweptAt = at
    for (const [key, { until }] of records) if (until <= at) remove(key)
  }

  function live(key: string): SessionRecord | undefined {
    const record = records.get(key)
    return record && record.until > now() ? record : undefined
  }

  return {
    add(record) {
      sweep()
      const { kind, key, holder, provider, most } = record
      if (live(key)) return 'taken'
      remove(key)
      const ofIssuer = tallies.holders.of(`${kind} ${holder}`)
      const ofSite = tallies[kind].of(siteOf(provider))
      const place = { ofIssuer, ofSite, most: tallies[kind].most(), all: counts[kind] }
      if (ofIssuer >= most || !hasRoom(place, totals[kind])) return 'full'
      records.set(key, { ...record })
      count(record, 1)
      return 'added'
    },
    get: (key) => live(key)?.value,
    replace(key, from, to) {
      const record = live(key)
      if (record?.value !== from) return false
      record.value = to
      return true
    },
    remove,
  }
}
