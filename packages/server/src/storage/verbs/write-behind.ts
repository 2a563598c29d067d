import { sql } from 'kysely'
import { lockingGrants, usedEvery } from '../rows/grant-lists.js'
import type { Unit } from '../sql/engine.js'
import { cachedInsertion, maxRows } from '../sql/kept-query.js'

/** Number of buffered uses that triggers a write. A caller that adds as many again during that write waits for it to finish. */
const most = 500

/** A buffer for uses, many of which are written at a time. */
export interface WriteBehind {
  /** Records a use. Resolves at once or, if uses are written without delay, after a write has been attempted. */
  note(at: number, note: (usage: Usage) => void): Promise<void>
  /** Writes the buffered uses. Rejects if they cannot be written now; they are then retried with the next write. */
  flush(): Promise<void>
}

/**
 * @param delay number of seconds for which a use is buffered; 0 disables buffering
 * @param onError called if uses were not written in time; they stay buffered
 */
export function createWriteBehind(
  write: (at: number, usage: Usage) => Promise<void>,
  { delay, onError }: { delay: number; onError: (error: unknown) => void },
): WriteBehind {
  const waiting = new Map<number, Usage>()
  let count = 0
  let timer: NodeJS.Timeout | undefined
  let writing: Promise<void> = Promise.resolve()
  let flushes = 0

  async function writeAll(): Promise<void> {
    clearTimeout(timer)
    timer = undefined
    const taken = Array.from(waiting, ([at, usage]) => partsOf(usage).map((part) => ({ at, part }))).flat()
    waiting.clear()
    count = 0
    for (const [index, { at, part }] of taken.entries()) {
      try {
        await write(at, part)
      } catch (error) {
        for (const { at, part } of taken.slice(index)) waiting.set(at, joined([waiting.get(at) ?? noUsage(), part]))
        throw error
      }
    }
  }

  function flush(): Promise<void> {
    flushes += 1
    const done = writing.then(writeAll).finally(() => {
      flushes -= 1
    })
    writing = done.catch(() => undefined)
    return done
  }

  return {
    async note(at, note) {
      const usage = waiting.get(at) ?? noUsage()
      waiting.set(at, usage)
      note(usage)
      count += 1
      const isFull = count >= most
      if (delay === 0 || (isFull && flushes > 0)) return flush().catch(onError)
      if (isFull) void flush().catch(onError)
      else timer ??= setTimeout(() => void flush().catch(onError), delay * 1000).unref()
    },
    flush,
  }
}

const day = 24 * 60 * 60

/** The uses at one point in time, by row id. They never cause a request to be refused. */
export interface Usage {
  /** How often tokens were refreshed under each grant. */
  refreshes: Map<number, number>
  /** The sessions that were seen. */
  sessions: Set<number>
}

function noUsage(): Usage {
  return { refreshes: new Map(), sessions: new Set() }
}

/** Merges the uses at one point in time. */
function joined(usages: readonly Usage[]): Usage {
  const all = noUsage()
  for (const { refreshes, sessions } of usages) {
    for (const [grant, count] of refreshes) all.refreshes.set(grant, (all.refreshes.get(grant) ?? 0) + count)
    for (const session of sessions) all.sessions.add(session)
  }
  return all
}

/**
 * Splits uses into parts of a limited number of rows. Each part is written separately, so that a request in between does not wait for all
 * of them.
 */
function partsOf({ refreshes, sessions }: Usage): Usage[] {
  return [
    ...piecesOf([...refreshes]).map((piece) => ({ refreshes: new Map(piece), sessions: new Set<number>() })),
    ...piecesOf([...sessions]).map((piece) => ({ refreshes: new Map<number, number>(), sessions: new Set(piece) })),
  ]
}

function piecesOf<T>(all: readonly T[]): T[][] {
  const count = Math.ceil(all.length / maxRows)
  return Array.from({ length: count }, (_, index) => all.slice(index * maxRows, (index + 1) * maxRows))
}

/** Writes the uses at one point in time. */
export async function writeUsage(unit: Unit, at: number, { refreshes, sessions }: Usage): Promise<void> {
  if (refreshes.size > 0) await countRefreshes(unit, at, refreshes)
  if (sessions.size === 0) return
  await unit.db
    .updateTable('session')
    .set({
      last_seen_at: at,
      idle_expires_at: sql`case when expires_at < ${at} + idle_seconds then expires_at else ${at} + idle_seconds end`,
    })
    .where('id', 'in', [...sessions])
    .where('last_seen_at', '<=', at - usedEvery)
    .execute()
}

/** Counts the refreshes of the grants that still exist. */
async function countRefreshes(unit: Unit, at: number, refreshes: ReadonlyMap<number, number>): Promise<void> {
  const kept = await grantsToKeep(
    unit,
    Array.from(refreshes.keys(), (id) => ({ id })),
  )
  const day_at = at - (at % day)
  const rows = kept.map(({ id }) => ({ grant_id: id, day_at, refreshes: refreshes.get(id) ?? 0 }))
  if (rows.length > 0) await usageInsertion(unit, rows)
}

const grantsToKeep = lockingGrants('shared')

const usageInsertion = cachedInsertion('grant_usage_day', (insertion) =>
  insertion.onConflict((conflict) =>
    conflict
      .columns(['grant_id', 'day_at'])
      .doUpdateSet((e) => ({ refreshes: e('grant_usage_day.refreshes', '+', e.ref('excluded.refreshes')) })),
  ),
)
