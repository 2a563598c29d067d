import { refusedRows } from '../refused-rows.js'
import type { AttemptCount, Device } from '../throttle-storage.js'
import type { MemoryUnit } from './tables.js'

export function countAttempt(
  { tables, now }: MemoryUnit,
  { key, window }: { key: string; window: number },
): AttemptCount {
  const before = tables.attempts.get(key)
  const attempt =
    before && before.resetAt > now
      ? { count: before.count + 1, resetAt: before.resetAt }
      : { count: 1, resetAt: now + window }
  tables.attempts.set(key, attempt)
  return { ...attempt }
}

/** Counts a refusal; whether enough of them stand in the audit. */
export function isOneTooMany(unit: MemoryUnit, refused: string): boolean {
  return countAttempt(unit, { key: refused, window: refusedRows.window }).count > refusedRows.most
}

export function forgiveAttempt({ tables }: MemoryUnit, key: string): void {
  const attempt = tables.attempts.get(key)
  if (attempt && attempt.count > 0) attempt.count -= 1
}

export function clearAttempts({ tables }: MemoryUnit, key: string): void {
  tables.attempts.delete(key)
}

export function rememberDevice({ tables, now }: MemoryUnit, device: Device): void {
  tables.devices.set(keyOf(device), { userId: device.userId, lastSeenAt: now })
}

export function isKnownDevice({ tables }: MemoryUnit, device: Device): boolean {
  return tables.devices.has(keyOf(device))
}

function keyOf({ userId, browserHash }: Device): string {
  return JSON.stringify([userId, browserHash])
}
