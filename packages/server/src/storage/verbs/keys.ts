import {
  firstEdition,
  type KeyMove,
  type KeyState,
  type MoveOptions,
  type NewKey,
  type StoredKey,
} from '../api/key-storage.js'
import { StorageError } from '../api/storage-error.js'
import { actorOf, writeEvent } from '../rows/audit.js'
import type { Statement, Unit } from '../sql/engine.js'
import type { Row } from '../sql/tables.js'

export async function listKeys({ db }: Statement): Promise<StoredKey[]> {
  const rows = await db.selectFrom('signing_key').selectAll().orderBy('created_at').orderBy('kid').execute()
  return rows.map(toKey)
}

export async function addKey(unit: Unit, key: NewKey, by?: string): Promise<StoredKey> {
  const stored = await insert(unit, key)
  await writeEvent(unit, {
    event: 'key.added',
    data: { kid: key.kid, purpose: key.purpose, state: key.state, ...actorOf(by) },
  })
  return stored
}

export async function createKeysIfNone(unit: Unit, keys: readonly NewKey[]): Promise<StoredKey[]> {
  await unit.exclusive('keys')
  const stored = await listKeys(unit)
  const [{ edition = firstEdition } = {}] = keys
  if (stored.some((key) => key.edition === edition)) return stored
  for (const key of keys) await insert(unit, key)
  await writeEvent(unit, {
    event: 'keys.created',
    data: Object.fromEntries(keys.map(({ kid, state }) => [kid, state])),
  })
  return listKeys(unit)
}

async function insert({ db, now }: Unit, key: NewKey): Promise<StoredKey> {
  const inserted = await db
    .insertInto('signing_key')
    .values({
      kid: key.kid,
      purpose: key.purpose,
      alg: key.alg,
      private_sealed: key.private,
      public_jwk: key.publicJwk && JSON.stringify(key.publicJwk),
      state: key.state,
      not_before_at: key.notBefore ?? null,
      retire_at: key.retireAt ?? null,
      created_at: now,
      edition: key.edition ?? firstEdition,
    })
    .onConflict((conflict) => conflict.column('kid').doNothing())
    .returningAll()
    .executeTakeFirst()
  if (!inserted) throw new TypeError('the kid of a key is already in use')
  return toKey(inserted)
}

export async function moveKeys(
  unit: Unit,
  moves: readonly KeyMove[],
  { add, by }: MoveOptions = {},
): Promise<StoredKey[]> {
  const { db } = unit
  requireForward(moves)
  for (const { kid, from, to, retireAt } of moves) {
    const moved = await db
      .updateTable('signing_key')
      .set({
        state: to,
        ...(retireAt !== undefined && { retire_at: retireAt }),
        ...(to === 'gone' && { private_sealed: null }),
      })
      .where('kid', '=', kid)
      .where('state', '=', from)
      .returning('kid')
      .executeTakeFirst()
    if (!moved) throw new StorageError('keys_changed', 'a key is no longer in the state from which it should be moved')
  }
  await writeEvent(unit, {
    event: 'keys.rotated',
    data: { ...Object.fromEntries(moves.map(({ kid, from, to }) => [kid, `${from} → ${to}`])), ...actorOf(by) },
  })
  if (add) await addKey(unit, add, by)
  return listKeys(unit)
}

const order: readonly KeyState[] = ['next', 'active', 'retiring', 'gone']

/** @throws TypeError if a key would move backwards or stay in its state, or is listed twice */
function requireForward(moves: readonly KeyMove[]): void {
  for (const { from, to } of moves) {
    if (order.indexOf(to) <= order.indexOf(from)) throw new TypeError(`a key cannot move from ${from} to ${to}`)
  }
  if (new Set(moves.map(({ kid }) => kid)).size !== moves.length)
    throw new TypeError('a key is moved twice in one call')
}

function toKey(row: Row<'signing_key'>): StoredKey {
  return {
    kid: row.kid,
    purpose: row.purpose,
    alg: row.alg,
    private: row.private_sealed,
    publicJwk: row.public_jwk === null ? null : JSON.parse(row.public_jwk),
    state: row.state,
    notBefore: row.not_before_at,
    retireAt: row.retire_at,
    createdAt: row.created_at,
    edition: row.edition,
  }
}
