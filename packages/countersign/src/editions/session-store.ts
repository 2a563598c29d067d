import { createTally } from '../httpsig/memory-nonces.js'
import { systemClock } from '../lib/clock.js'
import { AAuthError } from '../lib/errors.js'
import type { MaybePromise } from '../lib/maybe-promise.js'
import { warnOnce } from '../lib/options.js'
import { hasRoom, type RevocationCounts, siteOf } from './revoked-tokens.js'

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

/**
 * Where a resource stores its requests and sessions. All instances must share one store. If it throws, the request is refused (503).
 */
export interface SessionStore {
  /** Stores a record, unless its key exists (`taken`), or there is no room for another record of this holder (`full`). */
  add(record: SessionRecord): MaybePromise<'added' | 'taken' | 'full'>
  get(key: string): MaybePromise<string | undefined>
  /** Replaces the value of a record if it is still the given one. Of several concurrent callers, exactly one gets true. */
  replace(key: string, from: string, to: string): MaybePromise<boolean>
  remove(key: string): MaybePromise<void>
}

/** Requests of all agents above which only the sites with the most are refused: they contain the calls that wait. */
const mostRequests = 2000

const sweepInterval = 60

/**
 * Whether a record can be stored beside those of its kind that are counted.
 *
 * @param sessions the number of sessions of all agents above which only the sites with the most are refused
 */
export function hasSessionRoom(
  { kind, most }: Pick<SessionRecord, 'kind' | 'most'>,
  counts: RevocationCounts,
  sessions: number,
): boolean {
  return counts.ofIssuer < most && hasRoom(counts, kind === 'request' ? mostRequests : sessions)
}

/**
 * Creates a `store` in this process: after a restart, users must let their agents in again.
 *
 * @param now Unix seconds
 * @param total the number of sessions of all agents above which only the domains with the most are refused, with all their subdomains; the
 * hard limit is twice this number. @default 100_000
 */
export function createSessionStore(now: () => number = systemClock, total = 100_000): SessionStore {
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
      const { kind, key, holder, provider } = record
      if (live(key)) return 'taken'
      remove(key)
      const ofIssuer = tallies.holders.of(`${kind} ${holder}`)
      const ofSite = tallies[kind].of(siteOf(provider))
      const place = { ofIssuer, ofSite, most: tallies[kind].most(), all: counts[kind] }
      if (!hasSessionRoom(record, place, total)) return 'full'
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

/**
 * The same store, except that a failure refuses the request, and is reported once.
 *
 * @param of what the warning is about: the page of the sessions
 * @throws TypeError for a value that is not a store
 */
export function refusingStore(of: string, store: SessionStore): SessionStore {
  if (!['add', 'get', 'replace', 'remove'].every((verb) => typeof Object(store)[verb] === 'function'))
    throw new TypeError('store must have add, get, replace and remove: use fileSessions, redisSessions or your own')
  async function orRefuse<T>(work: () => MaybePromise<T>): Promise<T> {
    try {
      return await work()
    } catch (cause) {
      warnOnce(of, `the store of the sessions failed: ${String(cause)}`, 'calls are refused (503) until it works.')
      if (cause instanceof AAuthError) throw cause
      throw new AAuthError('unavailable', 'The store of sessions failed.', { retryAfter: 5, cause })
    }
  }
  return {
    add: (record) => orRefuse(() => store.add(record)),
    get: (key) => orRefuse(() => store.get(key)),
    replace: (key, from, to) => orRefuse(() => store.replace(key, from, to)),
    remove: (key) => orRefuse(() => store.remove(key)),
  }
}
