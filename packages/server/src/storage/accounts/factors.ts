import { sql } from 'kysely'
import type { Statement } from '../engines/engine.js'
import { userIdOf } from './users.js'

/** Something that a user signs in with. */
export interface Factor {
  kind: 'password' | 'passkey' | 'identity'
  /** The credential's id, of a passkey; else empty. */
  id: string
  /** When it was added, in Unix seconds. */
  addedAt: number
}

/** Seconds during which a new factor signs in, but proves nothing next to an older one. */
const probation = 86_400

/**
 * The factors that prove who the user is: an attacker who takes over a session can add one, so a factor of the last 24 hours does
 * not count while there is an older one (attacks C24).
 */
export function provingFactors(factors: readonly Factor[], now: number): Factor[] {
  const oldest = Math.min(...factors.map(({ addedAt }) => addedAt))
  return factors.filter(({ addedAt }) => now - addedAt >= probation || addedAt === oldest)
}

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
