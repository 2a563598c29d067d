import { expect, test } from 'vitest'
import { agent, allowedRequest, times } from '../fixtures.js'
import { day, inStorage, type MakeStorage, start } from './in-storage.js'

const uri = 'https://agent.example/logo.png'
const image = Uint8Array.of(1, 2, 3)
const sighting = { redirectHosts: [], keyThumbprints: [] }
const named = (index: number) => `https://agent-${index}.example`

export function logoContract(name: string, makeStorage: MakeStorage): void {
  inStorage(`${name}: logos`, makeStorage, (world) => {
    const claim = (changes: { agent?: string; uri?: string } = {}) =>
      world.storage.claimLogo({ agent, uri, maxAge: day, retryAfter: 600, ...changes })
    const seen = (seenAgent = agent) => world.storage.recordAgent({ agent: seenAgent, ...sighting })
    const logoOf = async (of = agent) => (await world.storage.findLogos([of])).get(of)

    async function kept(of = agent, id = `logo of ${of}`) {
      await seen(of)
      await claim({ agent: of })
      await world.storage.keepLogo({ agent: of, uri, logo: { id, image } })
    }

    test('of 20 parallel claims, one is granted, and the next one ten minutes later if there is still no logo', async () => {
      await seen()
      const claims = await Promise.all(times(20, () => claim()))
      expect(claims.filter(Boolean)).toHaveLength(1)
      world.now = start + 599
      expect(await claim()).toBe(false)
      world.now = start + 600
      expect(await claim()).toBe(true)
      expect(await claim()).toBe(false)
    })

    test('a stored logo can be claimed again a day later', async () => {
      await kept()
      world.now = start + day - 1
      expect(await claim()).toBe(false)
      world.now = start + day
      expect(await claim()).toBe(true)
      expect(await claim()).toBe(false)
    })

    test('the logo of an unknown agent cannot be claimed', async () => {
      expect(await claim()).toBe(false)
      // An agent that is only known from an event has not been seen.
      await world.storage.recordEvent({ event: 'agent.refused', agent })
      expect(await claim()).toBe(false)
      expect(await world.storage.keepLogo({ agent, uri, logo: { id: 'logo', image } })).toBe(false)
    })

    test('a stored logo is found by agent and read by id, and a claim for the same address does not remove it', async () => {
      const { storage } = world
      await kept()
      expect(await storage.findLogos(['https://other.example', agent])).toEqual(new Map([[agent, `logo of ${agent}`]]))
      expect(await storage.readLogo(`logo of ${agent}`)).toEqual(image)
      expect(await storage.readLogo('another')).toBeUndefined()
      expect(await storage.findLogos([])).toEqual(new Map())
      world.now = start + day
      expect(await claim()).toBe(true)
      expect(await logoOf()).toBe(`logo of ${agent}`)
    })

    test('another address can be claimed at once, which deletes the previous logo', async () => {
      const { storage } = world
      await kept()
      expect(await claim({ uri: `${uri}?2` })).toBe(true)
      expect(await logoOf()).toBeUndefined()
      expect(await storage.readLogo(`logo of ${agent}`)).toBeUndefined()
      expect(await storage.keepLogo({ agent, uri, logo: { id: 'late', image } })).toBe(false)
      expect(await logoOf()).toBeUndefined()
      expect(await storage.keepLogo({ agent, uri: `${uri}?2`, logo: { id: 'new', image } })).toBe(true)
      expect(await logoOf()).toBe('new')
    })

    test('another image from the same address replaces the previous one, and so does a missing image', async () => {
      const { storage } = world
      await kept()
      await storage.keepLogo({ agent, uri, logo: { id: 'new', image: Uint8Array.of(4) } })
      expect(await storage.readLogo(`logo of ${agent}`)).toBeUndefined()
      expect(await storage.readLogo('new')).toEqual(Uint8Array.of(4))
      await storage.keepLogo({ agent, uri, logo: null })
      expect(await logoOf()).toBeUndefined()
      expect(await storage.readLogo('new')).toBeUndefined()
    })

    test('a removed logo is gone, and can be claimed again', async () => {
      await kept()
      await kept(named(1))
      await world.storage.removeLogo(agent)
      expect(await logoOf(named(1))).toBeDefined()
      expect(await logoOf()).toBeUndefined()
      expect(await world.storage.readLogo(`logo of ${agent}`)).toBeUndefined()
      await world.storage.removeLogo(agent)
      expect(await claim()).toBe(true)
    })

    test('a logo is stored for a day, or as long as the agent if it was ever allowed', async () => {
      const { storage } = world
      await allowedRequest(storage)
      await kept()
      await kept(named(1))
      world.now = start + day - 1
      await storage.sweep()
      expect(await logoOf(named(1))).toBeDefined()
      world.now = start + day
      await storage.sweep()
      expect(await logoOf(named(1))).toBeUndefined()
      world.now = start + 399 * day
      await storage.sweep()
      expect(await logoOf()).toBeDefined()
    })

    test('of agents that were never allowed, the latest 1000 logos are stored', async () => {
      const { storage } = world
      await allowedRequest(storage)
      await kept()
      for (let index = 0; index < 1001; index++) {
        world.now = start + index
        await kept(named(index))
      }
      await storage.sweep()
      expect(await logoOf(named(0))).toBeUndefined()
      expect(await logoOf(named(1))).toBeDefined()
      expect(await logoOf()).toBeDefined()
    })
  })
}
