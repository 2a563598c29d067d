import { randomBytes } from 'node:crypto'
import { KeyError, rotateKeys, type ServerKeys, StorageError, storedKeys } from 'countersign-server'
import { sqliteStorage } from 'countersign-server/sqlite'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

const masterKey = randomBytes(32)
const tokenLifetime = 600

async function createServer() {
  const clock = { now: 1_800_000_000 }
  const now = () => clock.now
  const storage = sqliteStorage(':memory:', { now, sweepInterval: 0 })
  const keys = await storedKeys({ storage, masterKey, now })
  return {
    clock,
    storage,
    keys,
    now,
    rotate: (options = {}) => rotateKeys(storage, { masterKey, tokenLifetime, now, ...options }),
    states: async () =>
      Object.fromEntries((await storage.listKeys()).filter((k) => k.purpose === 'sign').map((k) => [k.kid, k.state])),
  }
}

describe('rotateKeys', () => {
  it('moves a key through next, active, retiring and gone', async () => {
    const server = await createServer()
    const first = (await server.keys.signer()).kid
    server.clock.now += 605
    const one = await server.rotate()
    expect(one).toMatchObject({ gone: [], early: false, retiring: [{ kid: first, until: server.clock.now + 665 }] })
    expect(await server.states()).toEqual({ [first]: 'retiring', [one.activated ?? '']: 'active', [one.next]: 'next' })

    server.clock.now += 664
    expect((await server.keys.publicKeys()).map(({ kid }) => kid)).toContain(first)
    expect((await server.keys.signer()).kid).toBe(one.activated)
    server.clock.now += 1
    expect((await server.keys.publicKeys()).map(({ kid }) => kid)).not.toContain(first)
    const two = await server.rotate()
    expect(two.gone).toEqual([first])
    const gone = (await server.storage.listKeys()).find(({ kid }) => kid === first)
    expect(gone).toMatchObject({ state: 'gone', private: null })
    server.clock.now += 5
    expect((await server.keys.signer()).kid).toBe(two.activated)
  })

  it('keeps a key published for its tokens from before a shorter lifetime was configured', async () => {
    const server = await createServer()
    const first = (await server.keys.signer()).kid
    for (const lifetime of [86_400, tokenLifetime]) await server.storage.claimIssuer('https://auth.example', lifetime)
    server.clock.now += 605
    const { retiring } = await server.rotate()
    expect(retiring).toEqual([{ kid: first, until: server.clock.now + 86_465 }])
    server.clock.now += 86_400
    expect((await server.keys.publicKeys()).map(({ kid }) => kid)).toContain(first)
    server.clock.now += 605
    const { retiring: next } = await server.rotate()
    expect(next).toMatchObject([{ until: server.clock.now + 86_465 }])
    server.clock.now += 3600
    expect((await server.rotate()).retiring).toMatchObject([{ until: server.clock.now + 665 }])
  })

  it('refuses a next key that caches may not know, reports when it may sign, and changes nothing', async () => {
    const server = await createServer()
    server.clock.now += 604
    const before = await server.storage.listKeys()
    const refused = server.rotate()
    await expect(refused).rejects.toThrow(KeyError)
    const readyAt = server.clock.now + 1
    await expect(refused).rejects.toMatchObject({ name: 'KeyError', code: 'next_key_too_new', readyAt })
    await expect(refused).rejects.toThrow(`cannot sign before ${new Date(readyAt * 1000).toISOString()}:`)
    expect(await server.storage.listKeys()).toEqual(before)
  })

  it('uses it immediately in an emergency, and reports that it is early', async () => {
    const server = await createServer()
    const rotation = await server.rotate({ allowUnpublished: true })
    expect(rotation.early).toBe(true)
    server.clock.now += 5
    expect((await server.keys.signer()).kid).toBe(rotation.activated)
  })

  it('refuses another master key, so that one master key decrypts all keys', async () => {
    const server = await createServer()
    server.clock.now += 700
    await expect(server.rotate({ masterKey: randomBytes(32) })).rejects.toMatchObject({ code: 'master_key_wrong' })
    await expect(server.rotate({ masterKey: randomBytes(31) })).rejects.toThrow(TypeError)
  })

  it('activates one of two next keys, and keeps the other as the next one', async () => {
    const server = await createServer()
    const [next] = (await server.storage.listKeys()).filter(({ state }) => state === 'next')
    await server.storage.moveKeys([{ kid: next?.kid ?? '', from: 'next', to: 'gone' }])
    const added = await Promise.all([server.rotate(), server.rotate()])
    server.clock.now += 605
    expect((await server.keys.publicKeys()).map(({ kid }) => kid)).not.toContain(next?.kid)
    const { activated, next: spare, nextReadyAt } = await server.rotate()
    expect(new Set([activated, spare])).toEqual(new Set(added.map((each) => each.next)))
    expect(nextReadyAt).toBe(server.clock.now)
  })

  it('ends a key whose last token has expired, also if no key can be activated, and no other', async () => {
    const server = await createServer()
    const first = (await server.keys.signer()).kid
    server.clock.now += 605
    const { next } = await server.rotate()
    expect((await server.rotate({ allowUnpublished: true })).gone).toEqual([])
    expect((await server.states())[first]).toBe('retiring')
    const [spare] = (await server.storage.listKeys()).filter(({ state }) => state === 'next')
    await server.storage.moveKeys([{ kid: spare?.kid ?? '', from: 'next', to: 'gone' }])
    server.clock.now += 664
    expect(await server.rotate()).toMatchObject({ activated: undefined, retiring: [], gone: [] })
    await server.storage.moveKeys([{ kid: first, from: 'retiring', to: 'gone' }])
    const [added] = (await server.storage.listKeys()).filter(({ state }) => state === 'next')
    await server.storage.moveKeys([{ kid: added?.kid ?? '', from: 'next', to: 'gone' }])
    server.clock.now += 1
    const [over, ...more] = (await server.rotate()).gone
    expect([(await server.states())[over ?? ''], more]).toEqual(['gone', []])
    expect((await server.states())[next]).toBe('active')
  })

  it('starts a key at a whole second', async () => {
    const server = await createServer()
    server.clock.now += 700.75
    expect((await server.rotate()).nextReadyAt).toBe(Math.floor(server.clock.now) + 605)
  })

  it('fails if the keys cannot be written, or a key has an algorithm for which none can be generated', async () => {
    const server = await createServer()
    const stored = await server.storage.listKeys()
    const unknown = async () => stored.map((key) => ({ ...key, alg: 'RS256', notBefore: 0 }))
    const options = { masterKey, tokenLifetime, now: server.now }
    await expect(rotateKeys({ ...server.storage, listKeys: unknown }, options)).rejects.toThrow(
      'no keys can be generated for the algorithm RS256',
    )
    const withoutNext = async () => stored.filter(({ state }) => state !== 'next')
    const down = new StorageError('unavailable', 'the database is down')
    const storage = { ...server.storage, listKeys: withoutNext, addKey: () => Promise.reject(down) }
    await expect(rotateKeys(storage, options)).rejects.toBe(down)
  })

  it('refuses a database without keys', async () => {
    const storage = sqliteStorage(':memory:', { sweepInterval: 0 })
    await expect(rotateKeys(storage, { masterKey, tokenLifetime })).rejects.toMatchObject({
      code: 'no_active_key',
      message: 'There are no keys yet: the server creates them when it first starts.',
    })
  })

  it('lets only one of two concurrent rotations succeed', async () => {
    const server = await createServer()
    server.clock.now += 700
    const outcomes = await Promise.allSettled([server.rotate(), server.rotate()])
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
    const [lost] = outcomes.filter((outcome) => outcome.status === 'rejected')
    expect(lost?.reason).toBeInstanceOf(StorageError)
    expect(Object.values(await server.states()).sort()).toEqual(['active', 'next', 'retiring'])
  })

  it('never signs with a key that an instance has not published for 600 s (I6)', async () => {
    const step = fc.oneof(fc.constantFrom(5, 50, 95, 500), fc.constant('rotate' as const))
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const server = await createServer()
        const others = await Promise.all([1, 2].map(() => storedKeys({ ...server, masterKey })))
        const instances: readonly ServerKeys[] = [server.keys, ...others]
        const firstKid = (await server.keys.signer()).kid
        const shown = instances.map(() => new Map<string, number>())
        const look = async () => {
          for (const [index, keys] of instances.entries()) {
            for (const { kid = '' } of await keys.publicKeys()) {
              if (!shown[index]?.has(kid)) shown[index]?.set(kid, server.clock.now)
            }
            const { kid } = await keys.signer()
            for (const seen of kid === firstKid ? [] : shown) {
              expect(server.clock.now - (seen.get(kid) ?? Infinity)).toBeGreaterThanOrEqual(600)
            }
          }
        }
        await look()
        for (const next of steps) {
          if (next === 'rotate') {
            await server.rotate().catch((error: unknown) => {
              if (!(error instanceof KeyError)) throw error
            })
          }
          for (let left = next === 'rotate' ? 5 : next; left > 0; left -= 5) {
            server.clock.now += 5
            await look()
          }
        }
      }),
      { numRuns: 60 },
    )
  })
})
