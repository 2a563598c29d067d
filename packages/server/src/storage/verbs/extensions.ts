import { sql } from 'kysely'
import type { ExtendablePermission, PermissionExtension } from '../api/permission-storage.js'
import { writeEvent } from '../rows/audit.js'
import { permissionsOfGrant } from '../rows/grant-lists.js'
import { grantEnded, lastEnd, lastEndOf, livePermissions, toPermissions } from '../rows/granted-scopes.js'
import { lockAsRead, userIdOf } from '../rows/users.js'
import type { Statement, Unit } from '../sql/engine.js'
import { idBytes, idText } from '../sql/kept-query.js'
import { blockedHosts, hostBlockedAt } from './agents.js'

/** Implements {@link PermissionStorage.listExtendable}. */
export async function listExtendable(
  statement: Statement,
  { userId, grantIds }: { userId: string; grantIds: readonly string[] },
): Promise<ExtendablePermission[]> {
  return (await extendableGrants(statement, userId, grantIds)).flatMap(({ row, extendable }) =>
    extendable.map((permission) => ({ grantId: idText(row.public_id), ...permission })),
  )
}

type Extendable = Omit<ExtendablePermission, 'grantId'>

/** Returns those of a user's grants under which the agent can get tokens, with their permissions that would otherwise expire first. */
async function extendableGrants(statement: Statement, userId: string, grantIds: readonly string[]) {
  if (grantIds.length === 0) return []
  const { db, clock } = statement
  const rows = await db
    .selectFrom('consent_grant as g')
    .innerJoin('agent as a', 'a.id', 'g.agent_id')
    .select(['g.id', 'g.public_id', 'g.user_id', 'g.agent_id', 'g.resource_id', 'g.expires_at', 'g.revoked_at'])
    .select(['g.remembered', 'g.account_remembered', 'a.identifier as agent', permissionsOfGrant.as('permissions')])
    .select(clock.as('read_at'))
    .where('g.user_id', '=', userIdOf(statement, userId))
    .where('g.public_id', 'in', grantIds.map(idBytes))
    .where('a.blocked_at', 'is', null)
    .execute()
  const tokens = await usableTokens(
    statement,
    rows.map(({ id }) => id),
  )
  const hosts = await blockedHosts(
    statement,
    rows.map(({ agent }) => agent),
  )
  return rows
    .filter(({ agent }) => hostBlockedAt(hosts, agent) === null)
    .filter((row) => !grantEnded({ revokedAt: row.revoked_at, expiresAt: row.expires_at }, row.read_at))
    .map((row) => {
      const permissions = toPermissions(row.permissions)
      const held = tokens.filter(({ grant_id: grant }) => grant === row.id)
      const families = held.filter(({ family, scope, expires_at: end }) => {
        const last = lastEndOf(permissions, scope)
        return family !== null && last !== null && end >= last
      })
      const isRemembered = row.remembered === 1 || row.account_remembered === 1
      const outlives = ({ name, expiresAt }: Extendable) =>
        held.some((token) => hasName(token, name) && (token.expires_at > expiresAt || families.includes(token)))
      const extendable = livePermissions(permissions, row.read_at)
        .flatMap(({ name, expiresAt }) => (expiresAt === null ? [] : [{ name, expiresAt }]))
        .filter((permission) => isRemembered || outlives(permission))
      return { row, permissions, families, extendable }
    })
}

function hasName({ scope }: { scope: string }, name: string): boolean {
  return scope.split(' ').includes(name)
}

/** The refresh tokens with which these grants can be used. */
async function usableTokens({ db, clock }: Statement, grants: readonly number[]) {
  if (grants.length === 0) return []
  return db
    .selectFrom('refresh_token')
    .select(['id', 'grant_id', 'scope', 'expires_at', 'family'])
    .where('grant_id', 'in', grants)
    .where('revoked_at', 'is', null)
    .where('idle_expires_at', '>', clock)
    .execute()
}

/** Implements {@link PermissionStorage.extendPermissions}. */
export async function extendPermissions(unit: Unit, extension: PermissionExtension): Promise<boolean> {
  const { db, now } = unit
  const { userId, grantId, permissions: seen, lifetime, refreshLifetime } = extension
  // Until the end of the transaction, nothing is issued under the user's grants, and none is replaced or revoked.
  if (!(await lockAsRead(unit, extension))) return false
  const [grant] = await extendableGrants(unit, userId, [grantId])
  const isAsSeen = seen.every(({ name, expiresAt }) =>
    grant?.extendable.some((permission) => permission.name === name && permission.expiresAt === expiresAt),
  )
  const end = lifetime === null ? null : now + lifetime
  const later = seen.filter(({ expiresAt }) => end === null || end > expiresAt)
  if (!grant || !isAsSeen || later.length === 0) return false
  const { row, permissions, families } = grant
  const names = later.map(({ name }) => name)
  const extended = permissions.map((each) => (names.includes(each.name) ? { ...each, expiresAt: end } : each))
  await db
    .updateTable('grant_scope')
    .set({ expires_at: end })
    .where('grant_id', '=', row.id)
    .where('name', 'in', names)
    .execute()
  await db
    .updateTable('consent_grant')
    .set({ expires_at: lastEnd(extended) })
    .where('id', '=', row.id)
    .execute()
  for (const { id, scope, expires_at: before } of families) {
    const expires = Math.min(now + refreshLifetime, lastEndOf(extended, scope) ?? Infinity)
    if (expires > before) await extendFamily(unit, id, expires)
  }
  await writeEvent(unit, {
    event: 'permission.extended',
    userId: row.user_id,
    agentId: row.agent_id,
    resourceId: row.resource_id,
    grant: row.public_id,
    data: { permissions: names.join(' '), expiresAt: end ?? undefined },
  })
  return true
}

/** Moves the end of a family, which expires earlier if it stays unused. A family was used when it was issued. */
async function extendFamily({ db }: Unit, id: number, expires: number): Promise<void> {
  await db
    .updateTable('refresh_token')
    .set({
      expires_at: expires,
      idle_expires_at: sql`case when last_used_at + idle_seconds < ${expires} then last_used_at + idle_seconds else ${expires} end`,
    })
    .where('id', '=', id)
    .execute()
}
