import type { SelectQueryBuilder } from 'kysely'
import type { AgentToken } from '../api/agent-storage.js'
import type { IssuedElsewhere, ReceivedRevocation, RecordedPoll } from '../api/received-revocation-storage.js'
import type { NewAuthRequest } from '../api/request-storage.js'
import { StorageError } from '../api/storage-error.js'
import { writeEvent } from '../rows/audit.js'
import { agentIdOf, resourceIdOf } from '../rows/identifiers.js'
import { auditDelegate, requestParties } from '../rows/requests.js'
import type { Statement, Unit } from '../sql/engine.js'
import { cachedInsertion, cachedQuery, hashBytes, type Placeholders } from '../sql/kept-query.js'
import type { Row, Tables } from '../sql/tables.js'
import { retryDeliveries, revokeIssues } from './deliveries.js'

/** Implements {@link ReceivedRevocationStorage.recordRevocation}. */
export async function recordRevocation(unit: Unit, revocation: ReceivedRevocation): Promise<boolean> {
  const { issuer, jti, expiresAt, most } = revocation
  await unit.exclusive(`revocations by ${issuer}`)
  const isRepeated = await isRevoked(unit, revocation)
  if (!isRepeated) {
    if ((await countRecorded(unit, issuer, most)) >= most) return false
    await unit.db.insertInto('received_revocation').values({ issuer, jti, expires_at: expiresAt }).execute()
  }
  // Whatever uses a token holds a lock on its issuer's row. It is either seen below, or sees the revocation.
  await unit.lockRows('alone', agentIdOf(unit, issuer))
  await unit.lockRows('alone', resourceIdOf(unit, issuer))
  await endRequests(unit, revocation)
  const [token] = await agentTokenOf(unit, { issuer, jti })
  if (!token) return true
  const agent = { edition: revocation.edition, agent: issuer, delegate: token.delegate, by: issuer }
  await revokeIssues(unit, agent)
  if (isRepeated) await retryDeliveries(unit, agent)
  return true
}

async function countRecorded({ db }: Unit, issuer: string, most: number): Promise<number> {
  const recorded = db.selectFrom('received_revocation').select('jti').where('issuer', '=', issuer).limit(most)
  const { count } = await db
    .selectFrom(recorded.as('r'))
    .select((e) => e.fn.countAll().as('count'))
    .executeTakeFirstOrThrow()
  return Number(count)
}

/** Implements {@link ReceivedRevocationStorage.isRevoked}. */
export async function isRevoked(statement: Statement, { issuer, jti }: IssuedElsewhere): Promise<boolean> {
  return (await found(statement, { issuer, jti })).length > 0
}

const found = cachedQuery(({ db }, token: Placeholders<IssuedElsewhere>) =>
  revocationOf(db.selectFrom('received_revocation'), token),
)

function revocationOf<O>(
  revocations: SelectQueryBuilder<Tables, 'received_revocation', O>,
  { issuer, jti }: Placeholders<IssuedElsewhere>,
) {
  return revocations.select('jti').where('issuer', '=', issuer).where('jti', '=', jti)
}

const agentTokenOf = cachedQuery(({ db }, { issuer, jti }: Placeholders<IssuedElsewhere>) =>
  db.selectFrom('agent_token').select('delegate').where('issuer', '=', issuer).where('jti', '=', jti),
)

/** Ends the requests that depend on a token, unless their tokens were delivered: the code of an allowed one can no longer be redeemed. */
async function endRequests(unit: Unit, { issuer, jti, edition }: ReceivedRevocation): Promise<void> {
  const { db, now } = unit
  const dependent = db
    .selectFrom('auth_request')
    .select('id')
    .where('id', 'in', (e) =>
      e.selectFrom('request_token').select('request_id').where('issuer', '=', issuer).where('jti', '=', jti),
    )
    .where('edition', '=', edition)
    .where('status', 'in', ['open', 'allowed'])
    .where('answered_at', 'is', null)
  await unit.lockRows('alone', dependent.orderBy('id'))
  const undelivered = await db
    .updateTable('code')
    .set({ consumed_at: now })
    .where('request_id', 'in', dependent)
    .where('consumed_at', 'is', null)
    .returning('request_id')
    .execute()
  const ended = await db
    .updateTable('auth_request')
    .set({ status: 'revoked' })
    .where('id', 'in', dependent)
    .where((e) =>
      e.or([
        e.and([e('status', '=', 'open'), e('expires_at', '>', now)]),
        e('id', 'in', [0, ...undelivered.map(({ request_id: id }) => id)]),
      ]),
    )
    .returning(['public_id', 'user_id', 'agent_id', 'resource_id', 'delegate'])
    .execute()
  for (const row of ended)
    await writeEvent(unit, {
      event: 'request.revoked',
      ...requestParties(row),
      data: { by: issuer, ...auditDelegate(row) },
    })
}

/**
 * Records the token with which an agent authenticated. The transaction holds a lock on the agent's row.
 *
 * @throws StorageError `token_revoked`
 */
export async function useAgentToken(
  unit: Unit,
  { agent, delegate }: Pick<NewAuthRequest, 'agent' | 'delegate'>,
  { jti, expiresAt }: AgentToken,
): Promise<void> {
  const [used] = await use(unit, { issuer: agent, jti, delegate, expires_at: expiresAt })
  if (!used) throw tokenRevoked('the token with which the agent authenticated was revoked')
}

/** Inserts a token, or updates it, unless it is revoked. */
const use = cachedQuery(({ db }, token: Placeholders<Row<'agent_token'>>) =>
  db
    .insertInto('agent_token')
    .columns(['issuer', 'jti', 'delegate', 'expires_at'])
    .expression(
      db
        .selectNoFrom([
          token.issuer.as('issuer'),
          token.jti.as('jti'),
          token.delegate.as('delegate'),
          token.expires_at.as('expires_at'),
        ])
        .where((e) => e.not(e.exists(revocationOf(e.selectFrom('received_revocation'), token)))),
    )
    .onConflict((conflict) =>
      conflict
        .columns(['issuer', 'jti'])
        .doUpdateSet((e) => ({ delegate: e.ref('excluded.delegate'), expires_at: e.ref('excluded.expires_at') })),
    )
    .returning('jti'),
)

/**
 * Records the tokens that a request depends on. The transaction holds locks on the rows of its agent and its resource.
 *
 * @throws StorageError `token_revoked`
 */
export async function recordDependencies(unit: Unit, request: NewAuthRequest, requestId: number): Promise<void> {
  const { agent, agentToken, resource, resourceTokenId } = request
  if (agentToken) await useAgentToken(unit, request, agentToken)
  const ofResource = resourceTokenId === undefined ? undefined : { issuer: resource, jti: resourceTokenId }
  if (ofResource && (await isRevoked(unit, ofResource)))
    throw tokenRevoked('the token with which the resource asked for the request was revoked')
  const tokens = [ofResource, agentToken && { issuer: agent, jti: agentToken.jti }]
  const rows = tokens.flatMap((token) => (token ? [{ ...token, request_id: requestId }] : []))
  if (rows.length > 0) await dependencyInsertion(unit, rows)
}

/** Implements {@link ReceivedRevocationStorage.recordPoll}. */
export async function recordPoll(unit: Unit, { pollHash, agentToken, ...poller }: RecordedPoll): Promise<void> {
  await unit.lockRows('shared', agentIdOf(unit, poller.agent))
  await useAgentToken(unit, poller, agentToken)
  const polled = unit.db.selectFrom('auth_request').select('id').where('poll_hash', '=', hashBytes(pollHash))
  const row = await polled.executeTakeFirst()
  if (row) await dependencyInsertion(unit, [{ issuer: poller.agent, jti: agentToken.jti, request_id: row.id }])
}

const dependencyInsertion = cachedInsertion('request_token', (insertion) =>
  insertion.onConflict((conflict) => conflict.doNothing()),
)

function tokenRevoked(what: string): StorageError {
  return new StorageError('token_revoked', what)
}
