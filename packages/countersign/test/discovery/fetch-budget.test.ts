import { createSigner, generatePrivateJwk } from 'countersign'
import { january } from 'countersign/editions'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { issuerDocuments } from '../origins.js'
import { refusal } from '../refusal.js'
import { discoveryAmong, hosts, reasonOf, signer } from './parties.js'

const attacker = '198.51.100.7'
const honest = '192.0.2.1'

/** The number of outcomes for each reason. */
function countsOf(reasons: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const reason of reasons) counts[reason] = (counts[reason] ?? 0) + 1
  return counts
}

describe('K25: fetch slots', () => {
  // A silent host would be given up after a while, which frees its slot.
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }))
  afterEach(() => void vi.useRealTimers())

  it('one source has four, and silent hosts in these keep no one else out', async () => {
    const { silence, release, waiting, find } = discoveryAmong()
    silence('https://silent-')
    const flood = hosts('silent', 100).map((host) => find(host, attacker))
    expect(waiting()).toBe(4)
    expect(await find('https://agent.example', honest)).toBe('found')
    expect(await find('https://other.example', attacker)).toBe('busy')
    release()
    expect(countsOf(await Promise.all(flood))).toEqual({ busy: 96, refused: 4 })
    expect(await find('https://other.example', attacker)).toBe('found')
  })

  it.each([
    ['the addresses of one IPv6 subscriber', '2001:db8:1:2::1', '2001:db8:1:2:ffff::9', 4],
    ['an IPv4 address and its IPv6 form', honest, `::ffff:${honest}`, 4],
    ['addresses in one IPv6 /48', '2001:db8:1:2::1', '2001:db8:1:3::1', 4],
    ['addresses in two IPv6 /48', '2001:db8:1:2::1', '2001:db8:2:2::1', 8],
    ['addresses in one IPv4 /24', honest, '192.0.2.77', 4],
    ['addresses in two IPv4 /24', honest, attacker, 8],
  ])('counts %s as one source or two', async (_name, one, other, places) => {
    const { silence, release, waiting, find } = discoveryAmong()
    silence('https://silent-')
    const flood = hosts('silent', 20).map((host, index) => find(host, index % 2 === 0 ? one : other))
    expect(waiting()).toBe(places)
    release()
    await Promise.all(flood)
  })

  it('a source that holds many is refused before one that holds none: the last slots are for newcomers', async () => {
    const { silence, release, waiting, find } = discoveryAmong()
    silence('https://silent-')
    const flood = hosts('silent', 60).map((host, index) => find(host, `2001:db8:${index % 6}::${index}`))
    expect(waiting()).toBeLessThan(20)
    const newcomers = Array.from({ length: 4 }, (_, index) =>
      find(`https://silent-new-${index}.example`, `10.${index}.0.1`),
    )
    expect(await find('https://agent.example', honest)).toBe('found')
    expect(await find('https://more.example', '2001:db8:0:1::1')).toBe('busy')
    release()
    await Promise.all([...flood, ...newcomers])
    expect(await find('https://more.example', '2001:db8:0:1::1')).toBe('found')
  })

  it('all sources together have 24 for unknown agents, and known agents are fetched in the rest, 32 in total', async () => {
    const { clock, silence, release, waiting, find } = discoveryAmong()
    const known = hosts('known', 60)
    for (const host of known) expect(await find(host)).toBe('found')
    clock.now += 301
    silence('https://silent-')
    const flood = hosts('silent', 100).map((host, index) => find(host, `198.${index}.100.1`))
    expect(waiting()).toBe(24)
    expect(await find('https://agent.example', honest)).toBe('busy')
    expect(await find(known[0] as string, attacker)).toBe('found')
    silence('https://known-')
    const refetches = known.slice(1, 30).map((host, index) => find(host, `192.${index}.2.1`))
    expect(waiting()).toBe(32)
    await Promise.all(known.slice(30).map((host) => find(host, honest)))
    expect(waiting()).toBe(32)
    release()
    await Promise.all([...flood, ...refetches])
    const later = known.slice(30).map((host) => find(host, honest))
    expect(waiting(), 'refused lookups hold no slot').toBe(8)
    release()
    await Promise.all(later)
  })

  it('slow documents of known agents leave eight for new agents', async () => {
    const { clock, silence, release, waiting, find } = discoveryAmong()
    const known = hosts('known', 32)
    for (const host of known) await find(host)
    clock.now += 301
    silence('https://known-')
    const refetches = known.map((host, index) => find(host, `198.${index}.100.1`))
    expect(waiting()).toBe(24)
    expect(await find('https://agent.example', honest)).toBe('found')
    silence('https://silent-')
    const flood = hosts('silent', 20).map((host, index) => find(host, `203.${index}.113.1`))
    expect(waiting()).toBe(32)
    release()
    await Promise.all([...refetches, ...flood])
  })

  it('one host has eight, no matter who requests its documents', async () => {
    const { otherwise, waiting, silence, release, find } = discoveryAmong({ allowPath: true })
    silence('https://agents.example/')
    const agents = Array.from({ length: 12 }, (_, index) => `https://agents.example/~${index}`)
    const flood = agents.map((agent, index) => find(agent, `198.${index}.100.1`))
    expect(waiting()).toBe(8)
    expect(countsOf(await Promise.all(flood.slice(8)))).toEqual({ busy: 4 })
    expect(await find('https://agent.example', honest)).toBe('found')
    otherwise.delete('https://agents.example/')
    release()
    await Promise.all(flood)
    expect(await find('https://agents.example/~8', honest)).toBe('refused')
  })

  it('all ports of a host are one host', async () => {
    const { otherwise, waiting, silence, release, find } = discoveryAmong()
    const agents = Array.from({ length: 12 }, (_, index) => `https://agents.example:${8000 + index}`)
    silence('https://agents.example:')
    const flood = agents.map((agent, index) => find(agent, `198.${index}.100.1`))
    expect(waiting()).toBe(8)
    otherwise.delete('https://agents.example:')
    release()
    expect(countsOf(await Promise.all(flood))).toMatchObject({ busy: 4 })
  })

  it('a key that an agent published in the meantime is found as soon as a slot is free again', async () => {
    const { clock, otherwise, silence, release, waiting, find } = discoveryAmong()
    const agent = 'https://agent.example'
    const known = hosts('known', 24)
    for (const host of known) await find(host)
    clock.now += 200
    expect(await find(agent, honest)).toBe('found')
    clock.now += 101
    silence('https://known-')
    const held = known.map((host, index) => find(host, `198.${index}.100.1`))
    expect(waiting()).toBe(24)
    otherwise.set(`${agent}/jwks.json`, async () => Response.json({ keys: [{ ...signer.jwk, kid: 'key-2' }] }))
    expect(await find(agent, honest, 'key-2')).toBe('busy')
    release()
    await Promise.all(held)
    expect(await find(agent, honest, 'key-2')).toBe('found')
  })

  it('so is a key published under the same kid; without a free slot, its origin is not contacted', async () => {
    const { clock, asked, otherwise, silence, release, waiting, find, discovery } = discoveryAmong()
    const agent = 'https://agent.example'
    const known = hosts('known', 24)
    for (const host of known) await find(host)
    clock.now += 200
    const first = await discovery.findKey(january.documents.agent, agent, 'key-1', honest)
    clock.now += 101
    silence('https://known-')
    const held = known.map((host, index) => find(host, `198.${index}.100.1`))
    expect(waiting()).toBe(24)
    const second = await createSigner(await generatePrivateJwk({ kid: 'key-1' }))
    otherwise.set(`${agent}/jwks.json`, async () => Response.json({ keys: [second.jwk] }))
    if (!('found' in first)) throw new Error('not found')
    const renew = () => discovery.renewKey(january.documents.agent, agent, 'key-1', first.found, honest)
    const before = asked.length
    expect(await renew()).toBeUndefined()
    expect(asked).toHaveLength(before)
    release()
    await Promise.all(held)
    expect(await renew()).toMatchObject({ thumbprint: second.thumbprint })
  })

  it('without an address, only the shared limit applies', async () => {
    const { silence, release, waiting, find } = discoveryAmong()
    silence('https://silent-')
    const flood = hosts('silent', 30).map((host) => find(host))
    expect(waiting()).toBe(24)
    release()
    await Promise.all(flood)
  })

  it('are released when a fetch fails unexpectedly', async () => {
    const { otherwise, find } = discoveryAmong()
    otherwise.set('https://broken-', () => Promise.reject(new Error('a mistake')))
    for (const host of hosts('broken', 40)) await expect(find(host, attacker)).rejects.toThrow('a mistake')
    expect(await find('https://agent.example', attacker)).toBe('found')
  })

  it('are not held by a lookup that waits to report its failure', async () => {
    vi.useRealTimers()
    let answer: (() => void) | undefined
    const time = new Promise<void>((resolve) => {
      answer = resolve
    })
    const { otherwise, asked, find } = discoveryAmong({ failureTime: 'equal', delay: () => time })
    otherwise.set('https://dead-', async () => new Response('', { status: 404 }))
    const flood: Promise<string>[] = []
    for (const host of hosts('dead', 100)) {
      flood.push(find(host, attacker))
      await expect.poll(() => asked, { interval: 1 }).toContain(`${host}/.well-known/aauth-agent`)
    }
    await new Promise((resolve) => setTimeout(resolve, 5))
    answer?.()
    expect(countsOf(await Promise.all(flood))).toEqual({ refused: 100 })
  })
})

describe('K25: fetches per minute', () => {
  it('one source can start 300, without reducing those of another; a minute later it can continue', async () => {
    const { clock, asked, find } = discoveryAmong()
    const reasons: string[] = []
    for (const host of hosts('agent', 200)) reasons.push(await find(host, attacker))
    expect(countsOf(reasons)).toEqual({ found: 150, busy: 50 })
    expect(asked).toHaveLength(300)
    expect(await find('https://honest.example', honest)).toBe('found')
    expect(await find('https://agent-0.example', attacker), 'cached results cost nothing').toBe('found')
    clock.now += 59
    expect(await find('https://later.example', attacker)).toBe('busy')
    clock.now += 1
    expect(await find('https://later.example', attacker)).toBe('found')
  })

  it('all sources together can start 3,000', async () => {
    const { asked, find } = discoveryAmong()
    const reasons: string[] = []
    for (const [index, host] of hosts('agent', 2000).entries())
      reasons.push(await find(host, `2001:db8:${index.toString(16)}::1`))
    expect(countsOf(reasons)).toEqual({ found: 1500, busy: 500 })
    expect(asked).toHaveLength(3000)
  })

  it('are limited as configured', async () => {
    const { find } = discoveryAmong({ fetchesPerMinute: 6, fetchesPerSource: 4 })
    const outcomes = []
    for (const host of hosts('a', 3)) outcomes.push(await find(host, attacker))
    for (const host of hosts('b', 2)) outcomes.push(await find(host, honest))
    expect(outcomes).toEqual(['found', 'found', 'busy', 'found', 'busy'])
  })

  it('are refused with 429 and a Retry-After', async () => {
    const { clock, discovery, find, silence, release, waiting } = discoveryAmong({ fetchesPerSource: 2 })
    const keys = january.createKeyResolver({
      discovery,
      now: () => clock.now,
      audience: 'https://resource.example',
      authTokenIssuers: [],
      role: 'authServer',
    })
    const refusalFor = (id: string, address: string) =>
      refusal(() => keys.resolve({ scheme: 'jwks', id, kid: 'key-1', wellKnown: 'aauth-agent' }, address))
    expect(await find('https://agent.example', attacker)).toBe('found')
    clock.now += 20
    expect(await refusalFor('https://new.example', attacker)).toMatchObject({
      code: 'too_many_requests',
      status: 429,
      retryAfter: 40,
    })
    silence('https://silent-')
    const flood = hosts('silent', 24).map((host, index) => find(host, `203.${index}.113.1`))
    expect(waiting()).toBe(24)
    expect(await refusalFor('https://new.example', honest)).toMatchObject({ status: 429, retryAfter: 3 })
    release()
    await Promise.all(flood)
  })

  it('do not include known agents: their keys are refetched even during a flood', async () => {
    const { clock, asked, find } = discoveryAmong({ fetchesPerMinute: 2 })
    expect(await find('https://agent.example', attacker)).toBe('found')
    expect(await find('https://new.example', attacker)).toBe('busy')
    clock.now += 301
    expect(await find('https://other.example', attacker)).toBe('found')
    expect(await find('https://new.example', attacker)).toBe('busy')
    expect(await find('https://agent.example', attacker)).toBe('found')
    expect(asked.filter((url) => url.startsWith('https://agent.'))).toHaveLength(4)
  })

  it('are per minute even if the clock is set back', async () => {
    const { clock, find } = discoveryAmong({ fetchesPerMinute: 2, fetchesPerSource: 2 })
    expect(await find('https://agent.example', attacker)).toBe('found')
    expect(await find('https://new.example', attacker)).toBe('busy')
    clock.now -= 86_400
    expect(await find('https://new.example', attacker)).toBe('found')
    expect(await find('https://other.example', attacker)).toBe('busy')
  })

  it('do not include auth servers, which are configured', async () => {
    const issuer = 'https://auth.example'
    const { otherwise, discovery, find } = discoveryAmong({ fetchesPerMinute: 1 })
    otherwise.set(issuer, async (url) => Response.json(issuerDocuments(issuer, [signer.jwk])[url]))
    expect(await find('https://new.example', attacker)).toBe('busy')
    expect(reasonOf(await discovery.findKey(january.documents.authServer, issuer, 'key-1', attacker))).toBe('found')
  })

  it('use bounded memory: the number of tracked sources is limited', async () => {
    const { find } = discoveryAmong({ fetchesPerMinute: 1_000_000, fetchesPerSource: 2 })
    const address = (index: number) => `2001:${(index >> 16).toString(16)}:${(index & 0xffff).toString(16)}::1`
    expect(await find('https://first.example', address(0))).toBe('found')
    expect(await find('https://second.example', address(0))).toBe('busy')
    for (let index = 1; index <= 10_000; index++) await find(`https://a${index}.example`, address(index))
    expect(await find('https://second.example', address(0)), 'the oldest source is evicted').toBe('found')
  })
})

describe('K25, K22: keys of known agents while no slot is free', () => {
  it('are used for at most a minute beyond their expiry: no one can keep a key alive by keeping the server busy', async () => {
    const { clock, silence, release, waiting, find } = discoveryAmong()
    expect(await find('https://agent.example', honest)).toBe('found')
    const known = hosts('known', 9)
    for (const host of known) await find(host)
    clock.now += 301
    silence('https://known-')
    const held = known.map((host) => find(host, attacker))
    expect(waiting(), 'one source has eight of them').toBe(8)
    expect(await find('https://agent.example', attacker)).toBe('found')
    clock.now += 58
    expect(await find('https://agent.example', attacker)).toBe('found')
    clock.now += 1
    expect(await find('https://agent.example', attacker)).toBe('busy')
    expect(await find('https://agent.example', honest)).toBe('found')
    release()
    await Promise.all(held)
  })
})

describe('K25: waiting lookups', () => {
  it('are limited to 500 per source, and other sources continue', async () => {
    const { silence, release, find } = discoveryAmong()
    silence('https://silent-')
    const flood = Array.from({ length: 600 }, () => find('https://silent-0.example', attacker))
    expect(await find('https://agent.example', honest)).toBe('found')
    expect(await flood[599]).toBe('busy')
    release()
    expect(countsOf(await Promise.all(flood))).toEqual({ refused: 500, busy: 100 })
    expect(await find('https://agent-2.example', attacker)).toBe('found')
  })

  it('are limited to 2,000 in total, and lookups for known agents have separate slots', async () => {
    const { clock, silence, release, find } = discoveryAmong()
    expect(await find('https://agent.example', honest)).toBe('found')
    clock.now += 400
    silence('https://silent-')
    const flood = Array.from({ length: 2010 }, (_, index) => find('https://silent-0.example', `2001:db8:${index}::1`))
    expect(await flood[2009]).toBe('busy')
    expect(await find('https://new.example', honest)).toBe('busy')
    expect(await find('https://agent.example', honest)).toBe('found')
    release()
    expect(countsOf(await Promise.all(flood))).toEqual({ refused: 2000, busy: 10 })
  })

  it('leave no unhandled rejection when a fetch that they may not wait for fails unexpectedly', async () => {
    const { silence, release, otherwise, asked, find } = discoveryAmong()
    silence('https://silent-')
    const flood = Array.from({ length: 500 }, () => find('https://silent-0.example', attacker))
    otherwise.set('https://broken.example', () => Promise.reject(new Error('a mistake')))
    expect(await find('https://broken.example', attacker)).toBe('busy')
    expect(asked).toHaveLength(1)
    release()
    await Promise.all(flood)
  })
})

it('at most 500 documents larger than 4 KiB are cached, and they evict no small ones', async () => {
  const { asked, otherwise, find } = discoveryAmong({ fetchesPerMinute: 1_000_000 })
  otherwise.set('https://large-', async (url) => {
    const { origin } = new URL(url)
    if (!url.endsWith('/jwks.json')) return Response.json({ agent: origin, jwks_uri: `${origin}/jwks.json` })
    return Response.json({ keys: [signer.jwk], pad: 'a'.repeat(60_000) })
  })
  expect(await find('https://agent.example')).toBe('found')
  for (const host of hosts('large', 501)) expect(await find(host)).toBe('found')
  const fetchesOf = (start: string) => asked.filter((url) => url.startsWith(start)).length
  for (const host of ['https://agent.example', 'https://large-500.example', 'https://large-0.example'])
    expect(await find(host)).toBe('found')
  expect(fetchesOf('https://agent.example')).toBe(2)
  expect(fetchesOf('https://large-500.example')).toBe(2)
  expect(fetchesOf('https://large-0.example')).toBe(3)
})

it('K22: caches the latest version of a document that grows or shrinks past that size', async () => {
  const { clock, otherwise, find } = discoveryAmong()
  const agent = 'https://agent.example'
  for (const [round, pad] of ['', 'a'.repeat(9000), '', 'a'.repeat(9000)].entries()) {
    const keys = [{ ...signer.jwk, kid: `key-${round}` }]
    otherwise.set(`${agent}/jwks.json`, async () => Response.json({ keys, pad }))
    expect(await find(agent, honest, `key-${round}`)).toBe('found')
    clock.now += 301
    otherwise.set(`${agent}/jwks.json`, async () => new Response('', { status: 503 }))
    expect(await find(agent, honest, `key-${round - 1}`), 'stale').toBe('unknown_kid')
    expect(await find(agent, honest, `key-${round}`), 'stale').toBe('found')
    clock.now += 61
  }
})
