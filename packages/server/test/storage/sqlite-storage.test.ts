import { once } from 'node:events'
import { chmodSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Worker } from 'node:worker_threads'
import Database from 'better-sqlite3'
import { expect, test } from 'vitest'
import { sqliteStorage } from '../../dist/storage/sqlite-storage.js'
import { StorageError } from '../../dist/storage/storage.js'
import { allowedRequest, boundRequest, newRequest, newUser, outcomeOf, times } from './fixtures.js'
import { temporaryFile } from './temporary-file.js'

const untimed = { sweepInterval: 0 }

test('a new file, its log and its index are for their owner only', async () => {
  const path = temporaryFile()
  const storage = sqliteStorage(path, untimed)
  await newUser(storage)
  for (const suffix of ['', '-wal', '-shm']) expect(statSync(path + suffix).mode & 0o777).toBe(0o600)
  await storage.close()
})

test('what was written is there after closing and opening again', async () => {
  const path = temporaryFile()
  const before = sqliteStorage(path, untimed)
  const { redemption } = await allowedRequest(before)
  await before.close()
  const after = sqliteStorage(path, untimed)
  expect(outcomeOf(await after.redeemCode(redemption))).toBe('redeemed')
  await after.close()
})

test('50 parallel redemptions through two connections to one file give exactly one token (X02)', async () => {
  const path = temporaryFile()
  const instances = [sqliteStorage(path, untimed), sqliteStorage(path, untimed)] as const
  const { redemption } = await allowedRequest(instances[0])
  const results = await Promise.all(times(50, (index) => instances[index % 2 === 0 ? 0 : 1].redeemCode(redemption)))
  expect(results.map(outcomeOf).filter((outcome) => outcome === 'redeemed')).toHaveLength(1)
  for (const storage of instances) await storage.close()
})

test('a file that cannot be opened is unavailable, with the cause', () => {
  const path = temporaryFile()
  expect.assertions(4)
  writeFileSync(path, 'this is not a database, and long enough for SQLite to see that: '.repeat(20))
  for (const unusable of [path, join(dirname(path), 'missing', 'auth.db')]) {
    try {
      sqliteStorage(unusable, untimed)
    } catch (error) {
      expect(error).toBeInstanceOf(StorageError)
      expect(error).toMatchObject({ code: 'unavailable', cause: expect.any(Error) })
    }
  }
})

test('a file that another process keeps locked is unavailable within two seconds, and works again after', async () => {
  const path = temporaryFile()
  const storage = sqliteStorage(path, untimed)
  const { redemption } = await allowedRequest(storage)
  const other = new Database(path)
  other.exec('begin immediate')
  const asked = performance.now()
  await expect(storage.redeemCode(redemption)).rejects.toMatchObject({
    code: 'unavailable',
    cause: { code: 'SQLITE_BUSY' },
  })
  expect(performance.now() - asked).toBeLessThan(2000)
  other.exec('rollback')
  other.close()
  expect(outcomeOf(await storage.redeemCode(redemption))).toBe('redeemed')
  await storage.close()
})

test('a broken schema is unavailable, never a success', async () => {
  const path = temporaryFile()
  const storage = sqliteStorage(path, untimed)
  const other = new Database(path)
  other.exec('drop table nonce')
  other.close()
  await expect(storage.claimNonce('key', 130)).rejects.toMatchObject({ code: 'unavailable' })
  await storage.close()
})

test('no verb takes effect when its audit row cannot be written', async () => {
  const path = temporaryFile()
  const storage = sqliteStorage(path, untimed)
  const person = await newUser(storage)
  const session = { idHash: 'kept', userId: person.id, idleSeconds: 300, lifetime: 300 }
  await storage.createSession(session)
  const allowed = await allowedRequest(storage, {}, {}, person)
  const foreign = await allowedRequest(storage, {}, {}, person)
  const bound = await boundRequest(storage, {}, person)
  const asked = newRequest()
  await storage.createAuthRequest(asked)
  const grantId = (await storage.listEvents({ event: 'request.allowed', limit: 1 }))[0]?.grantId ?? ''
  const other = new Database(path)
  const dump = () => {
    const tables = other.prepare("select name from sqlite_schema where type = 'table' order by name").pluck().all()
    return tables.map((table) => [table, other.prepare(`select * from "${String(table)}"`).all()])
  }
  const before = dump()
  other.exec("create trigger refuse before insert on audit_event begin select raise(abort, 'refused'); end")
  const calls = [
    () => newUser(storage),
    () => storage.setUserStatus(person.id, 'disabled'),
    () => storage.createSession({ ...session, idHash: 'new' }),
    () => storage.endSession('kept'),
    () => storage.createAuthRequest(newRequest({ agent: 'https://new.example' })),
    () => storage.bindRequest({ ...bound.binding, tokenHash: asked.tokenHash }),
    () => storage.decideRequest(bound.decision),
    () => storage.redeemCode(allowed.redemption),
    () => storage.redeemCode({ ...foreign.redemption, agent: 'https://thief.example' }),
    () => storage.revokeGrant({ grantId, by: person.id }),
  ]
  for (const call of calls) await expect(call()).rejects.toThrow('refused')
  expect(dump()).toEqual(before)
  other.close()
  await storage.close()
})

test('an existing file keeps its permissions', async () => {
  const path = temporaryFile()
  await sqliteStorage(path, untimed).close()
  chmodSync(path, 0o640)
  await sqliteStorage(path, untimed).close()
  expect(statSync(path).mode & 0o777).toBe(0o640)
})

test('a sweep of more than two batches leaves nothing that has ended', async () => {
  let now = 1_790_000_000
  const path = temporaryFile()
  const storage = sqliteStorage(path, { ...untimed, now: () => now })
  const other = new Database(path)
  const insert = other.prepare('insert into nonce (tenant_id, key, expires_at) values (1, ?, ?)')
  other.transaction(() => {
    for (let index = 0; index < 12_000; index += 1) insert.run(`key-${index}`, now + (index % 2))
  })()
  now += 1
  expect(await storage.sweep()).toBe(12_000)
  other.close()
  await storage.close()
})

test('sweeping by itself reports a failure and tries again', async () => {
  const path = temporaryFile()
  const errors: unknown[] = []
  const storage = sqliteStorage(path, { sweepInterval: 0.02, onSweepError: (error) => errors.push(error) })
  const other = new Database(path)
  other.exec('alter table nonce rename to nonce_away')
  await expect.poll(() => errors.length).toBeGreaterThan(1)
  expect(errors[0]).toMatchObject({ code: 'unavailable' })
  other.exec('alter table nonce_away rename to nonce')
  other.prepare('insert into nonce (tenant_id, key, expires_at) values (1, ?, 0)').run('over')
  await expect.poll(() => other.prepare('select count(*) from nonce').pluck().get()).toBe(0)
  other.close()
  await storage.close()
})

test('a parameter that looks like SQL is only ever a value (C37)', async () => {
  const storage = sqliteStorage(temporaryFile(), untimed)
  const payload = "x'; drop table nonce; --"
  const user = await newUser(storage, payload)
  expect((await storage.findCredential(payload))?.user).toEqual(user)
  await storage.recordEvent({ event: payload, data: { [payload]: payload } })
  expect(await storage.listEvents({ event: payload })).toHaveLength(1)
  expect(await storage.claimNonce(payload, 130)).toBe(true)
  await storage.close()
})

test('four threads that open the same new files at the same moments all succeed, 150 times', async () => {
  const folder = dirname(temporaryFile())
  const workerData = { folder, rounds: 150, threads: 4, arrivals: new SharedArrayBuffer(4) }
  const opener = new URL('opener.mjs', import.meta.url)
  const workers = times(4, () => new Worker(opener, { workerData }))
  const failures = await Promise.all(workers.map((worker) => once(worker, 'message')))
  expect(failures.flat(2)).toEqual([])
})

test('closing in the middle of redemptions answers each with a token or unavailable, as the file then says', async () => {
  const path = temporaryFile()
  const storage = sqliteStorage(path, untimed)
  const person = await newUser(storage)
  const codes = []
  for (let index = 0; index < 10; index += 1) codes.push((await allowedRequest(storage, {}, {}, person)).redemption)
  const outcomes = codes.map((code) => storage.redeemCode(code).then(outcomeOf, (error: StorageError) => error.code))
  await outcomes[2]
  await storage.close()
  const before = await Promise.all(outcomes)
  expect(before.slice(0, 3)).toEqual(['redeemed', 'redeemed', 'redeemed'])
  expect(before.at(-1)).toBe('unavailable')
  const reopened = sqliteStorage(path, untimed)
  for (const [index, code] of codes.entries()) {
    const expected = before[index] === 'redeemed' ? 'used' : 'redeemed'
    expect(outcomeOf(await reopened.redeemCode(code))).toBe(expected)
  }
  await reopened.close()
})
