import { expect, test } from 'vitest'
import { agent, newUser, refreshable, rememberedGrant, times } from '../fixtures.js'
import { inStorage, type MakeStorage, start } from './in-storage.js'

export function revocationContract(name: string, makeStorage: MakeStorage): void {
  inStorage(`${name}: revocations`, makeStorage, (world) => {
    const listed = (since = start, limit = 100) => world.storage.listRevocations({ since, limit })

    test('a grant that was taken back is listed since then, newest first', async () => {
      const { storage } = world
      const [first, second] = [await refreshable(storage), await refreshable(storage)]
      await refreshable(storage)
      expect(await listed()).toEqual([])
      await storage.revokeGrant({ grantId: first.grantId, by: first.user.id })
      world.now = start + 10
      await storage.revokeGrants({ userId: second.user.id, by: second.user.id })
      const one = { kind: 'grant', value: first.grantId, at: start }
      const other = { kind: 'grant', value: second.grantId, at: start + 10 }
      expect(await listed()).toEqual([other, one])
      expect(await listed(start + 1)).toEqual([other])
      expect(await listed(start, 1)).toEqual([other])
      expect(await listed(start + 11)).toEqual([])
    })

    test('a grant that another one replaced is listed with that one, when it is taken back', async () => {
      const { storage } = world
      const user = await newUser(storage)
      const before = await rememberedGrant(storage, {}, {}, user)
      world.now = start + 10
      const after = await rememberedGrant(storage, {}, {}, user)
      const stranger = await rememberedGrant(storage)
      expect((await storage.findGrant(before.grantId))?.revokedBy).toBe('replaced')
      await storage.revokeGrant({ grantId: stranger.grantId, by: 'operator' })
      expect((await listed()).map(({ value }) => value)).toEqual([stranger.grantId])
      world.now = start + 20
      await storage.revokeGrant({ grantId: after.grantId, by: user.id })
      const values = (await listed()).map(({ value }) => value)
      expect(values.sort()).toEqual([before.grantId, after.grantId, stranger.grantId].sort())
    })

    test('an agent is listed while it is blocked', async () => {
      const { storage } = world
      await storage.setAgentBlocked({ agent, blocked: true, by: 'operator' })
      expect(await listed()).toEqual([{ kind: 'agent', value: agent, at: start }])
      await storage.setAgentBlocked({ agent, blocked: false, by: 'operator' })
      expect(await listed()).toEqual([])
      world.now = start + 5
      await storage.setAgentBlocked({ agent, blocked: true, by: 'operator' })
      expect(await listed()).toEqual([{ kind: 'agent', value: agent, at: start + 5 }])
      expect(await listed(start + 6)).toEqual([])
    })

    test('a person is listed by their subject while they are disabled, and their grants when they leave', async () => {
      const { storage } = world
      const { user, grantId } = await refreshable(storage)
      await storage.setUserStatus(user.id, 'disabled')
      expect(await listed()).toEqual([{ kind: 'sub', value: user.sub, at: start }])
      await storage.setUserStatus(user.id, 'active')
      expect(await listed()).toEqual([])
      await storage.closeAccount(user.id)
      expect(await listed()).toEqual([{ kind: 'grant', value: grantId, at: start }])
    })

    test('of many the newest are listed, whatever they are', async () => {
      const { storage } = world
      const grants = await Promise.all(times(5, () => refreshable(storage)))
      for (const { grantId } of grants) {
        world.now += 1
        await storage.revokeGrant({ grantId, by: 'operator' })
      }
      world.now += 1
      await storage.setAgentBlocked({ agent, blocked: true, by: 'operator' })
      const newest = await listed(start, 3)
      expect(newest.map(({ at }) => at - start)).toEqual([6, 5, 4])
      expect(newest.map(({ kind }) => kind)).toEqual(['agent', 'grant', 'grant'])
    })
  })
}
