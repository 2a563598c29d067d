import type { RemovedPasskey } from '../api/passkey-storage.js'
import type {
  NewSecondFactor,
  SecondFactor,
  SecondFactorRemoval,
  SecondFactorStorage,
  SecondFactorUse,
  UsedSecondFactor,
} from '../api/second-factor-storage.js'
import { writeEvent } from '../rows/audit.js'
import { lockAsRead, lockUser } from '../rows/users.js'
import type { Statement, Unit } from '../sql/engine.js'
import { cachedQuery, hashBytes, idBytes, type Placeholders } from '../sql/kept-query.js'
import { recordCredentialChange } from './sessions.js'
import { attemptWithinLimits, clearAttempts } from './throttle.js'

/** Implements {@link SecondFactorStorage.findSecondFactor}. */
export async function findSecondFactor(statement: Statement, userId: string): Promise<SecondFactor | undefined> {
  const [row] = await secondFactorOf(statement, { user: idBytes(userId) })
  return row && { sealedSecret: row.secret, addedAt: row.added_at, recoveryCodes: Number(row.recovery_codes) }
}

const secondFactorOf = cachedQuery(({ db }, { user }: Placeholders<{ user: Uint8Array }>) =>
  db
    .selectFrom('second_factor as f')
    .select(['f.secret', 'f.added_at'])
    .select((e) =>
      e
        .selectFrom('recovery_code as r')
        .select((of) => of.fn.countAll().as('left'))
        .whereRef('r.user_id', '=', 'f.user_id')
        .as('recovery_codes'),
    )
    .where('f.user_id', '=', db.selectFrom('app_user').select('id').where('public_id', '=', user)),
)

/** Implements {@link SecondFactorStorage.setSecondFactor}. */
export async function setSecondFactor(unit: Unit, factor: NewSecondFactor): Promise<number | undefined> {
  const { db, now } = unit
  const user = await lockAsRead(unit, factor)
  if (!user) return undefined
  const replaced = await removeRows(unit, user.id)
  const { sealedSecret: secret, usedStep: used_step } = factor
  await db.insertInto('second_factor').values({ user_id: user.id, secret, added_at: now, used_step }).execute()
  await addRecoveryCodes(unit, user.id, factor.recoveryHashes)
  return recordCredentialChange(unit, user.id, { event: 'factor.added', data: { replaced } })
}

/** Implements {@link SecondFactorStorage.replaceRecoveryCodes}. */
export async function replaceRecoveryCodes(
  unit: Unit,
  codes: Parameters<SecondFactorStorage['replaceRecoveryCodes']>[0],
): Promise<number | undefined> {
  const user = await lockAsRead(unit, codes)
  const factor = user && (await findSecondFactor(unit, codes.userId))
  if (!factor) return undefined
  await unit.db.deleteFrom('recovery_code').where('user_id', '=', user.id).execute()
  await addRecoveryCodes(unit, user.id, codes.recoveryHashes)
  return recordCredentialChange(unit, user.id, { event: 'factor.codes_replaced' })
}

async function addRecoveryCodes({ db }: Unit, userId: number, hashes: readonly string[]): Promise<void> {
  const rows = hashes.map((hash) => ({ user_id: userId, code_hash: hashBytes(hash) }))
  await db.insertInto('recovery_code').values(rows).execute()
}

/** Implements {@link SecondFactorStorage.removeSecondFactor}. */
export async function removeSecondFactor(unit: Unit, removal: SecondFactorRemoval): Promise<RemovedPasskey> {
  const { by } = removal
  const user = by === undefined ? await lockAsRead(unit, removal) : await lockUser(unit, removal.userId)
  if (!user) return by === undefined ? 'changed' : 'unknown'
  if (!(await removeRows(unit, user.id))) return 'unknown'
  await recordCredentialChange(unit, user.id, { event: 'factor.removed', by })
  return 'removed'
}

/** Returns whether there was a factor. */
async function removeRows({ db }: Unit, userId: number): Promise<boolean> {
  await db.deleteFrom('recovery_code').where('user_id', '=', userId).execute()
  const removed = await db.deleteFrom('second_factor').where('user_id', '=', userId).returning('user_id').execute()
  return removed.length > 0
}

/** Implements {@link SecondFactorStorage.useSecondFactor}. */
export async function useSecondFactor(unit: Unit, use: SecondFactorUse): Promise<UsedSecondFactor> {
  const user = await lockAsRead(unit, use)
  if (!user) return { outcome: 'changed' }
  const accepted = await attemptWithinLimits(unit, use.limits, () => acceptCode(unit, user.id, use))
  if (typeof accepted === 'object') return { outcome: 'throttled', reached: accepted }
  if (!accepted) return { outcome: 'wrong' }
  await clearAttempts(unit, use.own)
  return { outcome: 'used' }
}

async function acceptCode(unit: Unit, userId: number, { sealedSecret, step, recoveryHash }: SecondFactorUse) {
  const { db } = unit
  if (step !== undefined) {
    const used = await db
      .updateTable('second_factor')
      .set({ used_step: step })
      .where('user_id', '=', userId)
      .where('secret', '=', sealedSecret)
      .where('used_step', '<', step)
      .returning('user_id')
      .executeTakeFirst()
    return used !== undefined
  }
  const used = await db
    .deleteFrom('recovery_code')
    .where('user_id', '=', userId)
    .where('code_hash', '=', hashBytes(recoveryHash))
    .returning('user_id')
    .executeTakeFirst()
  if (used) await writeEvent(unit, { event: 'factor.code_used', userId })
  return used !== undefined
}
