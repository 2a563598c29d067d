import { sql } from 'kysely'
import { type Factor, probation, provingFactors } from '../api/account-storage.js'
import type { Statement } from '../sql/engine.js'
import { userIdOf } from './users.js'

export async function listFactors(statement: Statement, userId: string): Promise<Factor[]> {
  const { db } = statement
  const user = userIdOf(statement, userId)
  const passwords = db
    .selectFrom('credential')
    .select([sql.lit('password' as Factor['kind']).as('kind'), sql.lit('').as('id'), 'added_at as addedAt'])
    .where('user_id', '=', user)
  const passkeys = db
    .selectFrom('passkey')
    .select([sql.lit('passkey' as Factor['kind']).as('kind'), 'credential_id as id', 'created_at as addedAt'])
    .where('user_id', '=', user)
  const identities = db
    .selectFrom('federated_identity')
    .select([sql.lit('identity' as Factor['kind']).as('kind'), sql.lit('').as('id'), 'created_at as addedAt'])
    .where('user_id', '=', user)
  return passwords.unionAll(passkeys).unionAll(identities).execute()
}

/** Whether a factor that was added at a time proves who its user is; reads only where it is new. */
export async function factorProves(
  statement: Statement & { now: number },
  userId: string,
  addedAt: number,
): Promise<boolean> {
  if (statement.now - addedAt >= probation) return true
  const factors = await listFactors(statement, userId)
  return provingFactors(factors, statement.now).some((factor) => factor.addedAt === addedAt)
}
