import { sql } from 'kysely'
import type { ListedSubject, SubjectFilter } from '../api/subject-storage.js'
import type { User } from '../api/user.js'
import { toUser, userIdOf, users } from '../rows/users.js'
import type { Statement } from '../sql/engine.js'
import { idBytes, idText } from '../sql/kept-query.js'

/** Implements {@link SubjectStorage.listSubjects}. */
export async function listSubjects(
  statement: Statement,
  { userId, limit = 100 }: SubjectFilter,
): Promise<ListedSubject[]> {
  const { db } = statement
  const sub = sql<Uint8Array>`coalesce(b.sub, u.sub)`.as('sub')
  const user = userIdOf(statement, userId)
  const [resources, agents] = await Promise.all([
    db
      .selectFrom('resource_subject as b')
      .innerJoin('app_user as u', 'u.id', 'b.user_id')
      .innerJoin('resource as s', 's.id', 'b.resource_id')
      .select(['s.identifier', sub])
      .where('b.user_id', '=', user)
      .orderBy('s.identifier')
      .limit(limit)
      .execute(),
    db
      .selectFrom('agent_subject as b')
      .innerJoin('app_user as u', 'u.id', 'b.user_id')
      .innerJoin('agent as a', 'a.id', 'b.agent_id')
      .select(['a.identifier', sub])
      .where('b.user_id', '=', user)
      .orderBy('a.identifier')
      .limit(limit)
      .execute(),
  ])
  return [
    ...resources.map((row) => ({ kind: 'resource' as const, identifier: row.identifier, sub: idText(row.sub) })),
    ...agents.map((row) => ({ kind: 'agent' as const, identifier: row.identifier, sub: idText(row.sub) })),
  ]
}

/** Implements {@link SubjectStorage.findUserBySubject}. */
export async function findUserBySubject(statement: Statement, sub: string): Promise<User | undefined> {
  const bytes = idBytes(sub)
  const { db } = statement
  const row = await users(statement)
    .where((e) =>
      e.or([
        e('u.sub', '=', bytes),
        e('u.id', 'in', db.selectFrom('resource_subject').select('user_id').where('sub', '=', bytes)),
        e('u.id', 'in', db.selectFrom('agent_subject').select('user_id').where('sub', '=', bytes)),
      ]),
    )
    .executeTakeFirst()
  return row && toUser(row)
}
