import { sql } from 'kysely'
import type { Statement } from '../engines/engine.js'

/** One statement: of two that claim at once, the second finds the row of the first. */
export async function claimIssuer({ db, clock }: Statement, issuer: string): Promise<string> {
  const claimed = await db
    .insertInto('deployment')
    .values({ id: 1, issuer, written_at: clock })
    .onConflict((conflict) => conflict.column('id').doUpdateSet({ written_at: clock }))
    .returning('issuer')
    .executeTakeFirstOrThrow()
  return claimed.issuer
}

export async function readClock({ db, clock }: Statement): Promise<number> {
  const { rows } = await sql<{ now: number }>`select ${clock} as now`.execute(db)
  if (!rows[0]) throw new TypeError('the database has no clock')
  return rows[0].now
}
