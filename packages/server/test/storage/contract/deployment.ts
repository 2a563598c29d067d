import { expect, test } from 'vitest'
import { times } from '../fixtures.js'
import { inStorage, type MakeStorage } from './in-storage.js'

export function deploymentContract(name: string, makeStorage: MakeStorage): void {
  inStorage(`${name}: whose database it is`, makeStorage, (world) => {
    test('it is that of the first issuer that claims it, for good', async () => {
      const { storage } = world
      expect(await storage.claimIssuer('https://auth.example')).toBe('https://auth.example')
      world.now += 1
      expect(await storage.claimIssuer('https://other.example')).toBe('https://auth.example')
      expect(await storage.claimIssuer('https://auth.example')).toBe('https://auth.example')
    })

    test('of 20 parallel claims one is the first, and all hear of it', async () => {
      const { storage } = world
      const owners = await Promise.all(times(20, (index) => storage.claimIssuer(`https://auth-${index}.example`)))
      expect(new Set(owners).size).toBe(1)
      expect(owners[0]).toMatch(/^https:\/\/auth-\d+\.example$/)
    })
  })
}
