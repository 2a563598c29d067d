import type {
  AddedPasskey,
  FoundPasskey,
  NewPasskey,
  Passkey,
  PasskeyCredential,
  PasskeyRemoval,
  RemovedPasskey,
} from '../api/passkey-storage.js'
import { writeEvent } from '../rows/audit.js'
import { lockAsRead, lockUser, toUser, userIdOf, users } from '../rows/users.js'
import type { Statement, Unit } from '../sql/engine.js'
import type { Row } from '../sql/tables.js'
import { recordCredentialChange } from './sessions.js'

/** Implements {@link PasskeyStorage.addPasskey}: `changed` if the user's record has changed since it was read. */
export async function addPasskey(unit: Unit, passkey: NewPasskey): Promise<AddedPasskey> {
  const user = await lockAsRead(unit, passkey)
  if (!user) return 'changed'
  if (!(await insertPasskey(unit, user.id, passkey))) return 'taken'
  await recordNewPasskey(unit, user.id, passkey)
  return 'added'
}

/** Inserts a passkey of a locked user; returns false if the credential is already registered. */
export async function insertPasskey(unit: Unit, userId: number, passkey: PasskeyCredential): Promise<boolean> {
  const { db, now } = unit
  const { credentialId, publicKey, counter, transports = [], name } = passkey
  const added = await db
    .insertInto('passkey')
    .values({
      credential_id: credentialId,
      user_id: userId,
      public_key: Buffer.from(publicKey),
      counter,
      transports: JSON.stringify(transports),
      name: name ?? null,
      created_at: now,
      last_used_at: null,
    })
    .onConflict((conflict) => conflict.column('credential_id').doNothing())
    .returning('credential_id')
    .executeTakeFirst()
  return added !== undefined
}

export async function recordNewPasskey(unit: Unit, userId: number, { credentialId }: PasskeyCredential): Promise<void> {
  await recordCredentialChange(unit, userId, { event: 'passkey.added', data: { credentialId } })
}

/** Implements {@link PasskeyStorage.listPasskeys}: oldest first. */
export async function listPasskeys(statement: Statement, userId: string): Promise<Passkey[]> {
  const rows = await statement.db
    .selectFrom('passkey')
    .selectAll()
    .where('user_id', '=', userIdOf(statement, userId))
    .orderBy('created_at')
    .orderBy('credential_id')
    .execute()
  return rows.map(toPasskey)
}

/** Implements {@link PasskeyStorage.findPasskey}: includes the user, whatever their status. */
export async function findPasskey(statement: Statement, credentialId: string): Promise<FoundPasskey | undefined> {
  const row = await users(statement)
    .innerJoin('passkey as p', 'p.user_id', 'u.id')
    .select([
      'p.credential_id',
      'p.name',
      'p.transports',
      'p.counter',
      'p.created_at',
      'p.last_used_at',
      'p.public_key',
    ])
    .where('p.credential_id', '=', credentialId)
    .executeTakeFirst()
  if (!row) return undefined
  return { user: toUser(row), passkey: { ...toPasskey(row), publicKey: Uint8Array.from(row.public_key) } }
}

/** Implements {@link PasskeyStorage.usePasskey}: returns false and writes an audit event if the counter did not increase. */
export async function usePasskey(unit: Unit, use: { credentialId: string; counter: number }): Promise<boolean> {
  const { db, now } = unit
  const used = await db
    .updateTable('passkey')
    .set({ counter: use.counter, last_used_at: now })
    .where('credential_id', '=', use.credentialId)
    .where((e) => e.or([e('counter', '<', use.counter), e.and([e('counter', '=', 0), e.lit(use.counter === 0)])]))
    .returning('credential_id')
    .executeTakeFirst()
  if (used) return true
  const row = await db
    .selectFrom('passkey')
    .select(['user_id', 'counter'])
    .where('credential_id', '=', use.credentialId)
    .executeTakeFirst()
  if (row) {
    const data = { ...use, stored: row.counter }
    await writeEvent(unit, { event: 'passkey.counter_went_back', userId: row.user_id, data })
  }
  return false
}

/** Implements {@link PasskeyStorage.removePasskey}: `changed` if the user's record has changed since it was read. */
export async function removePasskey(unit: Unit, removal: PasskeyRemoval): Promise<RemovedPasskey> {
  const { credentialId, by } = removal
  const user = by === undefined ? await lockAsRead(unit, removal) : await lockUser(unit, removal.userId)
  if (!user) return by === undefined ? 'changed' : 'unknown'
  const removed = await unit.db
    .deleteFrom('passkey')
    .where('credential_id', '=', credentialId)
    .where('user_id', '=', user.id)
    .returning('user_id')
    .executeTakeFirst()
  if (!removed) return 'unknown'
  await recordCredentialChange(unit, user.id, { event: 'passkey.removed', by, data: { credentialId } })
  return 'removed'
}

function toPasskey(row: Omit<Row<'passkey'>, 'user_id' | 'public_key'>): Passkey {
  return {
    credentialId: row.credential_id,
    name: row.name,
    transports: JSON.parse(row.transports),
    counter: row.counter,
    createdAt: row.created_at,
    lastUsedAt: row.last_used_at,
  }
}
