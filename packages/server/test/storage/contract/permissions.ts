import { expect, test } from 'vitest'
import {
  allowedRequest,
  boundRequest,
  newUser,
  outcomeOf,
  refreshable,
  rememberedGrant,
  rotating,
} from '../fixtures.js'
import { inStorage, type MakeStorage, start } from './in-storage.js'

export function permissionContract(name: string, makeStorage: MakeStorage): void {
  inStorage(`${name}: removed permissions`, makeStorage, (world) => {
    test('the rest of the grant is another one, with its refresh tokens and codes; the old one is revoked (J05)', async () => {
      const { storage } = world
      const { user, grantId, refresh } = await refreshable(storage, { scope: 'a b c' }, { remembered: true })
      const family = await rotating(storage, { scope: 'a b' }, { remembered: true }, user)
      const code = await allowedRequest(storage, { scope: 'b a' }, { remembered: true, grantLifetime: 900 }, user)
      const onlyB = await allowedRequest(storage, { scope: 'b' }, { remembered: true }, user)
      world.now += 10
      const removal = { grantId, userId: user.id, names: ['b'] }
      expect(await storage.removePermissions(removal)).toBe(true)
      expect(await storage.removePermissions(removal)).toBe(false)
      const [rest, old, ...others] = await storage.listGrants({ userId: user.id })
      expect(others).toEqual([])
      expect(old).toMatchObject({ id: grantId, revokedAt: start + 10, revokedBy: user.id })
      expect(rest).toMatchObject({ scope: 'a c', remembered: true, createdAt: start, revokedAt: null })
      const ofRest = { grant: { id: rest?.id } }
      expect(await storage.refreshGrant(refresh)).toMatchObject({ ...ofRest, issue: { scope: 'a c' } })
      expect(await storage.refreshGrant({ ...refresh, scope: 'a b' })).toMatchObject({ reason: 'scope_exceeded' })
      expect(await storage.rotateRefresh(family.present(0))).toMatchObject({ ...ofRest, issue: { scope: 'a' } })
      expect(await storage.redeemCode(code.redemption)).toMatchObject({ ...ofRest, issue: { scope: 'a' } })
      expect(outcomeOf(await storage.redeemCode(onlyB.redemption))).toBe('grant_ended')
      const { revoked } = await storage.listRevocations({ since: start - 600, perUser: 20, limit: 100 })
      expect(revoked).toEqual([{ kind: 'grant', value: grantId }])
      expect(await storage.listEvents({ event: ['grant.revoked', 'permission.removed'] })).toMatchObject([
        { grantId, data: { by: user.id, successor: rest?.id, permissions: 'b' } },
        { grantId: rest?.id, userId: user.id, data: { permissions: 'b' } },
      ])
      expect(await storage.findViolations()).toEqual([])
    })

    test('a token that was prepared before is not issued (J05)', async () => {
      const { storage } = world
      const { user, grantId, redemption } = await rememberedGrant(storage, { scope: 'a b' })
      const prepared = await storage.prepareRedemption(redemption)
      await storage.removePermissions({ grantId, userId: user.id, names: ['b'] })
      const { issue } = prepared ?? {}
      await expect(storage.redeemCode({ ...redemption, issue })).rejects.toMatchObject({ code: 'unavailable' })
      expect(await storage.redeemCode(redemption)).toMatchObject({ issue: { scope: 'a' } })
    })

    test('a decision on a page that was shown before is refused, also if it allows the permission (J05)', async () => {
      const { storage } = world
      const { user, grantId } = await rememberedGrant(storage, { scope: 'a b' })
      const { decision } = await boundRequest(storage, { scope: 'a b c' }, user)
      await storage.removePermissions({ grantId, userId: user.id, names: ['b'] })
      expect(outcomeOf(await storage.decideRequest(decision))).toBe('changed')
      expect((await storage.listGrants({ live: true }))[0]?.scope).toBe('a')
    })

    test('the tracked tokens of the grant are revoked', async () => {
      const { storage } = world
      const { user, redemption } = await allowedRequest(storage, { scope: 'a b' }, { remembered: true })
      const redeemed = await storage.redeemCode({ ...redemption, isTracked: true })
      if (redeemed.outcome !== 'redeemed') throw new Error(redeemed.reason)
      await storage.removePermissions({ grantId: redeemed.grant.id, userId: user.id, names: ['b'] })
      expect(await storage.findIssue(redeemed.issue.jti)).toMatchObject({ revokedAt: start })
      expect(await storage.listDeliveries({ userId: user.id })).toHaveLength(1)
    })

    test('without another permission, the grant ends; expired ones are not left', async () => {
      const { storage } = world
      const { user, grantId } = await rememberedGrant(storage, { scope: 'a' }, { grantLifetime: 60 })
      await rememberedGrant(storage, { scope: 'b' }, {}, user)
      world.now += 60
      await storage.removePermissions({ grantId, userId: user.id, names: ['b'] })
      expect(await storage.listGrants({ userId: user.id })).toMatchObject([{ id: grantId, revokedBy: user.id }])
      expect(await storage.findViolations()).toEqual([])
    })

    test('another user, another permission or an ended grant changes nothing', async () => {
      const { storage } = world
      const { user, grantId } = await rememberedGrant(storage, { scope: 'a b' })
      const other = await newUser(storage)
      const removal = { grantId, userId: user.id, names: ['b'] }
      expect(await storage.removePermissions({ ...removal, userId: other.id })).toBe(false)
      expect(await storage.removePermissions({ ...removal, names: ['c'] })).toBe(false)
      await storage.revokeGrant({ grantId, by: 'test' })
      expect(await storage.removePermissions(removal)).toBe(false)
      expect(await storage.listEvents({ event: 'permission.removed' })).toEqual([])
    })
  })
}
