import type { Binding, BindingFilter, BindingRemoval, BoundAgent } from '../api/binding-storage.js'
import { StorageError } from '../api/storage-error.js'
import { writeEvent } from '../rows/audit.js'
import { agentIdOf } from '../rows/identifiers.js'
import { auditDelegate } from '../rows/requests.js'
import { lockUser, userIdOf } from '../rows/users.js'
import type { Parts, Statement, Unit } from '../sql/engine.js'
import { cachedInsertion, cachedQuery, idText, type Placeholders } from '../sql/kept-query.js'
import type { Row } from '../sql/tables.js'
import { revokeGrants } from './grants.js'

/** The columns of a request or grant that identify an agent. */
type AgentColumns = Pick<Row<'consent_grant'>, 'edition' | 'agent_id' | 'delegate'>

/** Maximum number of attempts to bind an agent while others bind and unbind it. */
const tries = 3

/**
 * Binds the agent of a request to a user, unless it is already bound. Returns false if it is bound to another user. The transaction holds the
 * lock on the user.
 */
export async function bindAgent(unit: Unit, { edition, agent_id, delegate }: AgentColumns, userId: number) {
  const key = { edition, agent_id, delegate: delegate ?? '' }
  for (let left = tries; left > 0; left -= 1) {
    const [bound] = await bindingInsertion(unit, [{ ...key, user_id: userId, bound_at: unit.now }])
    if (bound) {
      await requireForOpen(unit, { edition, agent_id, delegate }, userId)
      await writeEvent(unit, {
        event: 'agent.bound',
        userId,
        agentId: agent_id,
        data: { edition, ...auditDelegate({ delegate }) },
      })
      return true
    }
    const [found] = await bindingOf(unit, key)
    if (found) return found.user_id === userId
  }
  throw new StorageError('unavailable', 'the agent was bound and unbound in the meantime')
}

/** From now on, the agent's requests that no user has opened yet require the user to whom it was bound. */
async function requireForOpen({ db, now }: Unit, { edition, agent_id, delegate }: AgentColumns, userId: number) {
  await db
    .updateTable('auth_request')
    .set({ required_user_id: userId })
    .where('agent_id', '=', agent_id)
    .where('delegate', 'is not distinct from', delegate)
    .where('status', '=', 'open')
    .where('expires_at', '>', now)
    .where('edition', '=', edition)
    .where('binds_agent', '=', 1)
    .where('browser_hash', 'is', null)
    .where('required_user_id', 'is', null)
    .execute()
}

const bindingInsertion = cachedInsertion('agent_binding', (insertion) =>
  insertion.onConflict((conflict) => conflict.doNothing()).returning('user_id'),
)

const bindingOf = cachedQuery(
  ({ db }, key: Placeholders<Pick<Row<'agent_binding'>, 'edition' | 'agent_id' | 'delegate'>>) =>
    db
      .selectFrom('agent_binding')
      .select('user_id')
      .where('edition', '=', key.edition)
      .where('agent_id', '=', key.agent_id)
      .where('delegate', '=', key.delegate),
)

/** Bindings with the user and the agent. The caller narrows the query. */
function bindings({ db }: Pick<Parts, 'db'>) {
  return db
    .selectFrom('agent_binding as b')
    .innerJoin('app_user as u', 'u.id', 'b.user_id')
    .innerJoin('agent as a', 'a.id', 'b.agent_id')
    .select(['b.edition', 'a.identifier as agent', 'b.delegate', 'u.public_id as user', 'b.bound_at'])
}

type FoundBinding = Awaited<ReturnType<ReturnType<typeof bindings>['executeTakeFirstOrThrow']>>

function toBinding({ edition, agent, delegate, user, bound_at }: FoundBinding): Binding {
  return { edition, agent, delegate: delegate === '' ? null : delegate, userId: idText(user), boundAt: bound_at }
}

const named = cachedQuery((parts, of: Placeholders<{ edition: string; agent: string; delegate: string }>) =>
  bindings(parts)
    .where('b.edition', '=', of.edition)
    .where('a.identifier', '=', of.agent)
    .where('b.delegate', '=', of.delegate),
)

/** Implements {@link BindingStorage.findBinding}. */
export async function findBinding(
  statement: Statement,
  { edition, agent, delegate }: BoundAgent,
): Promise<Binding | undefined> {
  const [row] = await named(statement, { edition, agent, delegate: delegate ?? '' })
  return row && toBinding(row)
}

/** Implements {@link BindingStorage.listBindings}. */
export async function listBindings(
  statement: Statement,
  { userId, agent, limit = 100 }: BindingFilter,
): Promise<Binding[]> {
  let found = bindings(statement).where('b.user_id', '=', userIdOf(statement, userId))
  if (agent !== undefined) found = found.where('a.identifier', '=', agent)
  const rows = await found.orderBy('b.bound_at', 'desc').orderBy('b.delegate').limit(limit).execute()
  return rows.map(toBinding)
}

/** Implements {@link BindingStorage.removeBinding}. */
export async function removeBinding(unit: Unit, removal: BindingRemoval): Promise<boolean> {
  const { userId, edition, agent, delegate, by } = removal
  const user = await lockUser(unit, userId)
  if (!user) return false
  const removed = await unit.db
    .deleteFrom('agent_binding')
    .where('user_id', '=', user.id)
    .where('edition', '=', edition)
    .where('agent_id', '=', agentIdOf(unit, agent))
    .where('delegate', '=', delegate ?? '')
    .returning('agent_id')
    .executeTakeFirst()
  if (!removed) return false
  const requests = await endRequests(unit, { edition, agent_id: removed.agent_id, delegate })
  const grants = await revokeGrants(unit, { userId, edition, agent, delegate, by })
  const data = { by, edition, ...auditDelegate({ delegate }), grants, requests }
  await writeEvent(unit, { event: 'agent.unbound', userId: user.id, agentId: removed.agent_id, data })
  return true
}

/** Lets an agent act for no one if it has no grant left from its user, not even an ended one. The transaction holds the lock on the user. */
export async function removeUnusedBinding(
  { db }: Unit,
  { edition, agent_id, delegate, user_id }: AgentColumns & Pick<Row<'consent_grant'>, 'user_id'>,
): Promise<void> {
  await db
    .deleteFrom('agent_binding')
    .where('edition', '=', edition)
    .where('agent_id', '=', agent_id)
    .where('delegate', '=', delegate ?? '')
    .where('user_id', '=', user_id)
    .where((e) =>
      e.not(
        e.exists(
          e
            .selectFrom('consent_grant')
            .select('id')
            .where('user_id', '=', user_id)
            .where('agent_id', '=', agent_id)
            .where('edition', '=', edition)
            .where('delegate', 'is not distinct from', delegate),
        ),
      ),
    )
    .execute()
}

/** Ends an agent's open requests, in all editions or in one, and returns how many there were. */
export async function endRequests(
  { db, now }: Unit,
  { edition, agent_id, delegate }: Partial<Pick<AgentColumns, 'edition'>> & Omit<AgentColumns, 'edition'>,
): Promise<number> {
  let open = db
    .updateTable('auth_request')
    .set({ status: 'revoked' })
    .where('agent_id', '=', agent_id)
    .where('delegate', 'is not distinct from', delegate)
    .where('status', '=', 'open')
    .where('expires_at', '>', now)
  if (edition !== undefined) open = open.where('edition', '=', edition)
  const { numUpdatedRows } = await open.executeTakeFirst()
  return Number(numUpdatedRows)
}
