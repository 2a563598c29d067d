import { createClient } from '@redis/client'
import type { NonceClaim } from 'countersign/resource'
import {
  type RedisClient,
  redisNonces,
  redisPlatformTokens,
  redisRateLimit,
  redisRevokedTokens,
} from 'countersign/resource/redis'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createValkey, hasValkey, type Valkey } from '../../../../test/valkey.js'

/** Moves every time of expiry in these keys back by a number of seconds, and returns how many there were. */
const expireAll = `
local moved = 0
for _, key in ipairs(redis.call('KEYS', ARGV[1])) do
  if redis.call('TYPE', key).ok == 'zset' then
    local entries = redis.call('ZRANGE', key, 0, -1, 'WITHSCORES')
    for i = 1, #entries, 2 do
      if tonumber(entries[i + 1]) > 1e9 then
        redis.call('ZINCRBY', key, -ARGV[2], entries[i])
        moved = moved + 1
      end
    end
  end
end
return moved`

describe.skipIf(!hasValkey())('a Redis store', () => {
  let valkey: Valkey
  const clients: { destroy: () => void }[] = []
  async function newClient(): Promise<RedisClient> {
    const client = createClient({ url: valkey.url, disableOfflineQueue: true })
    client.on('error', () => undefined)
    await client.connect()
    clients.push(client)
    return client as unknown as RedisClient
  }

  beforeAll(async () => {
    valkey = await createValkey()
    await valkey.start()
  })
  afterAll(async () => {
    for (const client of clients) client.destroy()
    await valkey.remove()
  })

  /** Sets how many revoked tokens a party is counted to have. */
  async function setCount(client: RedisClient, prefix: string, of: string, name: string, count: number) {
    const script = `return redis.call('ZADD', KEYS[1], ARGV[1], ARGV[2])`
    await client.eval(script, { keys: [`{${prefix}} ${of} revoked tokens`], arguments: [String(count), name] })
  }

  let names = 0
  const ownPrefix = () => `test-${++names}`
  const claimOf = (key: string, more: Partial<NonceClaim['source']> = {}, lifetime = 120): NonceClaim => {
    return { key, lifetime, source: { agent: 'https://agent.example', thumbprint: 't', network: '192.0.2', ...more } }
  }

  it('claims a nonce once, whichever of many instances claims it, and wherever it comes from', async () => {
    const prefix = ownPrefix()
    const instances = await Promise.all([newClient(), newClient(), newClient()])
    const claims = instances.map((client) => redisNonces(client, { prefix }))
    const taken = await Promise.all(
      Array.from({ length: 300 }, async (_, at) =>
        claims[at % 3]?.(claimOf(`n-${at % 20}`, { network: `198.51.${at % 7}` })),
      ),
    )
    expect(taken.filter((one) => one === true)).toHaveLength(20)
    expect(taken.filter((one) => one === false)).toHaveLength(280)
  })

  it('binds a platform token to one key, whichever of many instances sees it, until it expires (T37)', async () => {
    const prefix = ownPrefix()
    const binds = await Promise.all([1, 2, 3].map(async () => redisPlatformTokens(await newClient(), { prefix })))
    const token = (thumbprint: string) => ({ hash: 'h', thumbprint, expiresAt: Date.now() / 1000 + 300 })
    const holders = await Promise.all(
      Array.from({ length: 60 }, async (_, at) => binds[at % 3]?.(token(`key-${at % 7}`))),
    )
    expect(new Set(holders).size).toBe(1)
    const client = await newClient()
    const left = await client.eval("return redis.call('TTL', KEYS[1])", {
      keys: [`{${prefix}} platform token h`],
      arguments: [],
    })
    expect(left).toBeGreaterThan(0)
    expect(left).toBeLessThanOrEqual(301)
  })

  it('claims it again after its lifetime, and removes expired counters', async () => {
    const [client, prefix] = [await newClient(), ownPrefix()]
    const claim = redisNonces(client, { prefix, perAgent: 2 })
    expect(await claim(claimOf('a', {}, 60))).toBe(true)
    expect(await claim(claimOf('b', {}, 60))).toBe(true)
    await expect(claim(claimOf('c', {}, 60))).rejects.toMatchObject({ code: 'too_many_requests' })
    expect(await claim(claimOf('a', {}, 60))).toBe(false)
    // The store's clock cannot be advanced: the times of expiry move back instead.
    expect(await client.eval(expireAll, { keys: [], arguments: [`{${prefix}}*`, '61'] })).toBe(2)
    expect(await claim(claimOf('a'))).toBe(true)
    expect(await claim(claimOf('b'))).toBe(true)
    await expect(claim(claimOf('c'))).rejects.toMatchObject({ code: 'too_many_requests' })
  })

  it('does not let one source fill it for others, and stores nothing of what it refuses', async () => {
    const claim = redisNonces(await newClient(), { prefix: ownPrefix(), perKey: 2, perNetwork: 3, total: 100 })
    const stranger = (thumbprint: string, network = '192.0.2') => ({ agent: undefined, thumbprint, network })
    expect(await claim(claimOf('1', stranger('k1')))).toBe(true)
    expect(await claim(claimOf('2', stranger('k1')))).toBe(true)
    await expect(claim(claimOf('3', stranger('k1')))).rejects.toThrow(/from this key/)
    expect(await claim(claimOf('4', stranger('k2')))).toBe(true)
    await expect(claim(claimOf('5', stranger('k3')))).rejects.toThrow(/in this network/)
    expect(await claim(claimOf('3', stranger('k9', '203.0.113'))), 'it was refused before').toBe(true)
    expect(await claim(claimOf('6')), 'an agent').toBe(true)
  })

  it('counts requests across all instances by what the caller proved', async () => {
    const prefix = ownPrefix()
    const limits = { signature: 2, address: 4, identity: 3, authorization: 5 }
    const [one, other] = [
      redisRateLimit(await newClient(), { prefix, ...limits }),
      redisRateLimit(await newClient(), { prefix, ...limits }),
    ]
    const request = { thumbprint: 'k1', iss: undefined, sub: undefined, remoteAddress: '192.0.2.1' }
    const agent = { ...request, level: 'identity', agent: 'https://agent.example' } as const
    const key = { ...request, level: 'signature', agent: undefined } as const
    expect([await one(agent), await other(agent), await one(agent)]).toEqual([undefined, undefined, undefined])
    const wait = await other(agent)
    expect(wait).toBeGreaterThan(10)
    expect(wait).toBeLessThanOrEqual(60)
    expect([await one(key), await other(key)]).toEqual([undefined, undefined])
    expect(await one(key)).toBeGreaterThan(0)
    expect(await one({ ...key, thumbprint: 'k2' }), 'the fourth from this address').toBeUndefined()
    expect(await one({ ...key, thumbprint: 'k3' }), 'the fifth').toBeGreaterThan(0)
  })

  it('remembers the revoked tokens of each issuer for all instances, until they expire', async () => {
    const [client, prefix] = [await newClient(), ownPrefix()]
    const [one, other] = [redisRevokedTokens(client, { prefix }), redisRevokedTokens(await newClient(), { prefix })]
    const until = Math.floor(Date.now() / 1000) + 300
    const issuer = 'https://ps.example'
    expect([await one.add(issuer, 'j1', until), await one.add(issuer, 'j1', until)]).toEqual([true, true])
    const has = async (id: string, jti: string) => other.has(id, jti)
    expect(await has(issuer, 'j1')).toBe(true)
    expect([await has(issuer, 'j2'), await has('https://other.example', 'j1')]).toEqual([false, false])
    // The store's clock cannot be advanced: the times of expiry move back instead.
    expect(await client.eval(expireAll, { keys: [], arguments: [`{${prefix}}*`, '301'] })).toBe(1)
    expect(await other.has(issuer, 'j1')).toBe(false)
  })

  it('remembers a revoked token until the latest time that was reported', async () => {
    const [client, prefix] = [await newClient(), ownPrefix()]
    const revoked = redisRevokedTokens(client, { prefix })
    const at = Math.floor(Date.now() / 1000)
    for (const seconds of [30, 300, 60]) await revoked.add('https://ps.example', 'j1', at + seconds)
    await client.eval(expireAll, { keys: [], arguments: [`{${prefix}}*`, '90'] })
    expect(await revoked.has('https://ps.example', 'j1')).toBe(true)
    await client.eval(expireAll, { keys: [], arguments: [`{${prefix}}*`, '240'] })
    expect(await revoked.has('https://ps.example', 'j1')).toBe(false)
  })

  it('remembers 10,000 revoked tokens per issuer', async () => {
    const [client, prefix] = [await newClient(), ownPrefix()]
    const revoked = redisRevokedTokens(client, { prefix })
    const until = Math.floor(Date.now() / 1000) + 300
    const issuer = 'https://ps.example'
    await revoked.add(issuer, 'j1', until)
    await setCount(client, prefix, 'holders', issuer, 10_000)
    expect(await revoked.add(issuer, 'more', until)).toBe(false)
    expect(await revoked.has(issuer, 'more')).toBe(false)
    expect(await revoked.add(issuer, 'j1', until)).toBe(true)
    expect(await revoked.add('https://other.example', 'more', until)).toBe(true)
    await client.eval(expireAll, { keys: [], arguments: [`{${prefix}}*`, '301'] })
    await setCount(client, prefix, 'holders', issuer, 9_999)
    expect(await revoked.add(issuer, 'more', until)).toBe(true)
  })

  it('when it has too many revoked tokens, refuses only the domain with the most', async () => {
    const [client, prefix] = [await newClient(), ownPrefix()]
    const revoked = redisRevokedTokens(client, { prefix, total: 50 })
    const until = Math.floor(Date.now() / 1000) + 300
    const attempts = Array.from({ length: 80 }, (_, at) => `https://s${at}.evil.example`)
    const added: boolean[] = []
    for (const issuer of attempts) added.push(await revoked.add(issuer, 'j1', until))
    expect(added).toEqual(attempts.map((_, at) => at < 50))
    expect(await revoked.has('https://s79.evil.example', 'j1')).toBe(false)
    expect(await revoked.add('https://ps.example', 'j1', until)).toBe(true)
    expect([await revoked.has('https://ps.example', 'j1'), await revoked.has('https://s0.evil.example', 'j1')]).toEqual(
      [true, true],
    )
  })

  it('refuses immediately when lost under load; after reconnecting, claims unclaimed nonces, and none twice', async () => {
    const prefix = ownPrefix()
    const claim = redisNonces(await newClient(), { prefix, timeout: 500 })
    const limit = redisRateLimit(await newClient(), { prefix, timeout: 500 })
    const taken = new Set<string>()
    const refused: { code: string | undefined; took: number }[] = []
    let stopped = false
    async function load(of: number): Promise<void> {
      for (let at = 0; !stopped; at++) {
        const key = `load-${of}-${at}`
        const began = performance.now()
        try {
          if (await claim(claimOf(key))) taken.add(key)
          await limit({
            level: 'identity',
            thumbprint: 't',
            agent: `https://a${of}.example`,
            iss: undefined,
            sub: undefined,
            remoteAddress: undefined,
          })
        } catch (error) {
          refused.push({ code: (error as { code?: string }).code, took: performance.now() - began })
          await new Promise((soon) => setTimeout(soon, 20))
        }
      }
    }
    const loads = Promise.all(Array.from({ length: 8 }, (_, of) => load(of)))
    await expect.poll(() => taken.size).toBeGreaterThan(10)
    await valkey.stop('SIGKILL')
    await new Promise((soon) => setTimeout(soon, 500))
    const before = taken.size
    await valkey.start()
    await expect.poll(() => taken.size, { interval: 20 }).toBeGreaterThan(before)
    stopped = true
    await loads
    expect(taken.size, 'after reconnecting').toBeGreaterThan(before)
    expect(new Set(refused.map(({ code }) => code))).toEqual(new Set(['unavailable']))
    expect(Math.max(...refused.map(({ took }) => took))).toBeLessThan(30_000)
    const again = await Promise.all([...taken].map(async (key) => claim(claimOf(key))))
    expect(
      again.filter((one) => one),
      'claimed twice',
    ).toEqual([])
  })
})

it('fails if the store does not respond in time', async () => {
  const client = { eval: () => new Promise<never>(() => undefined) }
  const revoked = redisRevokedTokens(client, { timeout: 10 })
  await expect(revoked.has('https://ps.example', 'j1')).rejects.toMatchObject({
    code: 'unavailable',
    retryAfter: 5,
    cause: { message: 'no response within 10 ms' },
  })
})

it.each([
  [-1, undefined],
  [0, 1],
  [1000, 1],
  [1001, 2],
  [60_000, 60],
])('a counter that the store resets in %i ms refuses requests for %j s', async (left, wait) => {
  const limit = redisRateLimit({ eval: async () => left })
  const request = { level: 'signature', agent: undefined, iss: undefined, sub: undefined } as const
  expect(await limit({ ...request, thumbprint: 'k1', remoteAddress: '192.0.2.1' })).toBe(wait)
})

it('rejects a value that is not a client', () => {
  expect(() => redisNonces({} as never)).toThrow(/client/)
  expect(() => redisRateLimit(undefined as never)).toThrow(/client/)
  expect(() => redisRevokedTokens({} as never)).toThrow(/client/)
  expect(() => redisNonces({ eval: async () => 1 }, { perKey: 0 })).toThrow(/perKey/)
})
