import { isCounterForward } from '../is-counter-forward.js'
import type { FoundPasskey, NewPasskey, Passkey } from '../passkey-storage.js'
import { findUser } from './accounts.js'
import { writeEvent } from './audit.js'
import type { MemoryUnit, StoredPasskey } from './tables.js'

export function addPasskey(unit: MemoryUnit, passkey: NewPasskey): boolean {
  const { tables, now } = unit
  const { userId, credentialId, publicKey, counter, transports = [], name } = passkey
  if (tables.users.get(userId)?.user.status !== 'active') throw new TypeError('a passkey needs an active user')
  if (tables.passkeys.has(credentialId)) return false
  tables.passkeys.set(credentialId, {
    userId,
    credentialId,
    publicKey: Uint8Array.from(publicKey),
    counter,
    transports: [...transports],
    name: name ?? null,
    createdAt: now,
    lastUsedAt: null,
  })
  writeEvent(unit, { event: 'passkey.added', userId, data: { credentialId } })
  return true
}

export function listPasskeys({ tables }: MemoryUnit, userId: string): Passkey[] {
  return [...tables.passkeys.values()].filter((passkey) => passkey.userId === userId).map(toPasskey)
}

export function findPasskey(unit: MemoryUnit, credentialId: string): FoundPasskey | undefined {
  const stored = unit.tables.passkeys.get(credentialId)
  const user = stored && findUser(unit, stored.userId)
  return user && { user, passkey: { ...toPasskey(stored), publicKey: stored.publicKey.slice() } }
}

export function usePasskey(unit: MemoryUnit, use: { credentialId: string; counter: number }): boolean {
  const stored = unit.tables.passkeys.get(use.credentialId)
  if (!stored) return false
  const { userId, counter } = stored
  if (!isCounterForward(counter, use.counter)) {
    writeEvent(unit, { event: 'passkey.counter_went_back', userId, data: { ...use, stored: counter } })
    return false
  }
  stored.counter = use.counter
  stored.lastUsedAt = unit.now
  return true
}

export function removePasskey(
  unit: MemoryUnit,
  { userId, credentialId }: { userId: string; credentialId: string },
): boolean {
  const { passkeys } = unit.tables
  if (passkeys.get(credentialId)?.userId !== userId) return false
  passkeys.delete(credentialId)
  writeEvent(unit, { event: 'passkey.removed', userId, data: { credentialId } })
  return true
}

function toPasskey({ credentialId, name, transports, counter, createdAt, lastUsedAt }: StoredPasskey): Passkey {
  return { credentialId, name, transports: [...transports], counter, createdAt, lastUsedAt }
}
