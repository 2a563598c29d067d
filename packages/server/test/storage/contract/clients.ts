import { expect, test } from 'vitest'
import { times } from '../fixtures.js'
import { inStorage, type MakeStorage, start } from './in-storage.js'

const client = (id: string, changes: object = {}) => ({
  id,
  metadata: { client_name: id },
  lifetime: 100,
  most: 10,
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
        endsAt: start + 100,
      })
      expect(await storage.findRegisteredClient('b')).toBeUndefined()
      await storage.extendRegisteredClient({ id: 'a', lifetime: 50 })
      expect(await storage.findRegisteredClient('a')).toMatchObject({ endsAt: start + 100 })
      await storage.extendRegisteredClient({ id: 'a', lifetime: 200 })
      world.now += 199
      expect(await storage.findRegisteredClient('a')).toMatchObject({ endsAt: start + 200 })
      world.now += 1
      expect(await storage.findRegisteredClient('a')).toBeUndefined()
      await storage.extendRegisteredClient({ id: 'a', lifetime: 1000 })
      expect(await storage.findRegisteredClient('a')).toBeUndefined()
    })

    test('of 20 clients that register at the same time, as many are stored as may be', async () => {
      const { storage } = world
      const stored = await Promise.all(times(20, (index) => storage.registerClient(client(`c${index}`))))
      expect(stored.filter((isStored) => isStored)).toHaveLength(10)
      expect(await storage.registerClient(client('late'))).toBe(false)
      world.now += 100
      expect(await storage.registerClient(client('later'))).toBe(true)
      expect(await storage.sweep()).toBeGreaterThanOrEqual(10)
      expect(await storage.findRegisteredClient('later')).toBeDefined()
    })
  })
}
