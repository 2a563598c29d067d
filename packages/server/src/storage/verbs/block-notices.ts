import type { AgentStorage } from '../api/agent-storage.js'
import { queueNotice, writeEvent } from '../rows/audit.js'
import { isOnHost } from '../rows/identifiers.js'
import type { Unit } from '../sql/engine.js'
import type { Row } from '../sql/tables.js'

/** The maximum number of users that one transaction considers. */
const page = 500

/**
 * Implements {@link AgentStorage.notifyOfBlocks}. Users are considered in the order of their ids, so that a block notifies each of them once.
 * Of several blocks, the one that has come least far continues, so that none waits for another one that affects many users.
 */
export async function notifyOfBlocks(
  unit: Unit,
  { most, emails }: Parameters<AgentStorage['notifyOfBlocks']>[0],
): Promise<boolean> {
  const { db } = unit
  const announced = db
    .selectFrom('agent as a')
    .select(['a.id', 'a.identifier', 'a.notified_up_to'])
    .where('a.notified_up_to', 'is not', null)
    .orderBy('a.notified_up_to')
    .orderBy('a.id')
    .limit(1)
  const agent = await unit.locking(announced, { a: 'alone' }, 'passing').executeTakeFirst()
  if (!agent) return false
  const room = emails ? most - (await countWaiting(unit)) : most
  if (room <= 0) return false
  const users = await considerUsers(unit, agent)
  const affected = users.filter(({ isAffected }) => isAffected).slice(0, room)
  for (const { id: userId } of affected) {
    await writeEvent(unit, { event: 'access.blocked', userId, agentId: agent.id })
    if (emails) await queueNotice(unit, userId, 'agent_blocked', { about: { agent: agent.identifier } })
  }
  const last = affected.length === room ? affected.at(-1) : users.length === page ? users.at(-1) : undefined
  await db
    .updateTable('agent')
    .set({ notified_up_to: last?.id ?? null })
    .where('id', '=', agent.id)
    .execute()
  return true
}

/** Returns how many emails about blocks have not been sent. */
async function countWaiting({ db }: Unit): Promise<number> {
  const { count } = await db
    .selectFrom('email')
    .select((e) => e.fn.countAll().as('count'))
    .where('due_at', 'is not', null)
    .where('kind', '=', 'agent_blocked')
    .executeTakeFirstOrThrow()
  return Number(count)
}

/** Returns the next users, and whether they give access to the agent, or to one on the host. */
async function considerUsers(
  { db, now }: Unit,
  { id, notified_up_to }: Pick<Row<'agent'>, 'id' | 'notified_up_to'>,
): Promise<{ id: number; isAffected: boolean }[]> {
  const users = db
    .selectFrom('app_user')
    .select(['id', 'disabled_at'])
    .where('id', '>', notified_up_to)
    .orderBy('id')
    .limit(page)
  const rows = await db
    .selectFrom(users.as('u'))
    .select(['u.id', 'u.disabled_at'])
    .select((e) =>
      e
        .exists(
          e
            .selectFrom('consent_grant as g')
            .innerJoin('agent as a', 'a.id', 'g.agent_id')
            .innerJoin('agent as h', (join) => join.on('h.id', '=', id))
            .select('g.id')
            .whereRef('g.user_id', '=', 'u.id')
            .where('g.revoked_at', 'is', null)
            .where((or) => or.or([or('g.expires_at', 'is', null), or('g.expires_at', '>', now)]))
            .where((or) => or.or([or('a.id', '=', id), isOnHost])),
        )
        .as('gives'),
    )
    .orderBy('u.id')
    .execute()
  return rows.map((row) => ({ id: row.id, isAffected: row.disabled_at === null && Boolean(row.gives) }))
}
