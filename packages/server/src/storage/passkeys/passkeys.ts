import { findUser } from '../accounts/users.js'
import { writeEvent } from '../audit/audit.js'
import type { PasskeyRow } from '../engines/tables.js'
import type { Unit } from '../engines/unit.js'
import type { FoundPasskey, NewPasskey, Passkey } from './passkey-storage.js'

export async function addPasskey(unit: Unit, passkey: NewPasskey): Promise<boolean> {
  const { db, tenant, now } = unit
  const { userId, credentialId, publicKey, counter, transports = [], name } = passkey
  if ((await findUser(unit, userId))?.status !== 'active') throw new TypeError('a passkey needs an active user')
  const added = await db
    .insertInto('passkey')
    .values({
      tenant_id: tenant,
      credential_id: credentialId,
      user_id: userId,
      public_key: Buffer.from(publicKey),
      counter,
      transports: JSON.stringify(transports),
      name: name ?? null,
      created_at: now,
      last_used_at: null,
    })
    .onConflict((conflict) => conflict.columns(['tenant_id', 'credential_id']).doNothing())
    .returning('credential_id')
    .executeTakeFirst()
  if (!added) return false
  await writeEvent(unit, { event: 'passkey.added', userId, data: { credentialId } })
  return true
}

export async function listPasskeys({ db, tenant }: Unit, userId: string): Promise<Passkey[]> {
  const rows = await db
    .selectFrom('passkey')
    .selectAll()
    .where('tenant_id', '=', tenant)
    .where('user_id', '=', userId)
    .orderBy('created_at')
    .orderBy('credential_id')
    .execute()
  return rows.map(toPasskey)
}

export async function findPasskey(unit: Unit, credentialId: string): Promise<FoundPasskey | undefined> {
  const row = await findRow(unit, credentialId)
  const user = row && (await findUser(unit, row.user_id))
  return user && { user, passkey: { ...toPasskey(row), publicKey: Uint8Array.from(row.public_key) } }
}

function findRow({ db, tenant }: Unit, credentialId: string): Promise<PasskeyRow | undefined> {
  return db
    .selectFrom('passkey')
    .selectAll()
    .where('tenant_id', '=', tenant)
    .where('credential_id', '=', credentialId)
    .executeTakeFirst()
}

/** The counter rule of `isCounterForward`, in one statement. */
export async function usePasskey(unit: Unit, use: { credentialId: string; counter: number }): Promise<boolean> {
  const { db, tenant, now } = unit
  const used = await db
    .updateTable('passkey')
    .set({ counter: use.counter, last_used_at: now })
    .where('tenant_id', '=', tenant)
    .where('credential_id', '=', use.credentialId)
    .where((e) => e.or([e('counter', '<', use.counter), e.and([e('counter', '=', 0), e.lit(use.counter === 0)])]))
    .returning('credential_id')
    .executeTakeFirst()
  if (used) return true
  const row = await findRow(unit, use.credentialId)
  if (row) {
    await writeEvent(unit, {
      event: 'passkey.counter_went_back',
      userId: row.user_id,
      data: { ...use, stored: row.counter },
    })
  }
  return false
}

export async function removePasskey(
  unit: Unit,
  { userId, credentialId }: { userId: string; credentialId: string },
): Promise<boolean> {
  const { db, tenant } = unit
  const removed = await db
    .deleteFrom('passkey')
    .where('tenant_id', '=', tenant)
    .where('credential_id', '=', credentialId)
    .where('user_id', '=', userId)
    .returning('credential_id')
    .executeTakeFirst()
  if (!removed) return false
  await writeEvent(unit, { event: 'passkey.removed', userId, data: { credentialId } })
  return true
}

function toPasskey(row: PasskeyRow): Passkey {
  return {
    credentialId: row.credential_id,
    name: row.name,
    transports: JSON.parse(row.transports),
    counter: row.counter,
    createdAt: row.created_at,
    lastUsedAt: row.last_used_at,
  }
}
