import type { Unit } from '../engines/unit.js'

export async function claimIssuer({ db, tenant, now }: Unit, issuer: string): Promise<string> {
  const claimed = await db
    .insertInto('deployment')
    .values({ tenant_id: tenant, issuer, written_at: now })
    .onConflict((conflict) => conflict.column('tenant_id').doUpdateSet({ written_at: now }))
    .returning('issuer')
    .executeTakeFirstOrThrow()
  return claimed.issuer
}
