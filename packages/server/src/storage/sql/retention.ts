import type { Unit } from './unit.js'

const batch = 5000
const day = 24 * 60 * 60

/** Each deletes at most one batch and returns how many rows went. Codes before the requests they belong to. */
const deletions: readonly ((unit: Unit) => Promise<number>)[] = [
  async ({ db, tenant, now }) =>
    affected(
      await db
        .deleteFrom('nonce')
        .where('tenant_id', '=', tenant)
        .where('key', 'in', (e) =>
          e
            .selectFrom('nonce')
            .select('key')
            .where('tenant_id', '=', tenant)
            .where('expires_at', '<=', now)
            .limit(batch),
        )
        .executeTakeFirst(),
    ),
  async ({ db, tenant, now }) =>
    affected(
      await db
        .deleteFrom('session')
        .where('tenant_id', '=', tenant)
        .where('id_hash', 'in', (e) =>
          e
            .selectFrom('session')
            .select('id_hash')
            .where('tenant_id', '=', tenant)
            .where('idle_expires_at', '<=', now)
            .limit(batch),
        )
        .executeTakeFirst(),
    ),
  async ({ db, tenant, now }) =>
    affected(
      await db
        .deleteFrom('code')
        .where('tenant_id', '=', tenant)
        .where('code_hash', 'in', (e) =>
          e
            .selectFrom('code')
            .select('code_hash')
            .where('tenant_id', '=', tenant)
            .where('expires_at', '<=', now - day)
            .limit(batch),
        )
        .executeTakeFirst(),
    ),
  async ({ db, tenant, now }) =>
    affected(
      await db
        .deleteFrom('auth_request')
        .where('tenant_id', '=', tenant)
        .where('id', 'in', (e) =>
          e
            .selectFrom('auth_request as r')
            .select('r.id')
            .where('r.tenant_id', '=', tenant)
            .where('r.expires_at', '<=', now - day)
            .where((w) =>
              w.not(
                w.exists(
                  w
                    .selectFrom('code as c')
                    .select('c.code_hash')
                    .whereRef('c.tenant_id', '=', 'r.tenant_id')
                    .whereRef('c.request_id', '=', 'r.id'),
                ),
              ),
            )
            .limit(batch),
        )
        .executeTakeFirst(),
    ),
  async ({ db, tenant, now }) =>
    affected(
      await db
        .deleteFrom('token_issue')
        .where('tenant_id', '=', tenant)
        .where('jti', 'in', (e) =>
          e
            .selectFrom('token_issue')
            .select('jti')
            .where('tenant_id', '=', tenant)
            .where('expires_at', '<=', now - 30 * day)
            .limit(batch),
        )
        .executeTakeFirst(),
    ),
]

/** Deletes until nothing past its retention is left; each batch is a statement of its own, in a unit of its own. */
export async function sweep(inUnit: (work: (unit: Unit) => Promise<number>) => Promise<number>): Promise<number> {
  let total = 0
  for (const deleteBatch of deletions) {
    let deleted: number
    do {
      deleted = await inUnit(deleteBatch)
      total += deleted
      await new Promise((resume) => setImmediate(resume))
    } while (deleted === batch)
  }
  return total
}

function affected(result: { numDeletedRows: bigint }): number {
  return Number(result.numDeletedRows)
}
