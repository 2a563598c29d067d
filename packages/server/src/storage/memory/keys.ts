import { doneBy } from '../done-by.js'
import type { KeyMove, MoveOptions, NewKey, StoredKey } from '../key-storage.js'
import { requireForward } from '../require-forward.js'
import { StorageError } from '../storage-error.js'
import { writeEvent } from './audit.js'
import type { MemoryUnit } from './tables.js'

export function listKeys({ tables }: MemoryUnit): StoredKey[] {
  return structuredClone(
    [...tables.keys.values()].sort((a, b) => a.createdAt - b.createdAt || (a.kid < b.kid ? -1 : 1)),
  )
}

export function addKey(unit: MemoryUnit, key: NewKey, by?: string): StoredKey {
  const stored = insert(unit, key)
  writeEvent(unit, {
    event: 'key.added',
    data: { kid: key.kid, purpose: key.purpose, state: key.state, ...doneBy(by) },
  })
  return structuredClone(stored)
}

export function createKeysIfNone(unit: MemoryUnit, keys: readonly NewKey[]): StoredKey[] {
  if (unit.tables.keys.size === 0) {
    if (new Set(keys.map(({ kid }) => kid)).size !== keys.length) throw new TypeError('a key id is used twice')
    for (const key of keys) insert(unit, key)
    writeEvent(unit, { event: 'keys.created', data: Object.fromEntries(keys.map(({ kid, state }) => [kid, state])) })
  }
  return listKeys(unit)
}

function insert({ tables, now }: MemoryUnit, key: NewKey): StoredKey {
  if (tables.keys.has(key.kid)) throw new TypeError('a key id is used twice')
  const { notBefore, retireAt, ...rest } = key
  const stored: StoredKey = {
    ...structuredClone(rest),
    notBefore: notBefore ?? null,
    retireAt: retireAt ?? null,
    createdAt: now,
  }
  tables.keys.set(key.kid, stored)
  return stored
}

export function moveKeys(unit: MemoryUnit, moves: readonly KeyMove[], { add, by }: MoveOptions = {}): StoredKey[] {
  requireForward(moves)
  const { keys } = unit.tables
  if (moves.some(({ kid, from }) => keys.get(kid)?.state !== from)) {
    throw new StorageError('keys_changed', 'a key is not in the state it is moved from')
  }
  if (add && keys.has(add.kid)) throw new TypeError('a key id is used twice')
  for (const { kid, to, retireAt } of moves) {
    const stored = keys.get(kid)
    if (!stored) continue
    stored.state = to
    if (retireAt !== undefined) stored.retireAt = retireAt
    if (to === 'gone') stored.private = null
  }
  writeEvent(unit, {
    event: 'keys.rotated',
    data: { ...Object.fromEntries(moves.map(({ kid, from, to }) => [kid, `${from} → ${to}`])), ...doneBy(by) },
  })
  if (add) addKey(unit, add, by)
  return listKeys(unit)
}
