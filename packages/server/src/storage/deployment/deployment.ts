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
