import type { IssuedElsewhere, ReceivedRevocation } from '../api/received-revocation-storage.js'
import type { Statement, Unit } from '../sql/engine.js'
import { cachedQuery, type Placeholders } from '../sql/kept-query.js'

/** Implements {@link ReceivedRevocationStorage.recordRevocation}. */
export async function recordRevocation(unit: Unit, revocation: ReceivedRevocation): Promise<boolean> {
  const { issuer, jti, expiresAt, most } = revocation
  await unit.exclusive(`revocations by ${issuer}`)
  if (await isRevoked(unit, revocation)) return true
  const { db } = unit
  const recorded = db.selectFrom('received_revocation').select('jti').where('issuer', '=', issuer).limit(most)
  const { count } = await db
    .selectFrom(recorded.as('r'))
    .select((e) => e.fn.countAll().as('count'))
    .executeTakeFirstOrThrow()
  if (Number(count) >= most) return false
  await db.insertInto('received_revocation').values({ issuer, jti, expires_at: expiresAt }).execute()
  return true
}

/** Implements {@link ReceivedRevocationStorage.isRevoked}. */
export async function isRevoked(statement: Statement, { issuer, jti }: IssuedElsewhere): Promise<boolean> {
  return (await found(statement, { issuer, jti })).length > 0
}

const found = cachedQuery(({ db }, { issuer, jti }: Placeholders<IssuedElsewhere>) =>
  db.selectFrom('received_revocation').select('expires_at').where('issuer', '=', issuer).where('jti', '=', jti),
)
