import type { Call } from 'countersign/editions'
import { type SqlBool, sql } from 'kysely'
import type { GrantedScope } from '../api/grant-storage.js'
import type { PermissionRemoval } from '../api/permission-storage.js'
import { StorageError } from '../api/storage-error.js'
import { writeEvent } from '../rows/audit.js'
import { permissionsOfGrant } from '../rows/grant-lists.js'
import {
  grantEnded,
  grantedScopesOf,
  lastEnd,
  livePermissions,
  toPermissions,
  unitePermissions,
} from '../rows/granted-scopes.js'
import { userIdOf } from '../rows/users.js'
import type { Unit } from '../sql/engine.js'
import { cachedInsertion, generateId, idBytes, idText, onlyOf } from '../sql/kept-query.js'
import type { NewRow, Row } from '../sql/tables.js'
import { endGrant, findRemembered, type GrantKeys, heldAtResource, replaced } from './grants.js'

/** Requested scopes granted by the user to whom the request is bound. */
interface NewGrant {
  request: Pick<Row<'auth_request'>, 'edition' | 'agent_id' | 'delegate' | 'resource_id' | 'display_id'>
  userId: number
  scope: string
  /** Null: until the grant is revoked. */
  lifetime: number | null
  remembered: boolean
  account: string | null
  call: Call | undefined
}

/**
 * The maximum number of permissions of a grant, and of the different ones that an agent holds at a resource for one user. Expired ones count
 * for a grant, which is then replaced.
 */
const maxPermissions = 256

/** A new grant with at most so many permissions needs no exact count if those of the agent's other grants are no more, even counted twice. */
const uncounted = maxPermissions / 2

/** A grant that holds what was allowed, and whether its user had never allowed its agent anything before. */
type CreatedGrant = GrantKeys & { isFirst: boolean }

/**
 * Stores what a user allowed. A remembered grant is extended, so that its permissions are not stored again for each decision.
 *
 * @throws StorageError `too_many_permissions`
 */
export async function createGrant(unit: Unit, grant: NewGrant): Promise<CreatedGrant> {
  const { now } = unit
  const given = grantedScopesOf(grant.scope, grant.lifetime === null ? null : now + grant.lifetime)
  const before = grant.remembered ? await findRemembered(unit, grant) : undefined
  if (!before) return insertGrant(unit, grant, given)
  if (grantEnded({ revokedAt: null, expiresAt: before.expires_at }, now)) {
    await unit.db
      .updateTable('consent_grant')
      .set({ remembered: 0, account_remembered: 0 })
      .where('id', '=', before.id)
      .execute()
    return insertGrant(unit, grant, given)
  }
  const stored = toPermissions(before.permissions)
  const united = unitePermissions(stored, given)
  if (united.length <= maxPermissions) return extendGrant(unit, before, { grant, stored, united })
  await markRevoked(unit, before.id, replaced)
  const successor = await insertGrant(unit, grant, unitePermissions(livePermissions(stored, now), given))
  await moveTokens(unit, before, successor)
  await endGrant(unit, before, { by: replaced, successor: idText(successor.public_id) })
  return successor
}

/** Makes the refresh tokens and unused codes of a grant those of its successor. */
async function moveTokens({ db }: Unit, { id: from }: { id: number }, { id: grant_id }: GrantKeys): Promise<void> {
  await db.updateTable('refresh_token').set({ grant_id }).where('grant_id', '=', from).execute()
  await db.updateTable('code').set({ grant_id }).where('grant_id', '=', from).where('consumed_at', 'is', null).execute()
}

/** Implements {@link PermissionStorage.removePermissions}. */
export async function removePermissions(unit: Unit, { grantId, userId, names }: PermissionRemoval): Promise<boolean> {
  const { db, now } = unit
  // Until the end of the transaction, nothing is issued under the user's grants, and none is replaced.
  await unit.lockRows('alone', userIdOf(unit, userId))
  const grant = await db
    .selectFrom('consent_grant as g')
    .selectAll('g')
    .select(permissionsOfGrant.as('permissions'))
    .where('g.public_id', '=', idBytes(grantId))
    .where('g.user_id', '=', userIdOf(unit, userId))
    .where('g.revoked_at', 'is', null)
    .executeTakeFirst()
  if (!grant) return false
  const { id, permissions: list, ...row } = grant
  const live = livePermissions(toPermissions(list), now)
  const kept = live.filter(({ name }) => !names.includes(name))
  if (kept.length === live.length) return false
  await db
    .updateTable('auth_request')
    .set((e) => ({ revision: e('revision', '+', 1) }))
    .where('user_id', '=', row.user_id)
    .where('agent_id', '=', row.agent_id)
    .where('status', '=', 'open')
    .execute()
  await markRevoked(unit, id, userId)
  const successor = kept.length === 0 ? undefined : await insertRest(unit, row, kept)
  if (successor) await moveTokens(unit, grant, successor)
  const removed = live.filter(({ name }) => names.includes(name))
  const permissions = removed.map(({ name }) => name).join(' ')
  await endGrant(unit, grant, {
    by: userId,
    successor: successor && idText(successor.public_id),
    permissions,
  })
  await writeEvent(unit, {
    event: 'permission.removed',
    userId: row.user_id,
    agentId: row.agent_id,
    resourceId: row.resource_id,
    grant: successor?.public_id ?? row.public_id,
    data: { permissions },
  })
  return true
}

/** Stores the permissions that are left of a grant. As it takes over the tokens, it counts as used when the grant was. */
async function insertRest(unit: Unit, row: NewRow<'consent_grant'>, kept: readonly GrantedScope[]): Promise<GrantKeys> {
  const made = onlyOf(await grantInsertion(unit, [{ ...row, public_id: generateId(), expires_at: lastEnd(kept) }]))
  await insertPermissions(unit, made.id, kept, 0)
  return made
}

/** Adds permissions to a remembered grant, and extends those that it has. Its date and display become those of the new decision. */
async function extendGrant(
  unit: Unit,
  { id, public_id, held }: GrantKeys & { held: string | null },
  { grant, stored, united }: { grant: NewGrant; stored: readonly GrantedScope[]; united: readonly GrantedScope[] },
): Promise<CreatedGrant> {
  const { db, now } = unit
  requireFew(held, united)
  await db
    .updateTable('consent_grant')
    .set({ created_at: now, display_id: grant.request.display_id, expires_at: lastEnd(united) })
    .where('id', '=', id)
    .execute()
  const extended = united.filter(({ expiresAt }, position) => {
    const before = stored[position]
    return before !== undefined && before.expiresAt !== expiresAt
  })
  const [first] = extended
  if (first)
    await db
      .updateTable('grant_scope')
      .set({ expires_at: first.expiresAt })
      .where('grant_id', '=', id)
      .where(
        'name',
        'in',
        extended.map(({ name }) => name),
      )
      .execute()
  await insertPermissions(unit, id, united.slice(stored.length), stored.length)
  return { id, public_id, isFirst: false }
}

/** @throws StorageError `too_many_permissions` */
function requireFew(held: string | null, permissions: readonly GrantedScope[]): void {
  const names = new Set([...(held?.split(' ') ?? []), ...permissions.map(({ name }) => name)])
  if (names.size > maxPermissions)
    throw new StorageError(
      'too_many_permissions',
      `an agent may have at most ${maxPermissions} permissions at a resource`,
    )
}

async function insertGrant(
  unit: Unit,
  { request, userId, remembered, account, call }: NewGrant,
  permissions: readonly GrantedScope[],
): Promise<CreatedGrant> {
  const inserted = await grantInsertion(unit, [
    {
      public_id: generateId(),
      edition: request.edition,
      user_id: userId,
      agent_id: request.agent_id,
      delegate: request.delegate,
      resource_id: request.resource_id,
      remembered: remembered && account === null ? 1 : 0,
      account,
      account_remembered: remembered && account !== null ? 1 : 0,
      call: call ? JSON.stringify(call) : null,
      display_id: request.display_id,
      created_at: unit.now,
      expires_at: lastEnd(permissions),
      last_used_at: null,
      revoked_at: null,
      revoked_by: null,
    },
  ])
  const made = onlyOf(inserted)
  if (made.holds_many || permissions.length > uncounted) requireFew(await findHeld(unit, made), permissions)
  await insertPermissions(unit, made.id, permissions, 0)
  return { ...made, isFirst: !made.has_others }
}

async function findHeld({ db, clock }: Unit, { id }: GrantKeys): Promise<string | null> {
  const held = db.selectFrom('consent_grant as g').select(heldAtResource(clock).as('held')).where('g.id', '=', id)
  return (await held.executeTakeFirstOrThrow()).held
}

async function insertPermissions(
  unit: Unit,
  grant_id: number,
  permissions: readonly GrantedScope[],
  from: number,
): Promise<void> {
  if (permissions.length === 0) return
  await permissionInsertion(
    unit,
    permissions.map(({ name, expiresAt }, index) => ({
      grant_id,
      position: from + index,
      name,
      expires_at: expiresAt,
    })),
  )
}

/** Whether the user of a row of `consent_grant` has other grants, live or ended, to the same agent. */
const hasOthers = sql<SqlBool>`exists (
  select 1 from consent_grant as o
  where o.user_id = consent_grant.user_id and o.agent_id = consent_grant.agent_id and o.id <> consent_grant.id)`

/** Whether the agent of a row of `consent_grant` has more than {@link uncounted} permissions at its resource, expired ones included. */
const holdsMany = sql<SqlBool>`exists (
  select 1 from consent_grant as h join grant_scope as p on p.grant_id = h.id
  where h.user_id = consent_grant.user_id and h.agent_id = consent_grant.agent_id
    and h.resource_id = consent_grant.resource_id and h.revoked_at is null
  limit 1 offset ${sql.lit(uncounted)})`

const grantInsertion = cachedInsertion('consent_grant', (insertion) =>
  insertion.returning(['id', 'public_id']).returning(holdsMany.as('holds_many')).returning(hasOthers.as('has_others')),
)
const permissionInsertion = cachedInsertion('grant_scope')

async function markRevoked({ db, now }: Unit, id: number, by: string): Promise<void> {
  await db.updateTable('consent_grant').set({ revoked_at: now, revoked_by: by }).where('id', '=', id).execute()
}
