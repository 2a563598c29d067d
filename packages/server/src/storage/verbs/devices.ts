import { sql } from 'kysely'
import type {
  DeviceCode,
  DeviceDisconnection,
  DeviceFilter,
  DeviceRedemption,
  DeviceStorage,
  NewDeviceCode,
  OwnedDevice,
  RedeemedDevice,
} from '../api/device-storage.js'
import { writeEvent } from '../rows/audit.js'
import { lockAsRead, lockOwner, lockUser, toUser, userColumns, userIdOf } from '../rows/users.js'
import type { Parts, Statement, Unit } from '../sql/engine.js'
import { cachedQuery, generateId, hashBytes, hashText, idBytes, idText, type Placeholders } from '../sql/kept-query.js'
import { endRequests } from './bindings.js'
import { revokeGrants } from './grants.js'

/** How long a confirmed device may take to learn of it, in seconds: longer than it waits if its network sends too many requests. */
const pickup = 120

/** Implements {@link DeviceStorage.createDeviceCode}. */
export async function createDeviceCode(unit: Unit, code: NewDeviceCode): Promise<'created' | 'too_many' | 'changed'> {
  const { db, now } = unit
  const user = await lockAsRead(unit, code)
  if (!user) return 'changed'
  if (await hasMost(unit, user.id, code.most)) return 'too_many'
  await endDeviceCodes(unit, user.id)
  const { device, number = null } = code
  await db
    .insertInto('device')
    .values({
      public_id: generateId(),
      user_id: user.id,
      name: device?.name ?? null,
      device_jkt: device ? hashBytes(device.thumbprint) : null,
      code_hash: hashBytes(code.codeHash),
      code_expires_at: now + code.lifetime,
      number,
      confirmed_at: null,
      connected_at: null,
      expires_at: null,
      last_used_at: null,
      ip: null,
      disconnected_at: null,
    })
    .execute()
  return 'created'
}

/** Ends the codes of a user with which no device has been connected yet. */
export async function endDeviceCodes({ db }: Unit, userId: number): Promise<void> {
  await db.deleteFrom('device').where('user_id', '=', userId).where('connected_at', 'is', null).execute()
}

/** Whether a locked user has as many devices as allowed. */
async function hasMost({ db, now }: Unit, userId: number, most: number): Promise<boolean> {
  const connected = await db
    .selectFrom('device')
    .select('id')
    .where('user_id', '=', userId)
    .where('connected_at', 'is not', null)
    .where('disconnected_at', 'is', null)
    .where((e) => e.or([e('expires_at', 'is', null), e('expires_at', '>', now)]))
    .execute()
  return connected.length >= most
}

/** Reads the row of a code, and locks its user. */
async function lockCode(unit: Unit, codeHash: string) {
  const named = unit.db.selectFrom('device').selectAll().where('code_hash', '=', hashBytes(codeHash))
  const found = await named.executeTakeFirst()
  if (!found) return undefined
  const user = await lockOwner(unit, found.user_id)
  // Read again: another transaction may have changed the row before this one had the lock.
  const row = await named.executeTakeFirst()
  return row && { user, row }
}

/** Implements {@link DeviceStorage.redeemDeviceCode}. */
export async function redeemDeviceCode(unit: Unit, redemption: DeviceRedemption): Promise<RedeemedDevice> {
  const { db, now } = unit
  const refused = (reason: Extract<RedeemedDevice, { outcome: 'refused' }>['reason']) =>
    ({ outcome: 'refused', reason }) as const
  const { thumbprint, name, ip = null } = redemption
  const jkt = hashBytes(thumbprint)
  await unit.exclusive(`device ${thumbprint}`)
  const found = await lockCode(unit, redemption.codeHash)
  if (!found) return refused('unknown')
  const { user, row } = found
  if (row.code_expires_at <= now || row.disconnected_at !== null) return refused('expired')
  if (user.disabled_at !== null) return refused('user_disabled')
  const change = (changes: Partial<typeof row>) =>
    db.updateTable('device').set(changes).where('id', '=', row.id).execute()
  if (row.device_jkt === null) {
    if (name === undefined) return refused('unknown')
    await change({ device_jkt: jkt, name, ip })
  } else if (!jkt.equals(row.device_jkt)) {
    if (row.connected_at === null) await db.deleteFrom('device').where('id', '=', row.id).execute()
    const data = { jkt: thumbprint, used: row.connected_at !== null }
    await writeEvent(unit, { event: 'device.foreign_key', userId: user.id, ip: redemption.ip, data })
    return refused('foreign_key')
  }
  if (row.connected_at === null) {
    if (row.number !== null && row.confirmed_at === null)
      return { outcome: 'waiting', number: row.number, user: toUser(user) }
    if (await findDevice(unit, { thumbprint })) return refused('key_taken')
    if (await hasMost(unit, user.id, redemption.most)) return refused('too_many')
    const isRemote = row.number !== null
    const expires_at = isRemote ? now + redemption.lifetime : null
    await change({ connected_at: now, last_used_at: now, ip, expires_at })
    const data = { device: idText(row.public_id), name: row.name, jkt: thumbprint, remote: isRemote }
    await writeEvent(unit, { event: 'device.connected', userId: user.id, ip: redemption.ip, data })
  }
  const device = await findDevice(unit, { thumbprint })
  if (!device) throw new TypeError('the device that was connected does not exist')
  return { outcome: 'connected', device }
}

/** Implements {@link DeviceStorage.findDeviceCode}. */
export async function findDeviceCode(
  statement: Statement,
  { userId, codeHash }: { userId: string; codeHash: string },
): Promise<DeviceCode | undefined> {
  const { db, clock } = statement
  const row = await db
    .selectFrom('device')
    .selectAll()
    .where('code_hash', '=', hashBytes(codeHash))
    .where('user_id', '=', userIdOf(statement, userId))
    .where('code_expires_at', '>', clock)
    .executeTakeFirst()
  return (
    row && {
      number: row.number,
      name: row.name,
      ip: row.ip,
      isConfirmed: row.confirmed_at !== null,
      expiresAt: row.code_expires_at,
    }
  )
}

/** Implements {@link DeviceStorage.confirmDevice}. */
export async function confirmDevice(
  unit: Unit,
  decision: Parameters<DeviceStorage['confirmDevice']>[0],
): Promise<boolean> {
  const { db, now } = unit
  const user = await lockAsRead(unit, decision)
  const found = await lockCode(unit, decision.codeHash)
  if (!user || found?.user.id !== user.id) return false
  const { row } = found
  if (row.device_jkt === null || row.code_expires_at <= now || row.connected_at !== null) return false
  if (decision.allow) {
    const changes = { confirmed_at: now, code_expires_at: now + pickup }
    await db.updateTable('device').set(changes).where('id', '=', row.id).execute()
    return true
  }
  await db.deleteFrom('device').where('id', '=', row.id).execute()
  const data = { name: row.name, jkt: hashText(row.device_jkt) }
  await writeEvent(unit, { event: 'device.denied', userId: user.id, ip: row.ip, data })
  return true
}

/** Devices with their owners. The caller narrows the query. */
function devices({ db, clock }: Parts) {
  return db
    .selectFrom('device as d')
    .innerJoin('app_user as u', 'u.id', 'd.user_id')
    .select(['d.public_id', 'd.name', 'd.device_jkt', 'd.number', 'd.connected_at', 'd.expires_at', 'd.last_used_at'])
    .select(['d.ip', 'd.disconnected_at'])
    .select(userColumns('u'))
    .select(sql<boolean | number>`(d.expires_at is null or d.expires_at > ${clock})`.as('is_current'))
    .where('d.connected_at', 'is not', null)
    .$narrowType<{ name: string; device_jkt: Uint8Array; connected_at: number; last_used_at: number }>()
}

type FoundDevice = Awaited<ReturnType<ReturnType<typeof devices>['executeTakeFirstOrThrow']>>

function toDevice(row: FoundDevice): OwnedDevice {
  const user = toUser(row)
  return {
    id: idText(row.public_id),
    userId: user.id,
    name: row.name,
    thumbprint: hashText(row.device_jkt),
    isRemote: row.number !== null,
    connectedAt: row.connected_at,
    expiresAt: row.expires_at,
    lastUsedAt: row.last_used_at,
    ip: row.ip,
    disconnectedAt: row.disconnected_at,
    user,
    isLive: row.disconnected_at === null && Boolean(row.is_current) && user.status === 'active',
  }
}

const deviceById = cachedQuery((parts, { id }: Placeholders<{ id: Uint8Array }>) =>
  devices(parts).where('d.public_id', '=', id),
)

const deviceByKey = cachedQuery((parts, { jkt }: Placeholders<{ jkt: Uint8Array }>) =>
  devices(parts).where('d.device_jkt', '=', jkt),
)

/** Implements {@link DeviceStorage.findDevice}. */
export async function findDevice(
  statement: Statement,
  by: { id: string } | { thumbprint: string },
): Promise<OwnedDevice | undefined> {
  const [row] =
    'id' in by
      ? await deviceById(statement, { id: idBytes(by.id) })
      : await deviceByKey(statement, { jkt: hashBytes(by.thumbprint) })
  return row && toDevice(row)
}

/** Implements {@link DeviceStorage.useDevice}. */
export async function useDevice({ db, clock }: Statement, use: { id: string; ip: string | undefined }): Promise<void> {
  await db
    .updateTable('device')
    .set({ last_used_at: clock, ip: use.ip ?? null })
    .where('public_id', '=', idBytes(use.id))
    .execute()
}

/** Implements {@link DeviceStorage.listDevices}. */
export async function listDevices(statement: Statement, filter: DeviceFilter = {}): Promise<OwnedDevice[]> {
  const { userId, after, limit = 100, live = false } = filter
  let found = devices(statement)
  if (userId !== undefined) found = found.where('d.user_id', '=', userIdOf(statement, userId))
  if (after !== undefined)
    found = found.where('d.id', '<', (e) => e.selectFrom('device').select('id').where('public_id', '=', idBytes(after)))
  if (live)
    found = found
      .where('d.disconnected_at', 'is', null)
      .where('u.disabled_at', 'is', null)
      .where((e) => e.or([e('d.expires_at', 'is', null), e('d.expires_at', '>', statement.clock)]))
  return (await found.orderBy('d.id', 'desc').limit(limit).execute()).map(toDevice)
}

/** Implements {@link DeviceStorage.disconnectDevice}. */
export async function disconnectDevice(unit: Unit, { id, userId, by }: DeviceDisconnection): Promise<boolean> {
  const { db, now } = unit
  const found = await findDevice(unit, { id })
  if (!found || (userId !== undefined && found.userId !== userId)) return false
  const user = await lockUser(unit, found.userId)
  const disconnected = await db
    .updateTable('device')
    .set({ disconnected_at: now })
    .where('public_id', '=', idBytes(id))
    .where('disconnected_at', 'is', null)
    .returning('id')
    .executeTakeFirst()
  if (!user || !disconnected) return false
  const named = await db
    .selectFrom('deployment as p')
    .innerJoin('agent as a', 'a.identifier', 'p.issuer')
    .select(['a.id', 'a.identifier'])
    .executeTakeFirst()
  const ended = { grants: 0, requests: 0 }
  if (named) {
    const { id: agentId, identifier: agent } = named
    const delegates = await delegatesOf(unit, { id, userId: user.id, agentId })
    for (const delegate of delegates) ended.requests += await endRequests(unit, { agent_id: agentId, delegate })
    for (const delegate of delegates)
      ended.grants += await revokeGrants(unit, { userId: found.userId, agent, delegate, by })
    // It never acts again, so its owner need not remove it from the list of agents, too.
    if (delegates.length > 0)
      await db.deleteFrom('agent_binding').where('agent_id', '=', agentId).where('delegate', 'in', delegates).execute()
  }
  const data = { device: id, name: found.name, by, ...ended }
  await writeEvent(unit, { event: 'device.disconnected', userId: user.id, data })
  return true
}

/** The delegates that a device is called in its owner's grants and in requests. Each edition has its own form, which contains the id. */
async function delegatesOf(
  { db }: Unit,
  { id, userId, agentId }: { id: string; userId: number; agentId: number },
): Promise<string[]> {
  const isDevice = `%${id}%`
  const granted = db
    .selectFrom('consent_grant')
    .select('delegate')
    .where('user_id', '=', userId)
    .where('agent_id', '=', agentId)
    .where('delegate', 'like', isDevice)
  const requested = db
    .selectFrom('auth_request')
    .select('delegate')
    .where('agent_id', '=', agentId)
    .where('delegate', 'like', isDevice)
  const rows = await granted.union(requested).execute()
  return rows.flatMap(({ delegate }) => delegate ?? [])
}
