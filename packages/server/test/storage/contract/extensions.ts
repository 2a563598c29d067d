import type { Storage } from 'countersign-server'
import { expect, test } from 'vitest'
import {
  agent,
  allowedRequest,
  freshHash,
  newUser,
  outcomeOf,
  readNow,
  refreshable,
  rememberedGrant,
  rotating,
} from '../fixtures.js'
import { inStorage, type MakeStorage, start } from './in-storage.js'

const [hour, day, year] = [3600, 86_400, 365 * 86_400]

type Extension = Parameters<Storage['extendPermissions']>[0]

export function extensionContract(name: string, makeStorage: MakeStorage): void {
  inStorage(`${name}: extended permissions`, makeStorage, (world) => {
    const extendable = async (userId: string, ...grantIds: string[]) =>
      (await world.storage.listExtendable({ userId, grantIds })).map(({ name, expiresAt }) => [name, expiresAt - start])

    async function extension(userId: string, grantId: string, changes: Partial<Extension> = {}): Promise<Extension> {
      const permissions = (await world.storage.listExtendable({ userId, grantIds: [grantId] })).slice(0, 1)
      const by = await readNow(world.storage, userId)
      return { ...by, grantId, permissions, lifetime: 30 * day, refreshLifetime: year, ...changes }
    }

    test('a permission ends later, and the refresh token works until then; the others keep their end', async () => {
      const { storage } = world
      const { user, grantId, refresh } = await refreshable(storage, { scope: 'a b' }, { grantLifetime: hour })
      const other = await rememberedGrant(storage, { scope: 'a' }, { grantLifetime: hour }, user)
      expect(await extendable(user.id, grantId)).toEqual([
        ['a', hour],
        ['b', hour],
      ])
      world.now += 60
      expect(await storage.extendPermissions(await extension(user.id, grantId))).toBe(true)
      const end = start + 60 + 30 * day
      expect(await storage.findGrant(grantId)).toMatchObject({
        createdAt: start,
        expiresAt: end,
        permissions: [
          { name: 'a', expiresAt: end },
          { name: 'b', expiresAt: start + hour },
        ],
      })
      expect(await storage.findGrant(other.grantId)).toMatchObject({
        expiresAt: start + hour,
        permissions: [{ name: 'a', expiresAt: start + hour }],
      })
      world.now = start + hour
      expect(await storage.refreshGrant(refresh)).toMatchObject({ issue: { scope: 'a' } })
      world.now = end
      expect(await storage.refreshGrant(refresh)).toMatchObject({ reason: 'grant_ended' })
      expect(await storage.listEvents({ event: 'permission.extended' })).toMatchObject([
        { grantId, userId: user.id, agent, data: { permissions: 'a', expiresAt: end } },
      ])
      expect(await storage.findViolations()).toEqual([])
    })

    test('a permission lasts until it is removed', async () => {
      const { storage } = world
      const { user, grantId } = await rememberedGrant(storage, { scope: 'a b' }, { grantLifetime: day })
      expect(await storage.extendPermissions(await extension(user.id, grantId, { lifetime: null }))).toBe(true)
      expect(await storage.findGrant(grantId)).toMatchObject({ expiresAt: null })
      expect(await extendable(user.id, grantId)).toEqual([['b', day]])
      expect((await storage.listEvents({ event: 'permission.extended' }))[0]?.data).toEqual({ permissions: 'a' })
    })

    test('a family that ends with its permissions moves with them; its tokens and its idle time still count', async () => {
      const { storage } = world
      const decided = { grantLifetime: 2 * day }
      const family = await rotating(storage, { scope: 'a' }, decided, undefined, { idleSeconds: 10 * day })
      const { user, grantId } = family
      world.now += 2 * day - 1
      expect(await storage.extendPermissions(await extension(user.id, grantId))).toBe(true)
      world.now += 10
      expect(await storage.rotateRefresh(family.present(0))).toMatchObject({ issue: { scope: 'a' } })
      world.now += 10 * day
      expect(await storage.rotateRefresh(family.present(1))).toMatchObject({ reason: 'idle' })
      expect(await extendable(user.id, grantId)).toEqual([])
    })

    test('a family is never extended beyond the lifetime of a new one', async () => {
      const { storage } = world
      const family = await rotating(storage, { scope: 'a' }, { grantLifetime: day })
      const change = await extension(family.user.id, family.grantId, { lifetime: null, refreshLifetime: 3 * day })
      await storage.extendPermissions(change)
      world.now += 3 * day - 1
      expect(outcomeOf(await storage.rotateRefresh(family.present(0)))).toBe('rotated')
      world.now += 1
      expect(outcomeOf(await storage.rotateRefresh(family.present(1)))).toBe('expired')
    })

    test('a family from a decision for a shorter time keeps its end, and what outlives no token cannot be extended', async () => {
      const { storage } = world
      const remembered = { remembered: true }
      const short = await rotating(storage, { scope: 'a b' }, { ...remembered, grantLifetime: hour })
      const { user, grantId } = short
      const long = await rotating(storage, { scope: 'a' }, { ...remembered, grantLifetime: day }, user)
      expect(await storage.extendPermissions(await extension(user.id, grantId))).toBe(true)
      world.now += hour
      expect(outcomeOf(await storage.rotateRefresh(short.present(0)))).toBe('expired')
      world.now += day
      expect(await storage.rotateRefresh(long.present(0))).toMatchObject({ issue: { scope: 'a' } })
    })

    test('without a refresh token, only a remembered grant has anything to extend', async () => {
      const { storage } = world
      const { user, grantId } = await rememberedGrant(storage, { scope: 'a' }, { grantLifetime: day })
      expect(await extendable(user.id, grantId)).toEqual([['a', day]])
      await allowedRequest(storage, { scope: 'b' }, { grantLifetime: day }, user)
      const [newest] = await storage.listGrants({ userId: user.id })
      expect(await extendable(user.id, newest?.id ?? '')).toEqual([])
      const revoked = await refreshable(storage, { scope: 'b' }, { grantLifetime: day }, user)
      const listed = await storage.listExtendable({ userId: user.id, grantIds: [newest?.id ?? '', revoked.grantId] })
      expect(listed).toEqual([{ grantId: revoked.grantId, name: 'b', expiresAt: start + day }])
      await storage.revokeRefreshToken({ tokenHash: revoked.refresh.tokenHash, agent, delegate: null })
      expect(await extendable(user.id, revoked.grantId)).toEqual([])
    })

    test('a refresh token that ends before the permission extends nothing', async () => {
      const { storage } = world
      const token = { tokenHash: freshHash(), idleSeconds: day, lifetime: day }
      const { user, grantId } = await refreshable(storage, { scope: 'a' }, { grantLifetime: day }, undefined, token)
      expect(await extendable(user.id, grantId)).toEqual([])
    })

    test('what is not as seen is not extended: user, expiry, permission, password', async () => {
      const { storage } = world
      const { user, grantId } = await refreshable(storage, { scope: 'a b' }, { grantLifetime: day })
      const other = await newUser(storage)
      const change = await extension(user.id, grantId)
      const as = (changes: Partial<Extension>) => storage.extendPermissions({ ...change, ...changes })
      expect(await as(await readNow(storage, other.id))).toBe(false)
      expect(await as({ permissions: [{ name: 'a', expiresAt: start + day - 1 }] })).toBe(false)
      expect(await as({ permissions: [{ name: 'c', expiresAt: start + day }] })).toBe(false)
      expect(await as({ permissions: [] })).toBe(false)
      expect(await as({ grantId: 'unknown' })).toBe(false)
      expect(await as({ lifetime: day })).toBe(false)
      await storage.setPasswordHash({ userId: user.id, passwordHash: 'another', by: 'operator' })
      expect(await as({})).toBe(false)
      expect(await storage.findGrant(grantId)).toMatchObject({ expiresAt: start + day })
      expect(await as(await readNow(storage, user.id))).toBe(true)
      expect(await storage.listEvents({ event: 'permission.extended' })).toHaveLength(1)
    })

    test('what has ended, was revoked, replaced or blocked is not extended', async () => {
      const { storage } = world
      const { user, grantId } = await refreshable(storage, { scope: 'a b' }, { grantLifetime: day })
      const change = await extension(user.id, grantId)
      await storage.setAgentBlocked({ agent, blocked: true, by: 'operator' })
      expect(await storage.extendPermissions(change)).toBe(false)
      expect(await extendable(user.id, grantId)).toEqual([])
      await storage.setAgentBlocked({ agent, blocked: false, by: 'operator' })
      world.now += day
      expect(await storage.extendPermissions(change)).toBe(false)
      expect(await extendable(user.id, grantId)).toEqual([])
      const removed = await refreshable(storage, { scope: 'a b' }, { grantLifetime: day }, user)
      const late = await extension(user.id, removed.grantId)
      await storage.removePermissions({ grantId: removed.grantId, userId: user.id, names: ['b'] })
      expect(await storage.extendPermissions(late)).toBe(false)
      const [rest] = await storage.listGrants({ userId: user.id, live: true })
      const last = await extension(user.id, rest?.id ?? '')
      await storage.revokeGrant({ grantId: rest?.id ?? '', by: 'operator' })
      expect(await storage.extendPermissions(last)).toBe(false)
      expect(await storage.listEvents({ event: 'permission.extended' })).toEqual([])
    })

    test('the permission to call once is not extended', async () => {
      const { storage } = world
      const call = { method: 'DELETE', target: 'https://calendar.example/events/1' }
      await allowedRequest(storage, { scope: 'a' }, { grantLifetime: 600, call: call as never })
      const [grant] = await storage.listGrants()
      expect(await extendable(grant?.userId ?? '', grant?.id ?? '')).toEqual([])
    })

    test('of two extensions at the same time, one takes effect', async () => {
      const { storage } = world
      const { user, grantId } = await refreshable(storage, { scope: 'a' }, { grantLifetime: day })
      const change = await extension(user.id, grantId)
      const both = [change, { ...change, lifetime: 60 * day }].map((each) => storage.extendPermissions(each))
      expect((await Promise.all(both)).filter(Boolean)).toEqual([true])
      expect(await storage.listEvents({ event: 'permission.extended' })).toHaveLength(1)
      expect(await storage.findViolations()).toEqual([])
    })
  })
}
