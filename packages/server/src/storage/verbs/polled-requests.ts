import { type SqlBool, sql } from 'kysely'
import type { PolledState } from '../api/polled-request-storage.js'
import type { AuthRequest } from '../api/request-storage.js'
import { writeEvent } from '../rows/audit.js'
import { auditDelegate, requestParties, requests, toAuthRequest } from '../rows/requests.js'
import type { Statement, Unit } from '../sql/engine.js'
import { cachedQuery, cachedQueryOfRows, hashBytes, hashText, type Placeholders, padded } from '../sql/kept-query.js'

const polled = cachedQuery((parts, { pollHash }: Placeholders<{ pollHash: Uint8Array }>) =>
  requests(parts).where('r.poll_hash', '=', pollHash),
)

const lockedPolled = cachedQuery((parts, { pollHash }: Placeholders<{ pollHash: Uint8Array }>) =>
  parts.locking(requests(parts).where('r.poll_hash', '=', pollHash), { r: 'alone' }),
)

/** Implements {@link PolledRequestStorage.findPolledRequest}. */
export async function findPolledRequest(statement: Statement, pollHash: string): Promise<AuthRequest | undefined> {
  const [row] = await polled(statement, { pollHash: hashBytes(pollHash) })
  return row && toAuthRequest(row)
}

/** How many requests one statement looks up. */
const lookedUpAtOnce = 256

const states = cachedQueryOfRows(({ db, clock }, wanted: readonly Placeholders<{ pollHash: Uint8Array }>[]) => {
  const hashes = wanted.map(({ pollHash }) => pollHash)
  return db
    .selectFrom('auth_request as r')
    .select(['r.poll_hash', 'r.status'])
    .select(sql<SqlBool>`r.status = 'open' and r.expires_at <= ${clock}`.as('has_expired'))
    .select(sql<SqlBool>`r.browser_hash is not null`.as('is_opened'))
    .where(sql<SqlBool>`r.poll_hash in (${sql.join(hashes)})`)
}, lookedUpAtOnce)

/** Implements {@link PolledRequestStorage.findPolledStates}. */
export async function findPolledStates(
  statement: Statement,
  pollHashes: readonly string[],
): Promise<ReadonlyMap<string, PolledState>> {
  const found = new Map<string, PolledState>()
  for (let from = 0; from < pollHashes.length; from += lookedUpAtOnce) {
    const wanted = pollHashes.slice(from, from + lookedUpAtOnce).map((pollHash) => ({ pollHash: hashBytes(pollHash) }))
    for (const row of await states(statement, padded(wanted)))
      if (row.poll_hash)
        found.set(hashText(row.poll_hash), {
          status: row.has_expired ? 'expired' : row.status,
          isOpened: Boolean(row.is_opened),
        })
  }
  return found
}

/** Implements {@link PolledRequestStorage.markAnswered}. */
export async function markAnswered(statement: Statement, pollHash: string): Promise<boolean> {
  const { numUpdatedRows } = await statement.db
    .updateTable('auth_request')
    .set({ answered_at: statement.clock })
    .where('poll_hash', '=', hashBytes(pollHash))
    .where('answered_at', 'is', null)
    .executeTakeFirst()
  return numUpdatedRows > 0n
}

/** Implements {@link PolledRequestStorage.relinquishRequest}. */
export async function relinquishRequest(unit: Unit, { pollHash }: { pollHash: string }): Promise<boolean> {
  const [row] = await lockedPolled(unit, { pollHash: hashBytes(pollHash) })
  if (!row || row.answered_at !== null) return false
  const isOpen = row.status === 'open'
  await unit.db
    .updateTable('auth_request')
    .set({ answered_at: unit.now, ...(isOpen ? { status: 'abandoned' as const } : {}) })
    .where('id', '=', row.id)
    .execute()
  await unit.db
    .updateTable('code')
    .set({ consumed_at: unit.now })
    .where('request_id', '=', row.id)
    .where('consumed_at', 'is', null)
    .execute()
  await writeEvent(unit, { event: 'request.relinquished', ...requestParties(row), data: auditDelegate(row) })
  return true
}

/** Implements {@link PolledRequestStorage.countWrongLink}. */
export async function countWrongLink(
  unit: Unit,
  { linkHandle, most }: { linkHandle: string; most: number },
): Promise<number | undefined> {
  const counted = await unit.db
    .updateTable('auth_request')
    .set((e) => ({ wrong_links: e('wrong_links', '+', 1) }))
    .where('link_handle', '=', linkHandle)
    .where('status', '=', 'open')
    .where('expires_at', '>', unit.now)
    .where('browser_hash', 'is', null)
    .returning(['id', 'wrong_links', 'public_id', 'agent_id', 'resource_id', 'user_id', 'delegate'])
    .executeTakeFirst()
  if (!counted) return undefined
  const { wrong_links: wrongLinks } = counted
  if (wrongLinks < most) return wrongLinks
  await unit.db.updateTable('auth_request').set({ status: 'abandoned' }).where('id', '=', counted.id).execute()
  const data = { wrongLinks, ...auditDelegate(counted) }
  await writeEvent(unit, { event: 'request.guessed', ...requestParties(counted), data })
  return wrongLinks
}
