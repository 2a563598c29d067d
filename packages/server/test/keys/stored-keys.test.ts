import { randomBytes } from 'node:crypto'
import { decodeToken } from 'countersign/tokens'
import { KeyError, rotateKeys, StorageError, storedKeys } from 'countersign-server'
import { sqliteStorage } from 'countersign-server/sqlite'
import { describe, expect, it } from 'vitest'
import { createScriptedUser, decideAs } from '../scripted-user.js'
import { temporaryFile } from '../storage/temporary-file.js'
import { createWorld, ids, type World } from '../world.js'

const masterKey = randomBytes(32)
const start = 1_800_000_000

function createClock() {
  const clock = { now: start }
  return { clock, now: () => clock.now }
}

describe('storedKeys', () => {
  it('creates an active key, a next key and a secret on the first start, and loads them on the second', async () => {
    const { now } = createClock()
    const storage = sqliteStorage(':memory:', { now, sweepInterval: 0 })
    const first = await storedKeys({ storage, masterKey, now })
    const stored = await storage.listKeys()
    expect(stored.map(({ purpose, state }) => `${purpose} ${state}`).sort()).toEqual([
      'secret active',
      'sign active',
      'sign next',
    ])
    const secret = stored.find(({ purpose }) => purpose === 'secret')
    expect(secret).toMatchObject({ alg: 'HS256', kid: expect.stringMatching(/^secret-[0-9a-f]{16}$/) })
    expect(first.secret).toHaveLength(32)
    const second = await storedKeys({ storage, masterKey, now })
    expect(await storage.listKeys()).toEqual(stored)
    expect(second.secret).toEqual(first.secret)
    expect((await second.signer()).kid).toBe((await first.signer()).kid)
    expect(await second.publicKeys()).toHaveLength(2)
  })

  it('has two instances that start at the same time on one file agree', async () => {
    const { now } = createClock()
    const file = temporaryFile()
    const storages = [1, 2, 3].map(() => sqliteStorage(file, { now, sweepInterval: 0 }))
    const instances = await Promise.all(storages.map((storage) => storedKeys({ storage, masterKey, now })))
    const kids = await Promise.all(instances.map(async (keys) => (await keys.signer()).kid))
    expect(new Set(kids).size).toBe(1)
    expect(new Set(instances.map(({ secret }) => Buffer.from(secret).toString('hex'))).size).toBe(1)
    await Promise.all(storages.map((storage) => storage.close()))
  })

  it('refuses a different master key with a clear message (F14)', async () => {
    const storage = sqliteStorage(':memory:', { sweepInterval: 0 })
    await storedKeys({ storage, masterKey })
    const wrong = storedKeys({ storage, masterKey: randomBytes(32) })
    await expect(wrong).rejects.toThrow(KeyError)
    await expect(wrong).rejects.toMatchObject({ code: 'master_key_wrong' })
    await expect(wrong).rejects.toThrow(/a different master key/)
  })

  it('refuses a master key that is not 32 bytes', async () => {
    const storage = sqliteStorage(':memory:', { sweepInterval: 0 })
    await expect(storedKeys({ storage, masterKey: randomBytes(31) })).rejects.toThrow(TypeError)
    expect(await storage.listKeys()).toEqual([])
  })

  it('refuses a stored private part that belongs to another key', async () => {
    const storage = sqliteStorage(':memory:', { sweepInterval: 0 })
    await storedKeys({ storage, masterKey })
    const stored = await storage.listKeys()
    const next = stored.find(({ state }) => state === 'next')
    const active = stored.find(({ state, purpose }) => state === 'active' && purpose === 'sign')
    for (const [one, other] of [
      [active, next],
      [next, active],
    ]) {
      const swapped = stored.map((key) => (key.kid === one?.kid ? { ...key, private: other?.private ?? '' } : key))
      const tampered = { ...storage, listKeys: async () => swapped }
      await expect(storedKeys({ storage: tampered, masterKey })).rejects.toMatchObject({ code: 'master_key_wrong' })
    }
  })

  it('signs with the newest active key if there are several, and with none if there is none', async () => {
    const { clock, now } = createClock()
    const storage = sqliteStorage(':memory:', { now, sweepInterval: 0 })
    await storedKeys({ storage, masterKey, now })
    clock.now += 605
    await rotateKeys(storage, { masterKey, tokenLifetime: 600, now })
    const stored = await storage.listKeys()
    const next = stored.find(({ state }) => state === 'next')
    const opened = async (from: string, to: 'active' | 'retiring') => {
      const listKeys = async () => stored.map((key) => (key.state === from ? { ...key, state: to } : key))
      return storedKeys({ storage: { ...storage, listKeys }, masterKey })
    }
    expect((await (await opened('next', 'active')).signer()).kid).toBe(next?.kid)
    const signing = stored.filter(({ purpose }) => purpose === 'sign')
    const listKeys = async () => signing
    const withoutSecret = storedKeys({ storage: { ...storage, listKeys }, masterKey })
    await expect(withoutSecret).rejects.toMatchObject({
      code: 'no_active_key',
      message: expect.stringContaining('but no secret'),
    })
    await expect(opened('active', 'retiring')).rejects.toMatchObject({
      code: 'no_active_key',
      message: 'The database contains no active signing key.',
    })
  })

  it('leaves no private part readable in the storage', async () => {
    const storage = sqliteStorage(':memory:', { sweepInterval: 0 })
    const { secret } = await storedKeys({ storage, masterKey })
    const text = JSON.stringify(await storage.listKeys())
    expect(text).not.toContain(Buffer.from(secret).toString('base64url'))
    expect(text).not.toContain('"d"')
  })

  it('reads the storage at most every 5 s, and once for concurrent callers', async () => {
    const { clock, now } = createClock()
    const storage = sqliteStorage(':memory:', { now, sweepInterval: 0 })
    let reads = 0
    const counted = {
      ...storage,
      listKeys: async () => {
        reads += 1
        return storage.listKeys()
      },
    }
    const keys = await storedKeys({ storage: counted, masterKey, now })
    reads = 0
    clock.now += 4
    await Promise.all([keys.signer(), keys.publicKeys()])
    expect(reads).toBe(0)
    clock.now += 1
    await Promise.all([keys.signer(), keys.publicKeys(), keys.signer()])
    expect(reads).toBe(1)
    clock.now += 4
    await keys.signer()
    expect(reads, 'measured from the last read').toBe(1)
    clock.now += 1
    await keys.signer()
    expect(reads).toBe(2)
  })

  it('reports keys that cannot be decrypted once, and continues with the last ones', async () => {
    const { clock, now } = createClock()
    const storage = sqliteStorage(':memory:', { now, sweepInterval: 0 })
    let isTampered = false
    const listKeys = async () =>
      (await storage.listKeys()).map((key) => (isTampered ? { ...key, private: 'v1.a.b.c' } : key))
    const keys = await storedKeys({ storage: { ...storage, listKeys }, masterKey, now })
    const { kid } = await keys.signer()
    isTampered = true
    await rotateKeys(storage, { masterKey, tokenLifetime: 600, now, allowUnpublished: true })
    clock.now += 5
    await expect(keys.signer()).rejects.toMatchObject({ code: 'master_key_wrong' })
    expect((await keys.signer()).kid).toBe(kid)
    isTampered = false
    clock.now += 5
    expect((await keys.signer()).kid).not.toBe(kid)
  })

  it('starts keys at a whole second', async () => {
    const storage = sqliteStorage(':memory:', { sweepInterval: 0 })
    await storedKeys({ storage, masterKey, now: () => start + 0.75 })
    expect((await storage.listKeys()).map(({ notBefore }) => notBefore)).toEqual(
      expect.arrayContaining([start, start, start + 605]),
    )
  })

  it('continues with the last loaded keys while the database is down', async () => {
    const { clock, now } = createClock()
    const storage = sqliteStorage(':memory:', { now, sweepInterval: 0 })
    let down = false
    const listKeys = async () => {
      if (down) throw new StorageError('unavailable', 'the database is down')
      return storage.listKeys()
    }
    const keys = await storedKeys({ storage: { ...storage, listKeys }, masterKey, now })
    const published = await keys.publicKeys()
    down = true
    clock.now += 60
    expect(await keys.publicKeys()).toEqual(published)
    await expect(keys.signer()).resolves.toBeDefined()
  })
})

describe('T24: a key that is retiring', () => {
  const allow = async (world: World, url: string) => {
    const user = createScriptedUser(world.fetch)
    void user.open(await decideAs(user, url, 'grant'))
  }
  const kidOf = (header: string | null) => {
    const [, token = ''] = /jwt="([^"]+)"/.exec(header ?? '') ?? []
    return decodeToken(token)?.header.kid
  }

  it('has its tokens accepted until their exp, while new tokens use the active key', async () => {
    let now = () => start
    const storage = sqliteStorage(':memory:', { now: () => now(), sweepInterval: 0 })
    const keys = await storedKeys({ storage, masterKey, now: () => now() })
    const world = await createWorld({ server: { keys }, storage: () => storage, onConsent: allow })
    now = () => world.clock.now
    const old = (await keys.signer()).kid

    world.clock.now += 700
    expect((await world.agent.fetch(`${ids.resource}/data-auth`)).status).toBe(200)
    await rotateKeys(storage, { masterKey, tokenLifetime: 3600, now })
    world.clock.now += 3000
    world.sent.length = 0
    const held = await world.agent.fetch(`${ids.resource}/data-auth`)
    expect(held.status).toBe(200)
    expect(kidOf(world.sent[0]?.headers.get('signature-key') ?? null)).toBe(old)

    world.clock.now += 700
    const renewed = await world.agent.fetch(`${ids.resource}/data-auth`)
    expect(renewed.status).toBe(200)
    const kid = kidOf(
      world.sent.findLast(({ url }) => url.startsWith(ids.resource))?.headers.get('signature-key') ?? null,
    )
    expect(kid).not.toBe(old)
    expect(kid).toBe((await keys.signer()).kid)
  })
})
