import { once } from 'node:events'
import { chmodSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Worker } from 'node:worker_threads'
import Database from 'better-sqlite3'
import { expect, test } from 'vitest'
import { sqliteStorage } from '../../dist/storage/engines/sqlite/sqlite-storage.js'
import { StorageError } from '../../dist/storage/storage.js'
import { fillWithRemovals } from './fill-with-removals.js'
import { agent, allowedRequest, newUser, nonceClaim, outcomeOf, refreshable, times } from './fixtures.js'
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

test('thousands of accounts that take back thousands of permissions leave those of older accounts on the list', async () => {
  const now = 1_790_000_000
  const path = temporaryFile()
  const storage = sqliteStorage(path, { ...untimed, now: () => now - 3600 })
  const honest = await newUser(storage)
  const taken = await refreshable(storage, {}, {}, honest)
  await refreshable(storage, {}, {}, honest)
  await storage.revokeGrant({ grantId: taken.grantId, by: honest.id })
  await storage.close()
  fillWithRemovals(path, { people: 12_000, each: 2, now })
  const later = sqliteStorage(path, { ...untimed, now: () => now })
  const filter = { since: now - 3660, perPerson: 20, limit: 10_000 }
  const began = performance.now()
  const { revoked, revokedBefore, before, isWhole } = await later.listRevocations(filter)
  expect(performance.now() - began).toBeLessThan(5000)
  expect(revoked).toContainEqual({ kind: 'grant', value: taken.grantId })
  expect(revokedBefore.map(({ sub }) => sub)).not.toContain(honest.sub)
  expect([revoked.length + revokedBefore.length, before, isWhole]).toEqual([10_000, undefined, false])
  await later.close()
})

test('of eight accounts with 5,280 removals there are eight entries', async () => {
  const now = 1_790_000_000
  const path = temporaryFile()
  const storage = sqliteStorage(path, { ...untimed, now: () => now })
  fillWithRemovals(path, { people: 8, each: 660, now })
  const listed = await storage.listRevocations({ since: now - 660, perPerson: 20, limit: 10_000 })
  expect(listed).toEqual({
    revoked: [],
    revokedBefore: times(8, (index) => ({ sub: expect.stringMatching(`-${index + 1}$`), at: now })),
    before: undefined,
    isWhole: true,
  })
  await storage.close()
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
  await expect(storage.claimNonce(nonceClaim())).rejects.toMatchObject({ code: 'unavailable' })
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
  const source = { agent: payload, thumbprint: payload, network: payload }
  expect(await storage.claimNonce({ key: payload, source, lifetime: 130 })).toBe(true)
  await storage.close()
})

test('four threads that open the same new files at the same moments all succeed, 60 times', async () => {
  const folder = dirname(temporaryFile())
  const workerData = { folder, rounds: 60, threads: 4, arrivals: new SharedArrayBuffer(4) }
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

test('50 parallel refreshes through two connections all succeed, with one write of the last use (X16)', async () => {
  const path = temporaryFile()
  const instances = [sqliteStorage(path, untimed), sqliteStorage(path, untimed)] as const
  const { refresh, user } = await refreshable(instances[0])
  const other = new Database(path)
  other.exec(`create table write_count (of text);
    create trigger count_tokens after update on refresh_token begin insert into write_count values ('token'); end;
    create trigger count_grants after update on consent_grant begin insert into write_count values ('grant'); end`)
  const results = await Promise.all(times(50, (index) => instances[index % 2 === 0 ? 0 : 1].refreshGrant(refresh)))
  expect(results.map(outcomeOf)).toEqual(times(50, () => 'refreshed'))
  expect(other.prepare('select of from write_count').pluck().all()).toEqual(['token', 'grant'])
  expect(await instances[0].listGrantUsage({ userId: user.id })).toMatchObject([{ refreshes: 50 }])
  other.close()
  for (const storage of instances) await storage.close()
})

test('a removal through one connection ends refreshing through the other at once (X13)', async () => {
  const path = temporaryFile()
  const instances = [sqliteStorage(path, untimed), sqliteStorage(path, untimed)] as const
  const { refresh, grantId } = await refreshable(instances[0])
  const log: string[] = []
  await Promise.all([
    ...times(30, () => instances[0].refreshGrant(refresh).then((result) => log.push(outcomeOf(result)))),
    instances[1].revokeGrant({ grantId, by: 'test' }).then(() => log.push('removed')),
    ...times(30, () => instances[1].refreshGrant(refresh).then((result) => log.push(outcomeOf(result)))),
  ])
  expect(outcomeOf(await instances[0].refreshGrant(refresh))).toBe('grant_ended')
  const afterRemoval = log.slice(log.indexOf('removed') + 1)
  expect(afterRemoval.lastIndexOf('refreshed')).toBeLessThan(1) // one answer may have been on its way
  for (const storage of instances) await storage.close()
})

test('two instances that start at once on one file agree on the keys', async () => {
  const path = temporaryFile()
  const instances = times(4, () => sqliteStorage(path, untimed))
  const key = { purpose: 'sign', alg: 'EdDSA', private: 'sealed', publicJwk: {}, state: 'active' } as const
  const results = await Promise.all(
    instances.map((storage, index) => storage.createKeysIfNone([{ ...key, kid: `key-${index}` }])),
  )
  for (const result of results) expect(result).toEqual(results[0])
  expect(results[0]).toHaveLength(1)
  for (const storage of instances) await storage.close()
})

test('attempts counted through two connections are counted exactly', async () => {
  const path = temporaryFile()
  const instances = [sqliteStorage(path, untimed), sqliteStorage(path, untimed)] as const
  const counts = await Promise.all(
    times(50, (index) => instances[index % 2 === 0 ? 0 : 1].countAttempt({ key: 'key', window: 900 })),
  )
  expect(new Set(counts.map(({ count }) => count)).size).toBe(50)
  for (const storage of instances) await storage.close()
})

test('through two connections an agent claims no more nonces than through one', async () => {
  const path = temporaryFile()
  const options = { ...untimed, nonces: { perAgent: 50 } }
  const instances = [sqliteStorage(path, options), sqliteStorage(path, options)] as const
  const claims = times(90, (index) => instances[index % 2 === 0 ? 0 : 1].claimNonce(nonceClaim({ agent })))
  const results = await Promise.allSettled(claims)
  expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(50)
  for (const storage of instances) await storage.close()
})

test('a database is full with a million nonces, for the network that holds most of them', async () => {
  const path = temporaryFile()
  const storage = sqliteStorage(path, untimed)
  const database = new Database(path)
  database.exec(`insert into nonce_count values (1, 'part', 'x', 999998), (1, 'network', '192.0.2', 600000)`)
  database.close()
  const claims = times(3, (index) => nonceClaim({ agent: `https://${index}.example` }))
  for (const claim of claims.slice(0, 2)) expect(await storage.claimNonce(claim)).toBe(true)
  await expect(storage.claimNonce(claims[2] ?? nonceClaim())).rejects.toMatchObject({ code: 'too_many_nonces' })
  expect(await storage.claimNonce(nonceClaim({ network: '192.0.3' }))).toBe(true)
  await storage.close()
})

test('what is counted of nonces is what there is of them, whatever ended, was refused or was swept', async () => {
  let now = 1_790_000_000
  const path = temporaryFile()
  const storage = sqliteStorage(path, { ...untimed, now: () => now, nonces: { perKey: 7, perNetwork: 9, perAgent: 8 } })
  for (let round = 0; round < 12; round++) {
    const sources = [{ agent }, { thumbprint: `key ${round % 3}` }, { network: `192.0.${round % 4}` }]
    const claims = times(60, (index) => nonceClaim(sources[index % 3], `nonce ${(round * 7 + index) % 90}`, index % 40))
    await Promise.allSettled(claims.map((claim) => storage.claimNonce(claim)))
    now += 13
    if (round % 5 === 0) await storage.sweep()
  }
  const database = new Database(path, { readonly: true })
  const counted = database.prepare('select kind, source, held from nonce_count order by kind, source').raw().all()
  expect(counted.length).toBeGreaterThan(5)
  expect(counted).toEqual(
    database
      .prepare(`select kind, holder, count(*) from nonce group by kind, holder
        union all select 'network', network, count(*) from nonce group by network
        union all select 'part', substr(key, 1, 1), count(*) from nonce group by substr(key, 1, 1)
        union all select 'strangers', network, count(*) from nonce where kind = 'key' group by network
        order by 1, 2`)
      .raw()
      .all(),
  )
  now += 100
  await storage.sweep()
  expect(database.prepare('select count(*) from nonce_count').pluck().get()).toBe(0)
  database.close()
  await storage.close()
})

test('no event is changed, replaced, or deleted before 400 days are over (O07)', async () => {
  let now = 1_790_000_000
  const path = temporaryFile()
  const storage = sqliteStorage(path, { ...untimed, now: () => now })
  await storage.recordEvent({ event: 'old' })
  const other = new Database(path)
  const newer = () => storage.recordEvent({ event: 'new' })
  const refused = (sql: string) => expect(() => other.exec(sql)).toThrow(/an audit event is/)
  now += 400 * 86_400 - 1
  await newer()
  refused("update audit_event set event = 'other' where event = 'old'")
  refused(
    "insert or replace into audit_event select tenant_id, at, id, 'other', user_id, agent, resource, grant_id, request_id, ip, data from audit_event where event = 'old'",
  )
  refused("delete from audit_event where event = 'old'")
  refused('delete from audit_event')
  now += 1
  await newer()
  refused("delete from audit_event where event = 'new'")
  other.exec("delete from audit_event where event = 'old'")
  expect(await storage.listEvents()).toHaveLength(2)
  other.close()
  await storage.close()
})

test('a sweep of old events records itself', async () => {
  let now = 1_790_000_000
  const storage = sqliteStorage(temporaryFile(), { ...untimed, now: () => now })
  for (const event of ['one', 'two']) await storage.recordEvent({ event })
  now += 400 * 86_400
  expect(await storage.sweep()).toBe(2)
  expect(await storage.listEvents()).toMatchObject([{ event: 'audit.swept', data: { before: 1_790_000_000 } }])
  await storage.close()
})

const searches: readonly [string, string][] = [
  ['select * from session where tenant_id = ? and user_id = ? and idle_expires_at > ?', 'session_user'],
  ['select * from passkey where tenant_id = ? and user_id = ?', 'passkey_user'],
  ['select * from federated_identity where tenant_id = ? and user_id = ?', 'federated_identity_user'],
  ['update refresh_token set revoked_at = ? where tenant_id = ? and grant_id = ?', 'refresh_token_grant'],
  ['update consent_grant set revoked_at = ? where tenant_id = ? and user_id = ?', 'consent_grant_user'],
  ['select * from audit_event where tenant_id = ? and user_id = ? order by at desc', 'audit_event_user'],
  ['select * from consent_grant where tenant_id = ? and agent = ? order by id desc', 'consent_grant_history'],
  [
    "select count(*) from auth_request where tenant_id = ? and agent = ? and resource = ? and status = 'open' and expires_at > ?",
    'auth_request_open',
  ],
  ['select * from refresh_token where tenant_id = ? and revoked_at <= ?', 'refresh_token_revoked'],
  [
    'select user_id, count(*) from consent_grant where tenant_id = ? and revoked_at between ? and ? group by tenant_id, user_id',
    'consent_grant_revoked',
  ],
  [
    'select id from consent_grant where tenant_id = ? and user_id in (?, ?, ?) and revoked_at >= ?',
    'consent_grant_ended',
  ],
  ["select max(at) from audit_event where tenant_id = ? and event = 'agent.blocked' and at >= ?", 'audit_event_name'],
  ['select key from nonce where tenant_id = ? and expires_at <= ? limit 500', 'nonce_expiry'],
  [
    "select held from nonce_count where tenant_id = ? and kind = 'network' and held > ? order by held desc",
    'nonce_count_network',
  ],
]
test.each(searches)('"%s" reads by the index %s, not all of the tenant', async (statement, index) => {
  const path = temporaryFile()
  await sqliteStorage(path, untimed).close()
  const database = new Database(path, { readonly: true })
  const values = Array.from(statement.matchAll(/\?/g), () => 1)
  const plan = database.prepare<unknown[], { detail: string }>(`explain query plan ${statement}`).all(values)
  expect(plan.map(({ detail }) => detail).join()).toMatch(new RegExp(`INDEX ${index} \\(tenant_id=\\? AND `))
  database.close()
})
