import { writeEvent } from '../audit/audit.js'
import { doneBy } from '../audit/done-by.js'
import type { SigningKeyRow } from '../engines/tables.js'
import type { Unit } from '../engines/unit.js'
import { StorageError } from '../storage-error.js'
import type { KeyMove, MoveOptions, NewKey, StoredKey } from './key-storage.js'
import { requireForward } from './require-forward.js'

export async function listKeys({ db, tenant }: Unit): Promise<StoredKey[]> {
  const rows = await db
    .selectFrom('signing_key')
    .selectAll()
    .where('tenant_id', '=', tenant)
    .orderBy('created_at')
    .orderBy('kid')
    .execute()
  return rows.map(toKey)
}

export async function addKey(unit: Unit, key: NewKey, by?: string): Promise<StoredKey> {
  const stored = await insert(unit, key)
  await writeEvent(unit, {
    event: 'key.added',
    data: { kid: key.kid, purpose: key.purpose, state: key.state, ...doneBy(by) },
  })
  return stored
}

export async function createKeysIfNone(unit: Unit, keys: readonly NewKey[]): Promise<StoredKey[]> {
  const stored = await listKeys(unit)
  if (stored.length > 0) return stored
  for (const key of keys) await insert(unit, key)
  await writeEvent(unit, {
    event: 'keys.created',
    data: Object.fromEntries(keys.map(({ kid, state }) => [kid, state])),
  })
  return listKeys(unit)
}

async function insert({ db, tenant, now }: Unit, key: NewKey): Promise<StoredKey> {
  const inserted = await db
    .insertInto('signing_key')
    .values({
      tenant_id: tenant,
      kid: key.kid,
      purpose: key.purpose,
      alg: key.alg,
      private: key.private,
      public_jwk: key.publicJwk && JSON.stringify(key.publicJwk),
      state: key.state,
      not_before: key.notBefore ?? null,
      retire_at: key.retireAt ?? null,
      created_at: now,
    })
    .onConflict((conflict) => conflict.columns(['tenant_id', 'kid']).doNothing())
    .returningAll()
    .executeTakeFirst()
  if (!inserted) throw new TypeError('a key id is used twice')
  return toKey(inserted)
}

export async function moveKeys(
  unit: Unit,
  moves: readonly KeyMove[],
  { add, by }: MoveOptions = {},
): Promise<StoredKey[]> {
  const { db, tenant } = unit
  requireForward(moves)
  for (const { kid, from, to, retireAt } of moves) {
    const moved = await db
      .updateTable('signing_key')
      .set({
        state: to,
        ...(retireAt !== undefined && { retire_at: retireAt }),
        ...(to === 'gone' && { private: null }),
      })
      .where('tenant_id', '=', tenant)
      .where('kid', '=', kid)
      .where('state', '=', from)
      .returning('kid')
      .executeTakeFirst()
    if (!moved) throw new StorageError('keys_changed', 'a key is not in the state it is moved from')
  }
  await writeEvent(unit, {
    event: 'keys.rotated',
    data: { ...Object.fromEntries(moves.map(({ kid, from, to }) => [kid, `${from} → ${to}`])), ...doneBy(by) },
  })
  if (add) await addKey(unit, add, by)
  return listKeys(unit)
}

function toKey(row: SigningKeyRow): StoredKey {
  return {
    kid: row.kid,
    purpose: row.purpose,
    alg: row.alg,
    private: row.private,
    publicJwk: row.public_jwk === null ? null : JSON.parse(row.public_jwk),
    state: row.state,
    notBefore: row.not_before,
    retireAt: row.retire_at,
    createdAt: row.created_at,
  }
}
