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
      await storage.registerClient(client('a'))
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
      await Promise.all(times(20, (index) => storage.registerClient(client(`c${index}`))))
      const found = await Promise.all(times(20, (index) => storage.findRegisteredClient(`c${index}`)))
      expect(found.filter((each) => each)).toHaveLength(10)
      world.now += 100
      await storage.registerClient(client('later'))
      expect(await storage.sweep()).toBeGreaterThanOrEqual(10)
      expect(await storage.findRegisteredClient('later')).toBeDefined()
    })

    const registered = async (...ids: string[]) => {
      const found = await Promise.all(ids.map((id) => world.storage.findRegisteredClient(id)))
      return ids.filter((_, index) => found[index])
    }

    test('a client in use gives way to a new one only if too many are in use, until its grant ends', async () => {
      const { storage } = world
      const two = { most: 2 }
      await storage.registerClient(client('used', two))
      const allowed = await allowedRequest(storage, { agent: 'used' })
      await storage.extendRegisteredClient({ id: 'used', lifetime: 150 })
      world.now += 60
      await storage.registerClient(client('unused', two))
      world.now += 1
      await storage.registerClient(client('new', two))
      expect(await registered('used', 'unused', 'new')).toEqual(['used', 'new'])
      await storage.revokeGrant({ grantId: await grantOf(storage, allowed), by: 'operator' })
      await allowedRequest(storage, { agent: 'new' })
      await storage.registerClient(client('late', two))
      expect(await registered('used', 'new', 'late')).toEqual(['new', 'late'])
      await allowedRequest(storage, { agent: 'late' })
      await storage.registerClient(client('last', two))
      expect(await registered('new', 'late', 'last')).toEqual(['late', 'last'])
    })

    test('a grant that has expired keeps no client', async () => {
      const { storage } = world
      const two = { most: 2 }
      await storage.registerClient(client('brief', two))
      await allowedRequest(storage, { agent: 'brief' }, { grantLifetime: 10 })
      for (const id of ['a', 'b']) {
        world.now += 1
        await storage.registerClient(client(id, two))
      }
      expect(await registered('brief', 'a', 'b')).toEqual(['brief', 'b'])
      world.now += 10
      await storage.registerClient(client('c', two))
      expect(await registered('brief', 'b', 'c')).toEqual(['b', 'c'])
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
      await storage.registerClient(client('d', limits))
      expect(await registered('a', 'b', 'c', 'd')).toEqual(['a', 'c', 'd'])
    })

    test('of the clients in use, those of the users who have most of them give way', async () => {
      const { storage } = world
      const limits = { most: 20, mostPerUser: 10 }
      const names = (who: string, count: number) => times(count, (index) => `${who}${index}`)
      const use = async (who: string, count: number, user: Awaited<ReturnType<typeof newUser>>) => {
        for (const id of names(who, count)) {
          world.now += 1
          await storage.registerClient(client(id, limits))
          await allowedRequest(storage, { agent: id }, {}, user)
        }
      }
      const [own, one, two] = [await newUser(storage), await newUser(storage), await newUser(storage)]
      await use('own', 4, own)
      await use('one', 10, one)
      await use('two', 10, two)
      expect(await registered(...names('own', 4))).toHaveLength(4)
      // A user without clients can always have some, as can a client that no one has allowed yet.
      await use('new', 4, await newUser(storage))
      expect(await registered(...names('own', 4), ...names('new', 4))).toHaveLength(8)
      world.now += 1
      await storage.registerClient(client('waiting', limits))
      await use('one-more', 10, one)
      expect(await registered('waiting', ...names('own', 4), ...names('new', 4))).toHaveLength(9)
      const left = await registered(...names('one', 10), ...names('two', 10), ...names('one-more', 10))
      expect(left.slice(-2)).toEqual(['one-more8', 'one-more9'])
      // A client that several users allowed is kept for the one with the fewest.
      await allowedRequest(storage, { agent: 'two9' }, {}, await newUser(storage))
      await use('two-more', 10, two)
      expect(await registered('two9', ...names('own', 4), ...names('new', 4))).toHaveLength(9)
    })

    test('a hundredth of many clients gives way at once', async () => {
      const { storage } = world
      const ids = times(201, (index) => `c${index}`)
      for (const id of ids) await storage.registerClient(client(id, { most: 200 }))
      expect(await registered(...ids)).toHaveLength(199)
    })
  })
}
