import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { createMemoryNonces, type MemoryNoncesOptions } from 'countersign/resource'
import type { NonceSource } from 'countersign/signatures'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createTally } from '../../src/httpsig/memory-nonces.js'
import { refusal, refusalCode } from '../refusal.js'

const start = 1_800_000_000

function open(options: MemoryNoncesOptions = {}) {
  const clock = { now: start }
  const claimNonce = createMemoryNonces({ now: () => clock.now, ...options })
  let made = 0
  /** Claims a nonce that was not used before, unless it is named. */
  const claim = (source: Partial<NonceSource> = {}, { key = `nonce ${++made}`, lifetime = 120 } = {}) =>
    claimNonce({ key, lifetime, source: { agent: undefined, thumbprint: 'key', network: '192.0.2', ...source } })
  /** The number of successful claims out of this many. */
  const claimed = (count: number, source: (index: number) => Partial<NonceSource>) =>
    Array.from({ length: count }, (_, index) => isClaimed(() => claim(source(index)))).filter(Boolean).length
  return { clock, claim, claimed }
}

function isClaimed(claim: () => unknown): boolean {
  try {
    return claim() === true
  } catch {
    return false
  }
}

const agent = (name: string | number, network = '192.0.2') => ({ agent: `https://${name}.example`, network })
const stranger = (name: string | number, network = '192.0.2') => ({ thumbprint: `key ${name}`, network })

describe('one source', () => {
  it('a key that proves no agent holds up to 256, and the error says how to get more', async () => {
    const { claim, claimed } = open()
    expect(claimed(300, () => stranger(1))).toBe(256)
    expect(await refusal(() => claim(stranger(1)))).toMatchObject({
      code: 'too_many_requests',
      status: 429,
      retryAfter: 60,
    })
    expect(claim(stranger(2))).toBe(true)
  })

  it('a key that proves no agent is the same source in another network', () => {
    const { claimed } = open()
    expect(claimed(300, (index) => stranger(1, `192.0.${index}`))).toBe(256)
  })

  it('all such keys in one network hold up to 4,096; other networks, and agents in the same network, are not affected', async () => {
    const { claim, claimed } = open()
    expect(claimed(5000, stranger)).toBe(4096)
    expect(await refusal(() => claim(stranger('more')))).toMatchObject({
      code: 'too_many_requests',
      retryAfter: 60,
    })
    expect(claim(stranger('more', '192.0.3'))).toBe(true)
    expect(claim(agent('known'))).toBe(true)
  })

  it('an agent holds up to 16,384, whatever keys and delegates sign for it and from wherever', async () => {
    const { claim, claimed } = open()
    expect(claimed(17_000, (index) => ({ ...agent('a', `192.0.${index % 200}`), thumbprint: `key ${index}` }))).toBe(
      16_384,
    )
    const refused = await refusal(() => claim(agent('a')))
    expect(refused).toMatchObject({ code: 'too_many_requests', retryAfter: 60 })
    expect(claim(agent('b'))).toBe(true)
    expect(claim(stranger(1))).toBe(true)
  })

  it('an agent uses none of the slots of the strangers in its network', () => {
    const { claimed } = open({ perNetwork: 10 })
    expect(claimed(50, () => agent('a'))).toBe(50)
    expect(claimed(50, stranger)).toBe(10)
  })

  it('every limit is configurable', () => {
    const { claimed } = open({ perKey: 2, perNetwork: 3, perAgent: 4 })
    expect(claimed(9, () => stranger(1))).toBe(2)
    expect(claimed(9, stranger)).toBe(1)
    expect(claimed(9, () => agent('a'))).toBe(4)
  })

  it.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])('rejects a limit of %s', (value) => {
    for (const name of ['perKey', 'perNetwork', 'perAgent', 'total'])
      expect(() => createMemoryNonces({ [name]: value })).toThrow(name)
  })

  it('gets its slots back, one by one, as its nonces expire', () => {
    const { clock, claim, claimed } = open({ perKey: 2, perNetwork: 3, perAgent: 2 })
    for (const source of [stranger(1), agent('a')]) {
      claim(source, { lifetime: 60 })
      claim(source, { lifetime: 61 })
    }
    claim(stranger(2), { lifetime: 60 })
    clock.now += 59
    expect(claimed(1, () => stranger(1)) + claimed(1, () => agent('a')) + claimed(1, () => stranger(3))).toBe(0)
    clock.now += 1
    expect(claimed(5, () => agent('a'))).toBe(1)
    expect(claimed(5, () => stranger(1))).toBe(1)
    expect(claimed(5, () => stranger(3))).toBe(1)
  })

  it.each(['perKey', 'perNetwork', 'perAgent'])('stays counted while one of its nonces is active: %s', (limit) => {
    const { clock, claim, claimed } = open({ [limit]: 2 })
    const source = limit === 'perAgent' ? agent('a') : stranger(1)
    claim(source, { lifetime: 60 })
    claim(source, { lifetime: 61 })
    clock.now += 60
    expect(claimed(5, () => source)).toBe(1)
  })

  it('a nonce claimed again after it expired counts once', () => {
    const { clock, claim, claimed } = open({ perKey: 2 })
    claim(stranger(1), { key: 'a', lifetime: 10.5 })
    clock.now += 11
    expect(claim(stranger(1), { key: 'a' })).toBe(true)
    expect(claimed(5, () => stranger(1))).toBe(1)
  })

  it('a replay is detected even if its source has reached its limit', () => {
    const { claim } = open({ perKey: 1 })
    expect(claim(stranger(1), { key: 'a' })).toBe(true)
    expect(claim(stranger(1), { key: 'a' })).toBe(false)
    expect(claim(stranger(2), { key: 'a' })).toBe(false)
  })
})

describe('a full store', () => {
  it('refuses the network that holds the most nonces, and no other', async () => {
    const { claim, claimed } = open({ total: 100 })
    expect(claimed(90, (index) => agent(`evil-${index}`, '198.51.100'))).toBe(90)
    expect(claimed(10, (index) => agent(`good-${index}`, '192.0.2'))).toBe(10)
    expect(await refusal(() => claim(agent('evil-1', '198.51.100')))).toMatchObject({
      code: 'too_many_requests',
      retryAfter: 60,
    })
    expect(claim(stranger('evil', '198.51.100')), 'keys that prove no agent have separate slots').toBe(true)
    expect(claimed(30, (index) => agent(`good-${index}`, '192.0.2'))).toBe(30)
    expect(claim(stranger('new', '203.0.113'))).toBe(true)
  })

  it('holds 100,000 before it is full', async () => {
    const { claim, claimed } = open()
    expect(claimed(100_010, (index) => agent(index))).toBe(100_000)
    expect(await refusalCode(() => claim(agent('one-more')))).toBe('too_many_requests')
    expect(claim(agent('elsewhere', '192.0.3'))).toBe(true)
  })

  it('has slots for those who hold few if many networks fill it, and never holds more than twice the limit', async () => {
    const { claimed } = open({ total: 1000 })
    let all = 0
    for (let network = 0; network < 50; network++)
      all += claimed(300, (index) => agent(`${index}-of-${network}`, `10.${network}.0`))
    expect(all).toBeGreaterThan(1500)
    expect(claimed(3, (index) => agent(`good-${index}`, '192.0.2'))).toBe(3)
    for (let network = 0; network < 3000; network++) all += claimed(1, () => agent('a', `2001:${network}:1`))
    expect(all).toBe(2000 - 3)
  })

  it('gives one network a 64th of the last slots left once half of them are taken', () => {
    const { claimed } = open({ total: 1000 })
    for (const network of ['10.1.0', '10.2.0', '10.3.0']) claimed(490, () => agent(`of-${network}`, network))
    // 1,470 are held; the next 30 are the last that do not require a network to hold few.
    expect(claimed(100, () => agent('a', '10.4.0'))).toBe(30)
    expect(claimed(100, () => agent('b', '10.5.0'))).toBe(8)
    expect(claimed(100, () => agent('c', '10.4.0'))).toBe(0)
  })

  it('refuses everyone for a while at twice its limit', async () => {
    const { clock, claim } = open({ total: 2 })
    claim(agent('a'), { lifetime: 60 })
    claim(agent('b'), { lifetime: 60 })
    claim(agent('c', '193.0.3'))
    claim(agent('d', '194.0.4'), { key: 'd' })
    expect(await refusal(() => claim(agent('e', '195.0.5')))).toMatchObject({ code: 'unavailable', retryAfter: 60 })
    expect(claim(agent('d', '194.0.4'), { key: 'd' })).toBe(false)
    clock.now += 60
    expect(claim(agent('e', '195.0.5'))).toBe(true)
  })

  describe('mostly filled with a few nonces from each of many networks', () => {
    const sources = {
      'networks in one IPv6 /32': (index: number) => `2001:db8:${index.toString(16)}`,
      'networks in one IPv4 /16': (index: number) => `198.51.${index}`,
      'networks in many IPv6 /32': (index: number) => `${(0x2400 + (index % 4096)).toString(16)}:${index}:1`,
    }

    it.each(Object.entries(sources))(
      'has slots for agents, despite keys that prove no agent: %s',
      async (_claim, network) => {
        const { claim, claimed } = open({ total: 4000, perNetwork: 100 })
        expect(claimed(3, () => agent('a', '192.0.2'))).toBe(3)
        expect(claimed(9000, (index) => stranger(index, network(index >> 1)))).toBeLessThanOrEqual(2000)
        expect(claimed(4000 - 3, () => agent('a', '192.0.2'))).toBe(4000 - 3)
        expect(claim(agent('b', network(0)))).toBe(true)
      },
    )

    it.each(Object.entries(sources).slice(0, 2))(
      'has slots for another prefix, for keys and for agents: %s',
      async (_claim, network) => {
        for (const source of [stranger, agent]) {
          const total = 4000
          const { claim, claimed } = open({ total, perNetwork: 100 })
          expect(claimed(3, () => source('good', '192.0.2'))).toBe(3)
          const held = source === stranger ? total / 4 : total
          expect(claimed(9000, (index) => source(index, network(index % 200)))).toBe(held - 3)
          const refused = await refusal(() => claim(source('one more', network(9))))
          expect(refused.code).toBe('too_many_requests')
          expect(claimed(5, () => source('good', '192.0.2'))).toBe(5)
          expect(claimed(5, (index) => source(`new ${index}`, `203.0.${index}`))).toBe(5)
        }
      },
    )

    it('divides the remaining slots among many prefixes, and keeps some for those who hold few', () => {
      const { claimed } = open({ total: 4000 })
      for (let prefix = 0; prefix < 60; prefix++) claimed(1000, (index) => agent(index, `2400:${prefix}:${index}`))
      expect(claimed(3, () => agent('good', '192.0.2'))).toBe(3)
    })

    it('gives no more to a prefix whose networks hold many each', () => {
      const { claimed } = open({ total: 4000 })
      expect(claimed(3000, (index) => agent(index, '198.51.100'))).toBe(3000)
      expect(claimed(9000, (index) => agent(index, `198.51.${index % 90}`))).toBeLessThan(3001)
      expect(claimed(9000, (index) => agent(index, `203.0.${index % 90}`))).toBeLessThan(2001)
      expect(claimed(20, () => agent('good', '192.0.2'))).toBe(20)
    })
  })

  it('keys that prove no agent use no slots of agents, and agents use none of those', async () => {
    const { claim, claimed } = open({ total: 40, perNetwork: 5 })
    for (let network = 0; network < 40; network++) claimed(5, (index) => agent(index, `10.${network}.0`))
    expect(claimed(10, (index) => stranger(index, `172.${index}.0`))).toBe(10)
    expect(claimed(30, (index) => stranger(index, `173.${index}.0`))).toBe(10)
    expect(await refusal(() => claim(stranger('more', '203.0.113')))).toMatchObject({
      code: 'too_many_requests',
    })
  })

  it('refuses only the network that holds the most, and not its neighbors', () => {
    const { claimed } = open({ total: 100 })
    expect(claimed(200, (index) => agent(index, '198.51.100'))).toBe(100)
    expect(claimed(20, () => agent('good', '198.51.7'))).toBe(20)
  })

  it('stops tracking the network that held the most when its nonces expire', () => {
    const { clock, claimed, claim } = open({ total: 10 })
    for (let index = 0; index < 9; index++) claim(agent('a', '198.51.100'), { lifetime: 60 })
    clock.now += 30
    // These take half of the last slots.
    expect(claimed(20, () => agent('b', '192.0.2'))).toBe(6)
    clock.now += 30
    expect(claimed(20, () => agent('b', '192.0.2'))).toBe(10 - 6)
    expect(claim(agent('a', '198.51.100'))).toBe(true)
  })

  it('does not slow down with each refused nonce', () => {
    const { clock, claim } = open({ perAgent: 100_000 })
    for (let index = 0; index < 100_000; index++)
      claim(agent('a'), { key: `first ${index}`, lifetime: 60 + (index % 60) })
    const { user } = process.cpuUsage()
    for (let index = 0; index < 2000; index++) expect(isClaimed(() => claim(agent('a')))).toBe(false)
    // Scanning all nonces for each of the 2,000 would take several seconds.
    expect(process.cpuUsage().user - user, 'in microseconds').toBeLessThan(1_000_000)
    clock.now += 60
    expect(claim(agent('a'), { key: 'first 0' })).toBe(true)
    expect(claim(agent('a'), { key: 'first 1' })).toBe(false)
    clock.now -= 30
    expect(claim(agent('a'), { key: 'first 0' })).toBe(false)
    expect(claim(agent('a'), { key: 'first 1' })).toBe(false)
  })
})

describe('a clock that was set back', () => {
  it('does not stop nonces from expiring', () => {
    const { clock, claim } = open({ perKey: 2 })
    clock.now += 3600
    claim({}, { lifetime: 60 })
    clock.now -= 3600
    expect(claim({}, { lifetime: 60 })).toBe(true)
    clock.now += 60
    expect(claim()).toBe(true)
  })

  it('does not expire a nonce with its first claim if it was claimed again', () => {
    const { clock, claim } = open()
    clock.now = start + 100
    claim({}, { key: 'other', lifetime: 60 })
    clock.now = start
    expect(claim({}, { key: 'a', lifetime: 10 })).toBe(true)
    clock.now = start + 11
    expect(claim({}, { key: 'a', lifetime: 130 })).toBe(true)
    clock.now = start + 101
    expect(claim({}, { key: 'a' })).toBe(false)
  })
})

it('frees the memory of expired nonces', () => {
  setFlagsFromString('--expose-gc')
  const collectGarbage = runInNewContext('gc') as () => void
  const memory = () => {
    collectGarbage()
    return process.memoryUsage().heapUsed
  }
  const { clock, claim } = open()
  const before = memory()
  const key = Buffer.alloc(20_000, 'k').toString('latin1')
  for (let second = 0; second < 1000; second++) {
    clock.now = start + second
    claim({}, { key: Buffer.from(key + second).toString('latin1'), lifetime: 1 })
  }
  // 1,000 keys of 20 kB take 20 MB.
  expect(memory() - before).toBeLessThan(5_000_000)
})

it('a tally knows each count, and the highest, after any changes', () => {
  const name = fc.constantFrom('a', 'b', 'c')
  fc.assert(
    fc.property(fc.array(fc.tuple(name, fc.boolean()), { maxLength: 60 }), (changes) => {
      const tally = createTally()
      const counts = new Map<string, number>()
      for (const [each, isMore] of changes) {
        const count = counts.get(each) ?? 0
        if (!isMore && count === 0) continue
        tally.change(each, isMore ? 1 : -1)
        counts.set(each, isMore ? count + 1 : count - 1)
        expect([each, tally.of(each), tally.most()]).toEqual([each, counts.get(each), Math.max(...counts.values())])
      }
    }),
  )
})
