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

    test('the oldest client that was never extended gives way to a new one, and the others never do', async () => {
      const { storage } = world
      const two = { most: 2 }
      await storage.registerClient(client('used', two))
      await storage.extendRegisteredClient({ id: 'used', lifetime: 150 })
      world.now += 60
      await storage.registerClient(client('unused', two))
      world.now += 1
      expect(await storage.registerClient(client('new', two))).toBe(true)
      expect(await storage.findRegisteredClient('unused')).toBeUndefined()
      expect(await storage.findRegisteredClient('used')).toBeDefined()
      await storage.extendRegisteredClient({ id: 'new', lifetime: 150 })
      expect(await storage.registerClient(client('late', two))).toBe(false)
      expect(await storage.findRegisteredClient('late')).toBeUndefined()
      expect(await storage.findRegisteredClient('new')).toBeDefined()
    })
  })
}
