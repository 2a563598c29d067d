import { expect, test } from 'vitest'
import { allowedRequest, grantOf, newUser, times } from '../fixtures.js'
import { inStorage, type MakeStorage, start } from './in-storage.js'

const client = (id: string, changes: object = {}) => ({
  id,
  metadata: { client_name: id },
  network: '198.51',
  lifetime: 100,
  most: 10,
  mostPerUser: 10,
  ...changes,
})

export function clientContract(name: string, makeStorage: MakeStorage): void {
  inStorage(`${name}: registered clients`, makeStorage, (world) => {
    test('a client is found until it ends, and its end can only be postponed', async () => {
      const { storage } = world
      expect(await storage.registerClient(client('a'))).toBe(true)
      expect(await storage.findRegisteredClient('a')).toEqual({
        metadata: { client_name: 'a' },
        createdAt: start,
        expiresAt: start + 100,
      })
      expect(await storage.findRegisteredClient('b')).toBeUndefined()
      await storage.extendRegisteredClient({ id: 'a', lifetime: 50 })
      expect(await storage.findRegisteredClient('a')).toMatchObject({ expiresAt: start + 100 })
      await storage.extendRegisteredClient({ id: 'a', lifetime: 200 })
      world.now += 199
      expect(await storage.findRegisteredClient('a')).toMatchObject({ expiresAt: start + 200 })
      world.now += 1
      expect(await storage.findRegisteredClient('a')).toBeUndefined()
      await storage.extendRegisteredClient({ id: 'a', lifetime: 1000 })
      expect(await storage.findRegisteredClient('a')).toBeUndefined()
    })

    test('of 20 clients that register at the same time, as many stay as may be', async () => {
      const { storage } = world
      const stored = await Promise.all(times(20, (index) => storage.registerClient(client(`c${index}`))))
      expect(stored).not.toContain(false)
      const found = await Promise.all(times(20, (index) => storage.findRegisteredClient(`c${index}`)))
      expect(found.filter((each) => each)).toHaveLength(10)
      world.now += 100
      expect(await storage.registerClient(client('later'))).toBe(true)
      expect(await storage.sweep()).toBeGreaterThanOrEqual(10)
      expect(await storage.findRegisteredClient('later')).toBeDefined()
    })

    const registered = async (...ids: string[]) => {
      const found = await Promise.all(ids.map((id) => world.storage.findRegisteredClient(id)))
      return ids.filter((_, index) => found[index])
    }

    test('a client in use never gives way to a new one, until its grant ends', async () => {
      const { storage } = world
      const two = { most: 2 }
      await storage.registerClient(client('used', two))
      const allowed = await allowedRequest(storage, { agent: 'used' })
      await storage.extendRegisteredClient({ id: 'used', lifetime: 150 })
      world.now += 60
      await storage.registerClient(client('unused', two))
      world.now += 1
      expect(await storage.registerClient(client('new', two))).toBe(true)
      expect(await registered('used', 'unused', 'new')).toEqual(['used', 'new'])
      await allowedRequest(storage, { agent: 'new' })
      expect(await storage.registerClient(client('late', two))).toBe(false)
      expect(await registered('used', 'new', 'late')).toEqual(['used', 'new'])
      await storage.revokeGrant({ grantId: await grantOf(storage, allowed), by: 'operator' })
      expect(await storage.registerClient(client('late', two))).toBe(true)
      expect(await registered('used', 'new', 'late')).toEqual(['new', 'late'])
    })

    test('a grant that has expired keeps no client', async () => {
      const { storage } = world
      await storage.registerClient(client('brief', { most: 1 }))
      await allowedRequest(storage, { agent: 'brief' }, { grantLifetime: 10 })
      expect(await storage.registerClient(client('new', { most: 1 }))).toBe(false)
      world.now += 10
      expect(await storage.registerClient(client('new', { most: 1 }))).toBe(true)
    })

    test('the oldest client of the network that has most gives way, so that no network evicts those of others', async () => {
      const { storage } = world
      const five = { most: 5 }
      const ids = ['other', 'a', 'b', 'c', 'd', 'e', 'f']
      for (const id of ids) {
        world.now += 1
        await storage.registerClient(client(id, { ...five, network: id === 'other' ? '203.0' : '198.51' }))
      }
      expect(await registered(...ids)).toEqual(['other', 'c', 'd', 'e', 'f'])
      world.now += 1
      await storage.registerClient(client('third', { ...five, network: '192.0' }))
      expect(await registered(...ids, 'third')).toEqual(['other', 'd', 'e', 'f', 'third'])
    })

    test('a user keeps as many clients as a user may, those that the user allowed last', async () => {
      const { storage } = world
      const limits = { most: 3, mostPerUser: 2 }
      const user = await newUser(storage)
      for (const id of ['a', 'b', 'c']) {
        await storage.registerClient(client(id, limits))
        await allowedRequest(storage, { agent: id }, {}, user)
      }
      await allowedRequest(storage, { agent: 'a' }, {}, user)
      expect(await storage.registerClient(client('d', limits))).toBe(true)
      expect(await registered('a', 'b', 'c', 'd')).toEqual(['a', 'c', 'd'])
      await allowedRequest(storage, { agent: 'd' })
      expect(await storage.registerClient(client('e', limits))).toBe(false)
    })

    test('a hundredth of many clients gives way at once', async () => {
      const { storage } = world
      const ids = times(201, (index) => `c${index}`)
      for (const id of ids) await storage.registerClient(client(id, { most: 200 }))
      expect(await registered(...ids)).toHaveLength(199)
    })
  })
}
