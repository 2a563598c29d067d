import { createHash } from 'node:crypto'
import type { RequestDisplay } from '../api/request-storage.js'
import type { Unit } from '../sql/engine.js'
import { notReferenced } from '../sql/values.js'

/** The row of what pages show, shared by all that show the same. */
export async function internDisplay(unit: Unit, shown: RequestDisplay): Promise<number> {
  const contentHash = displayHash(shown)
  const same = unit.db.selectFrom('display').select('id').where('content_hash', '=', contentHash)
  const known = await unit.locking(same, { display: 'shared' }).executeTakeFirst()
  if (known) return known.id
  const display = JSON.stringify(shown)
  const { id } = await unit.db
    .insertInto('display')
    .values({ content_hash: contentHash, display })
    .onConflict((conflict) => conflict.column('content_hash').doUpdateSet({ display }))
    .returning('id')
    .executeTakeFirstOrThrow()
  return id
}

/** What says that two show the same. */
export function displayHash(shown: RequestDisplay): Buffer {
  return createHash('sha256').update(JSON.stringify(shown)).digest()
}

/** Deletes those of these that no request and no grant shows any more. */
export async function dropDisplays(unit: Unit, ids: readonly number[]): Promise<void> {
  if (ids.length === 0) return
  await unit.lockRows('whole', unit.db.selectFrom('display').select('id').where('id', 'in', ids))
  await unit.db
    .deleteFrom('display')
    .where('id', 'in', ids)
    .where(notReferenced('display', 'display_id', ['auth_request', 'consent_grant']))
    .execute()
}
