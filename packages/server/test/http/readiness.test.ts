import { createAuthServer, fixedKeys, type ServerKeys, type Storage, StorageError } from 'countersign-server'
import { sqliteStorage } from 'countersign-server/sqlite'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { holdClock } from '../../../../test/hold-clock.js'
import { createReadiness } from '../../src/http/readiness.js'
import { newSigner } from '../attacks/party.js'

const issuer = 'https://auth.example'
const secret = new Uint8Array(32).fill(7)

const lifetimes = { authToken: 600 }

async function openReadiness() {
  const signer = await newSigner()
  const clock = { now: 5000 }
  const ahead = { seconds: 0 }
  const calls = { writes: 0, signatures: 0 }
  const fails: { write?: Error; sign?: Error } = {}
  const opened = sqliteStorage(':memory:', { sweepInterval: 0 })
  onTestFinished(() => opened.close())
  const storage: Storage = {
    ...opened,
    claimIssuer: async (...claim) => {
      calls.writes++
      if (fails.write) throw fails.write
      return opened.claimIssuer(...claim)
    },
  }
  const keys = fixedKeys({
    signer: {
      ...signer,
      sign: async (data) => {
        calls.signatures++
        if (fails.sign) throw fails.sign
        return signer.sign(data)
      },
    },
    secret,
  })
  const ready = createReadiness(
    {
      issuer,
      storage,
      signingKeys: new Map([['first', keys]]),
      lifetimes,
      now: () => Date.now() / 1000 + ahead.seconds,
    },
    () => clock.now,
  )
  return { ready, clock, ahead, calls, fails, opened }
}

describe('readiness of a server', () => {
  it('is checked with a write and a signature, at most once a second, however many requests arrive', async () => {
    const { ready, clock, calls } = await openReadiness()
    await Promise.all(Array.from({ length: 50 }, () => ready()))
    clock.now += 999
    await ready()
    expect(calls).toEqual({ writes: 1, signatures: 1 })
    clock.now += 1
    await ready()
    expect(calls).toEqual({ writes: 2, signatures: 2 })
  })

  it('requires a signature with the key of every edition', async () => {
    const storage = sqliteStorage(':memory:', { sweepInterval: 0 })
    onTestFinished(() => storage.close())
    const signer = await newSigner()
    const works = fixedKeys({ signer, secret })
    const fails = fixedKeys({ signer: { ...signer, sign: () => Promise.reject(new Error('gone')) }, secret })
    const readyWith = (...keys: ServerKeys[]) =>
      createReadiness({
        issuer,
        storage,
        signingKeys: new Map(keys.map((each, index) => [String(index), each])),
        lifetimes,
        now: () => Date.now() / 1000,
      })
    await readyWith(works, works)()
    await expect(readyWith(works, fails)()).rejects.toMatchObject({ code: 'cannot_sign' })
    await expect(readyWith(fails, works)()).rejects.toMatchObject({ code: 'cannot_sign' })
  })

  it('is false if the database rejects writes, and true again a second after it accepts them', async () => {
    const { ready, clock, fails, calls } = await openReadiness()
    fails.write = new StorageError('unavailable', 'the database did not respond')
    await expect(ready()).rejects.toBe(fails.write)
    const before = fails.write
    delete fails.write
    await expect(ready()).rejects.toBe(before)
    expect(calls).toEqual({ writes: 1, signatures: 0 })
    clock.now += 1000
    await ready()
  })

  it('is false if its clock and the database’s differ by more than 5 s, and reports the difference (F7)', async () => {
    holdClock()
    const { ready, clock, ahead } = await openReadiness()
    for (const [seconds, how] of [
      [8, /[789] seconds ahead of/],
      [-8, /[789] seconds behind/],
    ] as const) {
      ahead.seconds = seconds
      clock.now += 1000
      await expect(ready()).rejects.toMatchObject({ code: 'clock_skew', message: expect.stringMatching(how) })
    }
    for (const seconds of [4, -4]) {
      ahead.seconds = seconds
      clock.now += 1000
      await ready()
    }
  })

  it('is false if the key does not sign, with the cause', async () => {
    const { ready, fails } = await openReadiness()
    fails.sign = new Error('the key service is gone')
    await expect(ready()).rejects.toMatchObject({ name: 'KeyError', code: 'cannot_sign', cause: fails.sign })
  })

  it('is no where the database belongs to another issuer, and says whose', async () => {
    const { ready, opened } = await openReadiness()
    await opened.claimIssuer('https://other.example')
    await expect(ready()).rejects.toMatchObject({
      name: 'StorageError',
      code: 'other_issuer',
      message: expect.stringContaining('belongs to the issuer https://other.example, not to https://auth.example'),
    })
  })

  it('is false after two seconds if a signature never completes, and requests no second one in the meantime', async () => {
    vi.useFakeTimers()
    onTestFinished(() => void vi.useRealTimers())
    const signer = await newSigner()
    const storage = sqliteStorage(':memory:', { sweepInterval: 0 })
    onTestFinished(() => storage.close())
    let asked = 0
    let clock = 0
    const never = () => {
      asked++
      return new Promise<Uint8Array>(() => undefined)
    }
    const ready = createReadiness(
      {
        issuer,
        storage,
        signingKeys: new Map([['first', fixedKeys({ signer: { ...signer, sign: never }, secret })]]),
        lifetimes,
        now: () => Date.now() / 1000,
      },
      () => clock,
    )
    for (let tries = 0; tries < 3; tries++) {
      const outcome = ready().then(
        () => 'ready',
        (error: unknown) => error,
      )
      await vi.advanceTimersByTimeAsync(2000)
      expect(await outcome).toMatchObject({ code: 'cannot_sign', cause: { message: 'no result within 2000 ms' } })
      clock += 2000
    }
    expect(asked).toBe(1)
  })
})

describe('a server whose readiness was never checked', () => {
  async function openServer(storage: Storage) {
    const errors: unknown[] = []
    const keys = fixedKeys({ signer: await newSigner(), secret })
    const server = createAuthServer({ issuer, keys, storage, onError: (error) => errors.push(error) })
    const get = async (path: string) => (await server.fetch(new Request(issuer + path))).status
    return { get, errors, server }
  }

  it('serves nothing from another issuer’s database, and reports why', async () => {
    const storage = sqliteStorage(':memory:', { sweepInterval: 0 })
    onTestFinished(() => storage.close())
    await storage.claimIssuer('https://other.example')
    const { get, errors, server } = await openServer(storage)
    await expect(server.ready()).rejects.toMatchObject({ code: 'other_issuer' })
    for (const path of ['/account/sign-in', '/jwks.json', '/.well-known/aauth-issuer'])
      expect(await get(path)).toBe(500)
    expect(errors).toMatchObject([{ code: 'other_issuer' }, { code: 'other_issuer' }, { code: 'other_issuer' }])
  })

  it('claims a new database with its first request, and only once', async () => {
    const opened = sqliteStorage(':memory:', { sweepInterval: 0 })
    onTestFinished(() => opened.close())
    let claims = 0
    const { get } = await openServer({
      ...opened,
      claimIssuer: (owner) => {
        claims++
        return opened.claimIssuer(owner)
      },
    })
    expect(await get('/jwks.json')).toBe(200)
    expect(await get('/jwks.json')).toBe(200)
    expect(claims).toBe(1)
    expect(await opened.claimIssuer('https://other.example')).toBe(issuer)
  })

  it('serves its documents while the database is down, and checks its issuer when it is back', async () => {
    const opened = sqliteStorage(':memory:', { sweepInterval: 0 })
    onTestFinished(() => opened.close())
    await opened.claimIssuer('https://other.example')
    let away = true
    const { get, errors } = await openServer({
      ...opened,
      claimIssuer: (owner) =>
        away
          ? Promise.reject(new StorageError('unavailable', 'the database did not respond'))
          : opened.claimIssuer(owner),
    })
    expect(await get('/jwks.json')).toBe(200)
    expect(errors).toEqual([])
    away = false
    expect(await get('/jwks.json')).toBe(500)
  })
})
