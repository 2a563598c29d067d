import { randomBytes } from 'node:crypto'
import {
  KeyError,
  type Rotation,
  rotateKeysWhenDue,
  type Storage,
  startKeyRotation,
  storedKeys,
} from 'countersign-server'
import { sqliteStorage } from 'countersign-server/sqlite'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { interleavedStorage, noInterleaving, plan } from '../interleaving/interleave.js'
import { engines, openTwo } from './two-storages.js'

const masterKey = randomBytes(32)
const days = 86_400

/** Two instances on one database, with one adjustable clock. */
async function twoInstances(open?: Parameters<typeof openTwo>[0]) {
  const { clock, now, storages, storage } = await openTwo(open)
  const keys = await Promise.all(storages.map((each) => storedKeys({ storage: each, masterKey, now })))
  const options = { masterKey, tokenLifetime: 600, rotateAfter: 90 * days, by: 'server', now }
  return {
    clock,
    keys,
    storage,
    options,
    look: async () =>
      (await Promise.all(storages.map((each) => rotateKeysWhenDue(each, options)))).filter(
        (rotation) => rotation !== undefined,
      ),
    kids: () => Promise.all(keys.map(async (each) => (await each.signer()).kid)),
    states: async () => (await signingKeys(storage)).map(({ state }) => state),
  }
}

const signingKeys = async (storage: Storage) => (await storage.listKeys()).filter(({ purpose }) => purpose === 'sign')

describe('automatic key rotation', () => {
  it('rotates once when it is due, on one of two instances, and both follow', async () => {
    const server = await twoInstances()
    const [first] = await server.kids()
    server.clock.now += 90 * days - 1
    expect(await server.look()).toEqual([])
    expect(await server.kids()).toEqual([first, first])
    server.clock.now += 1
    const [rotation, ...more] = await server.look()
    expect(more).toEqual([])
    expect((await server.states()).sort()).toEqual(['active', 'next', 'retiring'])
    server.clock.now += 5
    expect(rotation?.activated).not.toBe(first)
    expect(await server.kids()).toEqual([rotation?.activated, rotation?.activated])
    expect(await server.look()).toEqual([])
  })

  it('continues to rotate, each time to a key that was published for the entire preceding period (I6)', async () => {
    const server = await twoInstances()
    for (let turn = 0; turn < 4; turn += 1) {
      const next = (await signingKeys(server.storage)).find(({ state }) => state === 'next')
      for (const keys of server.keys) expect((await keys.publicKeys()).map(({ kid }) => kid)).toContain(next?.kid)
      server.clock.now += 90 * days
      expect(await server.look()).toMatchObject([{ activated: next?.kid, early: false }])
      server.clock.now += 5
    }
  })

  it.each(engines)(
    'J05: rotates once if another instance rotates before any storage call of a rotation, on %s',
    async (_name, open) => {
      for (let after = 0; ; after += 1) {
        const interleaving = noInterleaving()
        const { clock, storage, options, states } = await twoInstances(open)
        clock.now += 90 * days
        plan(interleaving, after, () => rotateKeysWhenDue(storage, options))
        await rotateKeysWhenDue(interleavedStorage(storage, interleaving), options)
        expect((await states()).sort(), `before call ${after}`).toEqual(['active', 'next', 'retiring'])
        expect(await storage.listEvents({ event: 'keys.rotated' })).toHaveLength(1)
        if (interleaving.ranAfter === undefined) break
        expect(after).toBeLessThan(20)
      }
    },
  )

  it('is scheduled from the last rotation, even an early one', async () => {
    const server = await twoInstances()
    server.clock.now += 50 * days
    expect(await rotateKeysWhenDue(server.storage, { ...server.options, rotateAfter: 1 })).toBeDefined()
    server.clock.now += 90 * days - 1
    expect(await server.look()).toEqual([])
    server.clock.now += 1
    expect(await server.look()).toHaveLength(1)
  })

  it('never uses a key that caches may not know, however short the rotation interval', async () => {
    const server = await twoInstances()
    server.clock.now += 604
    expect(await rotateKeysWhenDue(server.storage, { ...server.options, rotateAfter: 1 })).toBeUndefined()
    server.clock.now += 1
    expect(await rotateKeysWhenDue(server.storage, { ...server.options, rotateAfter: 1 })).toMatchObject({
      early: false,
    })
  })

  it('deletes the private part of a key whose last token has expired, before the next rotation', async () => {
    const server = await twoInstances()
    server.clock.now += 90 * days
    await server.look()
    server.clock.now += 664
    await server.look()
    expect(await server.states()).toContain('retiring')
    server.clock.now += 1
    await server.look()
    const gone = (await signingKeys(server.storage)).filter(({ state }) => state === 'gone')
    expect(gone).toMatchObject([{ private: null }])
    expect(await server.states()).not.toContain('retiring')
  })

  it('appears in the audit log as done by the server, with the key created in the same step', async () => {
    const server = await twoInstances()
    server.clock.now += 90 * days
    await server.look()
    const events = await server.storage.listEvents()
    expect(events.map(({ event }) => event)).toEqual(['keys.created', 'keys.rotated', 'key.added'])
    for (const { data } of events.slice(1)) expect(data).toMatchObject({ by: 'server' })
  })

  it('adds a next key if it is missing, and changes nothing else', async () => {
    const storage = sqliteStorage(':memory:', { sweepInterval: 0 })
    const keys = await storedKeys({ storage, masterKey })
    const before = (await keys.signer()).kid
    const next = (await signingKeys(storage)).find(({ state }) => state === 'next')
    await storage.moveKeys([{ kid: next?.kid ?? '', from: 'next', to: 'gone' }])
    const options = { masterKey, tokenLifetime: 600, rotateAfter: 90 * days }
    const added = await rotateKeysWhenDue(storage, options)
    expect(added).toMatchObject({ activated: undefined, retiring: [], gone: [], early: false })
    expect((await signingKeys(storage)).find(({ state }) => state === 'next')).toMatchObject({
      kid: added?.next,
      notBefore: added?.nextReadyAt,
    })
    expect(await rotateKeysWhenDue(storage, options)).toBeUndefined()
    expect((await keys.signer()).kid).toBe(before)
  })

  it('does not run with another master key', async () => {
    const server = await twoInstances()
    server.clock.now += 90 * days
    const other = { ...server.options, masterKey: randomBytes(32) }
    await expect(rotateKeysWhenDue(server.storage, other)).rejects.toThrow(KeyError)
    expect(await server.states()).not.toContain('retiring')
  })
})

describe('a server that rotates its keys', () => {
  /** A server with keys that are due in 90 days, and what it does every hour. */
  async function start() {
    const timers = vi.spyOn(globalThis, 'setInterval')
    onTestFinished(() => timers.mockRestore())
    const { clock, now, storage } = await openTwo()
    await storedKeys({ storage, masterKey, now })
    const [rotated, errors]: [Rotation[], unknown[]] = [[], []]
    const reads = { count: 0, before: async (): Promise<void> => undefined }
    const watched: Storage = {
      ...storage,
      async listKeys() {
        reads.count++
        await reads.before()
        return storage.listKeys()
      },
    }
    timers.mockClear()
    const stop = startKeyRotation({
      storage: watched,
      masterKey,
      tokenLifetime: 600,
      rotateAfter: 90 * days,
      now,
      onRotated: (rotation) => rotated.push(rotation),
      onError: (error) => errors.push(error),
    })
    const [[tick, interval] = []] = timers.mock.calls
    const timer = timers.mock.results[0]?.value as NodeJS.Timeout
    expect([interval, timer.hasRef()]).toEqual([3_600_000, false])
    // From here on, the test says when an hour has passed.
    await stop()
    expect(reads.count).toBe(1)
    return { clock, storage, reads, rotated, errors, stop, tick: () => tick?.() }
  }

  it('looks now and every hour whether they are due', async () => {
    const { clock, storage, reads, rotated, errors, stop, tick } = await start()
    tick()
    await stop()
    expect([reads.count, rotated.length]).toEqual([2, 0])
    clock.now += 90 * days
    tick()
    await stop()
    expect(rotated).toHaveLength(1)
    expect(await storage.listEvents({ event: 'keys.rotated' })).toMatchObject([{ data: { by: 'server' } }])
    tick()
    await stop()
    expect([rotated.length, errors]).toEqual([1, []])
  })

  it('reports what failed, and looks again an hour later', async () => {
    const { errors, reads, stop, tick } = await start()
    const down = new Error('the database is down')
    reads.before = () => Promise.reject(down)
    for (const times of [1, 2]) {
      tick()
      await stop()
      expect(errors).toEqual(Array(times).fill(down))
    }
  })

  it('looks once at a time, and stops when it has looked', async () => {
    const { reads, stop, tick } = await start()
    const waiting: (() => void)[] = []
    reads.before = () => new Promise((resolve) => waiting.push(resolve))
    for (const _hour of [1, 2]) tick()
    expect(reads.count).toBe(2)
    let isStopped = false
    const stopped = stop().then(() => (isStopped = true))
    await new Promise(setImmediate)
    expect(isStopped).toBe(false)
    for (const end of waiting) end()
    await stopped
  })
})
