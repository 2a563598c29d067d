import type { Unit } from './unit.js'

export async function claimNonce({ db, tenant, now }: Unit, key: string, lifetime: number): Promise<boolean> {
  const expiresAt = now + lifetime
  const claimed = await db
    .insertInto('nonce')
    .values({ tenant_id: tenant, key, expires_at: expiresAt })
    .onConflict((conflict) =>
      conflict
        .columns(['tenant_id', 'key'])
        .doUpdateSet({ expires_at: expiresAt })
        .where('nonce.expires_at', '<=', now),
    )
    .returning('key')
    .executeTakeFirst()
  return claimed !== undefined
}
