import type { NonceClaim, NonceLimits, NonceSource } from 'countersign/signatures'
import type { Storage } from 'countersign-server'
import { describe, expect, test } from 'vitest'
import { hashOf, nonceClaim, refreshable, times } from '../fixtures.js'
import { inStorage, type MakeStorage, start } from './in-storage.js'

const agent = (name: string | number, network = '192.0.2') => ({ agent: `https://${name}.example`, network })
const stranger = (name: string | number, network = '192.0.2') => ({ thumbprint: `key ${name}`, network })

/** The number of claims that are granted; the others must be refused because of their source. */
async function granted(
  storage: Storage,
  count: number,
  source: (index: number) => Partial<NonceSource>,
  lifetime = 130,
): Promise<number> {
  const claims = times(count, (index) => isGranted(storage, nonceClaim(source(index), undefined, lifetime)))
  return (await Promise.all(claims)).filter(Boolean).length
}

async function isGranted(storage: Storage, claim: NonceClaim): Promise<boolean> {
  try {
    return await storage.claimNonce(claim)
  } catch (error) {
    expect(error).toMatchObject({ code: 'too_many_nonces' })
    return false
  }
}

export function nonceContract(name: string, makeStorage: MakeStorage): void {
  inStorage(`${name}: nonces`, makeStorage, (world) => {
    test('of 20 parallel claims of one nonce, exactly one is granted', async () => {
      const { storage } = world
      const results = await Promise.all(times(20, () => storage.claimNonce(nonceClaim({}, hashOf('key')))))
      expect(results.filter(Boolean)).toHaveLength(1)
      expect(await storage.claimNonce(nonceClaim({}, hashOf('other key')))).toBe(true)
    })

    test('a nonce stays claimed for its whole lifetime, swept or not, no matter who claims it', async () => {
      const { storage } = world
      await storage.claimNonce(nonceClaim({}, hashOf('key')))
      world.now = start + 129
      await storage.sweep()
      expect(await storage.claimNonce(nonceClaim({}, hashOf('key')))).toBe(false)
      expect(await storage.claimNonce(nonceClaim(agent('a'), hashOf('key')))).toBe(false)
      world.now = start + 130
      expect(await storage.claimNonce(nonceClaim({}, hashOf('key')))).toBe(true)
      expect(await storage.claimNonce(nonceClaim({}, hashOf('key')))).toBe(false)
    })

    test('a nonce with a lifetime of one second is claimed for that second', async () => {
      const claim = () => world.storage.claimNonce(nonceClaim({}, hashOf('key'), 1))
      expect([await claim(), await claim()]).toEqual([true, false])
      world.now += 1
      expect(await claim()).toBe(true)
    })
  })

  const few = (limits: NonceLimits) => (options: Parameters<MakeStorage>[0]) =>
    makeStorage({ ...options, limits: { nonces: limits } })

  inStorage(`${name}: a source of nonces`, few({ perKey: 2, perNetwork: 3, perAgent: 4 }), (world) => {
    test('is a key, a network’s keys or an agent, and never exceeds its limit, even with simultaneous claims', async () => {
      const { storage } = world
      expect(await granted(storage, 20, () => stranger(1))).toBe(2)
      expect(await granted(storage, 20, (index) => stranger(1, `10.0.${index}`))).toBe(0)
      expect(await granted(storage, 20, stranger)).toBe(1)
      expect(await granted(storage, 20, (index) => agent('a', `10.0.${index}`))).toBe(4)
      expect(await granted(storage, 20, () => agent('b'))).toBe(4)
      expect(await granted(storage, 20, () => stranger('new', '192.0.3'))).toBe(2)
    })

    test('never exceeds its limit when many refresh at the same time', async () => {
      const { storage } = world
      const { refresh } = await refreshable(storage)
      for (const network of ['10.0.1', '10.0.2']) {
        const id = `https://of-${network}.example`
        const claims = times(20, () => nonceClaim({ agent: id, network }))
        const results = await Promise.allSettled(claims.map((nonce) => storage.refreshGrant({ ...refresh, nonce })))
        expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(4)
      }
    })

    test('counts each claim once if several requests refresh at the same time', async () => {
      const { storage } = world
      const { refresh } = await refreshable(storage)
      for (const fulfilled of [2, 2, 0]) {
        const claims = times(2, () => storage.refreshGrant({ ...refresh, nonce: nonceClaim(agent('a')) }))
        const results = await Promise.allSettled(claims)
        expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(fulfilled)
      }
    })

    test('regains its slots one by one as its nonces expire, swept or not', async () => {
      const { storage } = world
      for (const swept of [false, true]) {
        world.now += 1000
        const begun = world.now
        await granted(storage, 2, () => stranger(1), 60)
        await granted(storage, 1, () => stranger(2), 61)
        await granted(storage, 2, () => agent('a'), 60)
        await granted(storage, 2, () => agent('a'), 61)
        world.now = begun + 59
        if (swept) await storage.sweep()
        expect(await granted(storage, 3, stranger)).toBe(0)
        world.now = begun + 60
        if (swept) expect(await storage.sweep()).toBe(4)
        expect(await granted(storage, 9, () => agent('a'), 10)).toBe(2)
        expect(await granted(storage, 9, () => stranger(1), 10)).toBe(2)
        expect(await granted(storage, 9, () => stranger(3), 10)).toBe(0)
        world.now = begun + 61
        if (swept) expect(await storage.sweep()).toBe(3)
        expect(await granted(storage, 9, () => stranger(3), 10)).toBe(1)
      }
    })

    test('a refused claim stores nothing, and a replay is not a claim', async () => {
      const { storage } = world
      await granted(storage, 3, () => stranger(1))
      const refused = nonceClaim(stranger(1))
      expect(await isGranted(storage, refused)).toBe(false)
      expect(await isGranted(storage, { ...refused, source: { ...refused.source, agent: 'https://a.example' } })).toBe(
        true,
      )
      await granted(storage, 3, () => agent('a'))
      expect(await storage.claimNonce(nonceClaim(agent('a'), refused.key))).toBe(false)
      expect(await granted(storage, 9, () => stranger(2))).toBe(1)
    })
  })

  inStorage(`${name}: a full store of nonces`, few({ total: 40 }), (world) => {
    test('refuses the network that holds the most, and no other', async () => {
      const { storage } = world
      expect(await granted(storage, 36, (index) => agent(index, '198.51.100'))).toBe(36)
      expect(await granted(storage, 4, agent)).toBe(4)
      expect(await granted(storage, 5, (index) => agent(`more-${index}`, '198.51.100'))).toBe(0)
      expect(await granted(storage, 5, (index) => agent(`more-${index}`))).toBe(5)
      expect(await granted(storage, 5, (index) => stranger(index, '203.0.113'))).toBe(5)
    })

    test('keys that authenticate no agent can hold at most half, and displace no agent', async () => {
      const { storage } = world
      expect(await granted(storage, 3, () => agent('a'))).toBe(3)
      expect(await granted(storage, 90, (index) => stranger(index, `${(0x2400 + index).toString(16)}:1:1`))).toBe(20)
      expect(await granted(storage, 37, () => agent('a'))).toBe(37)
      expect(await granted(storage, 5, (index) => agent(index, `10.${index}.0`))).toBe(5)
    })

    test('counts the IPv4 /16 or IPv6 /32 of a client that holds a few in each of many networks', async () => {
      const { storage } = world
      expect(await granted(storage, 3, () => agent('a'))).toBe(3)
      expect(await granted(storage, 90, (index) => agent(index, `2001:db8:${index}`))).toBe(37)
      expect(await granted(storage, 5, () => agent('a'))).toBe(5)
      expect(await granted(storage, 5, (index) => agent('b', `203.0.${index}`))).toBe(5)
      expect(await granted(storage, 9, (index) => stranger(index, `2001:db8:${index}`))).toBe(9)
      expect(await granted(storage, 9, (index) => stranger(index, `2001:db8:${index + 9}`))).toBe(1)
      expect(await granted(storage, 2, () => stranger('b', '203.0.113'))).toBe(2)
    })

    test('never holds twice its limit, and has slots again when some have expired', async () => {
      const { storage } = world
      let all = 0
      for (const network of times(100, (index) => `10.${index}.0`)) {
        all += await granted(storage, 3, (index) => agent(index, network), 60)
      }
      expect(all).toBeGreaterThan(40)
      expect(all).toBeLessThanOrEqual(80)
      world.now += 60
      expect(await granted(storage, 40, () => agent('a'))).toBe(40)
      expect(await granted(storage, 5, () => agent('a'))).toBe(0)
    })
  })

  describe(`${name}: nonce limits`, () => {
    test('that are not positive integers are rejected', async () => {
      for (const limit of ['perKey', 'perNetwork', 'perAgent', 'total']) {
        const make = async () => makeStorage({ sweepInterval: 0, limits: { nonces: { [limit]: 0 } } })
        await expect(make()).rejects.toThrow(limit)
      }
    })
  })
}
