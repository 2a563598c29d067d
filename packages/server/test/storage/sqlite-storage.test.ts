import { once } from 'node:events'
import { chmodSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Worker } from 'node:worker_threads'
import Database from 'better-sqlite3'
import { StorageError } from 'countersign-server'
import { sqliteStorage } from 'countersign-server/sqlite'
import { expect, onTestFinished, test, vi } from 'vitest'
import { fillWithRemovals } from './fill-with-removals.js'
import {
  agent,
  allowedRequest,
  freshHash,
  hashOf,
  newRequest,
  newUser,
  nonceClaim,
  outcomeOf,
  refreshable,
  rememberedGrant,
  resource,
  subOf,
  times,
} from './fixtures.js'
import { temporaryFile } from './temporary-file.js'

const untimed = { sweepInterval: 0, usageDelay: 0 }

test('a new file, its WAL and its index are accessible to their owner only', async () => {
  const path = temporaryFile()
  const storage = sqliteStorage(path, untimed)
  await newUser(storage)
  for (const suffix of ['', '-wal', '-shm']) expect(statSync(path + suffix).mode & 0o777).toBe(0o600)
  await storage.close()
})

test('written data is there after closing and reopening', async () => {
  const path = temporaryFile()
  const before = sqliteStorage(path, untimed)
  const { redemption } = await allowedRequest(before)
  await before.close()
  const after = sqliteStorage(path, untimed)
  expect(outcomeOf(await after.redeemCode(redemption))).toBe('redeemed')
  await after.close()
})

test('50 parallel redemptions through two connections to one file yield exactly one token (X02)', async () => {
  const path = temporaryFile()
  const instances = [sqliteStorage(path, untimed), sqliteStorage(path, untimed)] as const
  const { redemption } = await allowedRequest(instances[0])
  const results = await Promise.all(times(50, (index) => instances[index % 2 === 0 ? 0 : 1].redeemCode(redemption)))
  expect(results.map(outcomeOf).filter((outcome) => outcome === 'redeemed')).toHaveLength(1)
  for (const storage of instances) await storage.close()
})

test('thousands of accounts that revoke thousands of grants do not displace older accounts from the list', async () => {
  const now = 1_790_000_000
  const path = temporaryFile()
  const storage = sqliteStorage(path, { ...untimed, now: () => now - 3600 })
  const honest = await newUser(storage)
  const taken = await refreshable(storage, {}, {}, honest)
  await refreshable(storage, {}, {}, honest)
  await storage.revokeGrant({ grantId: taken.grantId, by: honest.id })
  const sub = await subOf(storage, honest)
  await storage.close()
  fillWithRemovals(path, { people: 12_000, each: 2, now })
  const later = sqliteStorage(path, { ...untimed, now: () => now })
  const filter = { since: now - 3660, perUser: 20, limit: 10_000 }
  const { user } = process.cpuUsage()
  const { revoked, revokedBefore, before, isWhole } = await later.listRevocations(filter)
  expect(process.cpuUsage().user - user, 'in microseconds').toBeLessThan(5_000_000)
  expect(revoked).toContainEqual({ kind: 'grant', value: taken.grantId })
  expect(revokedBefore.map((each) => each.sub)).not.toContain(sub)
  expect([revoked.length + revokedBefore.length, before, isWhole]).toEqual([10_000, undefined, false])
  // What any list returns if its filter sets no limit.
  expect(await later.listUsers()).toHaveLength(100)
  await later.close()
})

test('eight accounts with 5,280 revocations have eight entries', async () => {
  const now = 1_790_000_000
  const path = temporaryFile()
  const storage = sqliteStorage(path, { ...untimed, now: () => now })
  fillWithRemovals(path, { people: 8, each: 660, now })
  const listed = await storage.listRevocations({ since: now - 660, perUser: 20, limit: 10_000 })
  expect(listed).toEqual({
    revoked: [],
    families: [],
    clientsRevokedBefore: [],
    revokedBefore: times(8, (index) => ({ sub: expect.stringMatching(`0${index + 1}$`), at: now })),
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

test('a file that another process keeps locked is unavailable to all at the same time, and works again afterwards', async () => {
  const path = temporaryFile()
  const storage = sqliteStorage(path, untimed)
  const { redemption } = await allowedRequest(storage)
  const other = new Database(path)
  other.exec('begin immediate')
  const asked = performance.now()
  const results = await Promise.allSettled(times(12, () => storage.redeemCode(redemption)))
  for (const result of results)
    expect(result).toMatchObject({ reason: { code: 'unavailable', cause: { code: 'SQLITE_BUSY' } } })
  // Each of them waits for 1.5 s.
  expect(performance.now() - asked).toBeLessThan(12_000)
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

test('a sweep of more than two batches leaves no expired rows', async () => {
  let now = 1_790_000_000
  const path = temporaryFile()
  const storage = sqliteStorage(path, { ...untimed, now: () => now })
  const other = new Database(path)
  const insert = other.prepare('insert into attempt (key_hash, count, reset_at) values (randomblob(32), 1, ?)')
  other.transaction(() => {
    for (let index = 0; index < 12_000; index += 1) insert.run(now + (index % 2))
  })()
  now += 1
  expect(await storage.sweep()).toBe(12_000)
  other.close()
  await storage.close()
})

test('automatic sweeping reports a failure and retries', async () => {
  const path = temporaryFile()
  const errors: unknown[] = []
  const storage = sqliteStorage(path, { sweepInterval: 0.02, onSweepError: (error) => errors.push(error) })
  const other = new Database(path)
  other.exec('alter table nonce rename to nonce_away')
  await expect.poll(() => errors.length).toBeGreaterThan(1)
  expect(errors[0]).toMatchObject({ code: 'unavailable' })
  other.exec('alter table nonce_away rename to nonce')
  other.exec('insert into attempt (key_hash, count, reset_at) values (randomblob(32), 1, 0)')
  await expect.poll(() => other.prepare('select count(*) from attempt').pluck().get()).toBe(0)
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
  expect(await storage.claimNonce({ key: freshHash(), source, lifetime: 130 })).toBe(true)
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

test('closing during redemptions settles each with a token or unavailable, consistent with the file', async () => {
  const path = temporaryFile()
  const storage = sqliteStorage(path, untimed)
  const person = await newUser(storage)
  const codes = []
  for (let index = 0; index < 40; index += 1) codes.push((await allowedRequest(storage, {}, {}, person)).redemption)
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

test('a revocation through one connection stops refreshes through the other immediately (X13)', async () => {
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
  expect(afterRemoval.lastIndexOf('refreshed')).toBeLessThan(1) // one response may have been in flight
  for (const storage of instances) await storage.close()
})

test('two instances that start at the same time on one file agree on the keys', async () => {
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
    times(50, (index) => instances[index % 2 === 0 ? 0 : 1].countAttempt({ key: hashOf('key'), window: 900 })),
  )
  expect(new Set(counts.map(({ count }) => count)).size).toBe(50)
  for (const storage of instances) await storage.close()
})

test('an agent cannot claim more nonces through two connections than through one', async () => {
  const path = temporaryFile()
  const options = { ...untimed, limits: { nonces: { perAgent: 50 } } }
  const instances = [sqliteStorage(path, options), sqliteStorage(path, options)] as const
  const claims = times(90, (index) => instances[index % 2 === 0 ? 0 : 1].claimNonce(nonceClaim({ agent })))
  const results = await Promise.allSettled(claims)
  expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(50)
  for (const storage of instances) await storage.close()
})

test('a database is full with a million nonces, for the network that holds the most', async () => {
  const path = temporaryFile()
  const storage = sqliteStorage(path, untimed)
  const database = new Database(path)
  database.exec(`insert into nonce_count (kind, source, held) values
    ('agents-part', 'x', 999998), ('agents', '192.0.2', 600000), ('agents-wider', '192.0', 600000)`)
  database.close()
  const claims = times(3, (index) => nonceClaim({ agent: `https://${index}.example` }))
  for (const claim of claims.slice(0, 2)) expect(await storage.claimNonce(claim)).toBe(true)
  await expect(storage.claimNonce(claims[2] ?? nonceClaim())).rejects.toMatchObject({ code: 'too_many_nonces' })
  expect(await storage.claimNonce(nonceClaim({ agent, network: '192.0.3' }))).toBe(true)
  await storage.close()
})

test('the nonce counts match the stored nonces, whatever expired, was refused or was swept', async () => {
  let now = 1_790_000_000
  const path = temporaryFile()
  const storage = sqliteStorage(path, {
    ...untimed,
    now: () => now,
    limits: { nonces: { perKey: 7, perNetwork: 9, perAgent: 8 } },
  })
  for (let round = 0; round < 12; round++) {
    const sources = [{ agent }, { thumbprint: `key ${round % 3}` }, { network: `192.0.${round % 4}` }]
    const claims = times(60, (index) =>
      nonceClaim(sources[index % 3], hashOf(`nonce ${(round * 7 + index) % 90}`), index % 40),
    )
    await Promise.allSettled(claims.map((claim) => storage.claimNonce(claim)))
    now += 13
    if (round % 5 === 0) await storage.sweep()
  }
  const database = new Database(path, { readonly: true })
  const counted = database
    .prepare<[], [string, string, number]>('select kind, source, held from nonce_count order by kind, source')
    .raw()
    .all()
  expect(counted.length).toBeGreaterThan(5)
  const nonces = database.prepare<[], [Buffer, string]>('select key_hash, kind from nonce').raw().all()
  const parts = new Map<string, number>()
  for (const [key, kind] of nonces) {
    const part = `${kind}s-part ${(key[0] ?? 0) % 64}`
    parts.set(part, (parts.get(part) ?? 0) + 1)
  }
  const isPart = ([kind]: [string, string, number]) => kind.endsWith('-part')
  expect(new Map(counted.filter(isPart).map(([kind, part, held]) => [`${kind} ${part}`, held]))).toEqual(parts)
  expect(counted.filter((count) => !isPart(count))).toEqual(
    database
      .prepare(`select kind, holder, count(*) from nonce group by kind, holder
        union all select kind || 's', network, count(*) from nonce group by kind, network
        union all select kind || 's-wider', '192.0', count(*) from nonce group by kind
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

test('no event is changed, replaced, or deleted within 400 days (O07)', async () => {
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
    "insert or replace into audit_event (id, at, event) select id, at, 'other' from audit_event where event = 'old'",
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

test('names and displayed details are stored for as long as a row refers to them, and no longer', async () => {
  const day = 86_400
  let now = 1_790_000_000
  const path = temporaryFile()
  const storage = sqliteStorage(path, { ...untimed, now: () => now })
  const database = new Database(path, { readonly: true })
  const kept = () =>
    ['display', 'agent', 'resource'].map((table) => database.prepare(`select count(*) from ${table}`).pluck().get())
  const other = { agent: 'https://other.example', resource: 'https://mail.example' }
  await storage.createAuthRequest(newRequest())
  await storage.createAuthRequest(newRequest())
  expect(kept()).toEqual([1, 1, 1])
  const { grantId } = await rememberedGrant(storage, { ...other, display: { agent: { name: 'Other' }, resource: {} } })
  await storage.recordAutonomousIssue({
    agent,
    delegate: null,
    resource,
    scope: 'a',
    policy: 'nightly',
    tokenLifetime: 9,
  })
  expect(kept()).toEqual([2, 2, 2])
  const sweepAt = async (time: number) => {
    now = 1_790_000_000 + time
    await storage.sweep()
    return kept()
  }
  expect(await sweepAt(2 * day)).toEqual([1, 2, 2])
  expect(await sweepAt(90 * day)).toEqual([1, 2, 2])
  expect((await storage.listAgents()).map((seen) => seen.agent)).toEqual([other.agent])
  expect(await sweepAt(400 * day)).toEqual([1, 1, 1])
  await storage.revokeGrant({ grantId, by: 'operator' })
  expect(await sweepAt(799 * day)).toEqual([1, 1, 1])
  expect(await sweepAt(801 * day)).toEqual([0, 0, 0])
  expect(database.prepare('pragma foreign_key_check').all()).toEqual([])
  database.close()
  await storage.close()
})

const searches: readonly [string, string][] = [
  ['select * from app_user where username_key = ?', 'app_user_username_key'],
  ['select * from session where user_id = ? and idle_expires_at > ?', 'session_of_user'],
  ['select * from passkey where user_id = ?', 'passkey_user'],
  ['select * from email where due_at <= ? order by due_at limit 10', 'email_due'],
  ['select * from agent where notified_up_to is not null order by notified_up_to limit 1', 'agent_notified'],
  ['delete from email where settled_at <= ?', 'email_settled'],
  ['delete from one_time_link where user_id = ?', 'one_time_link_user'],
  ['delete from one_time_link where expires_at <= ?', 'one_time_link_expiry'],
  ['select * from device where user_id = ? and disconnected_at is null limit 20', 'device_user'],
  ['select * from device where connected_at is not null and device_jkt = ?', 'device_key'],
  ['delete from device where connected_at is null and code_expires_at <= ?', 'device_code_expiry'],
  ['select * from device where expires_at <= ? and disconnected_at is null', 'device_expiry'],
  ['delete from device where disconnected_at <= ?', 'device_disconnected'],
  ['select * from federated_identity where user_id = ?', 'federated_identity_user'],
  ['delete from username_skeleton where user_id = ?', 'username_skeleton_user'],
  ['update refresh_token set revoked_at = ? where grant_id = ?', 'refresh_token_grant'],
  ['update consent_grant set revoked_at = ? where user_id = ? and revoked_at is null', 'consent_grant_user'],
  ['update consent_grant set revoked_at = ? where agent_id = ? and revoked_at is null', 'consent_grant_agent'],
  ['update consent_grant set revoked_at = ? where resource_id = ? and revoked_at is null', 'consent_grant_resource'],
  [
    'select id from consent_grant where user_id = ? and agent_id = ? and resource_id = ? and delegate is not distinct from ? and remembered = 1 and revoked_at is null',
    'consent_grant_(remembered|user)',
  ],
  ['select * from audit_event where user_id = ? order by id desc limit 50', 'audit_event_user'],
  ['select * from audit_event where user_id = ? and agent_id = ? order by id desc', 'audit_event_(user|agent)'],
  ['select * from audit_event where agent_id = ? order by id', 'audit_event_agent'],
  [
    "select at from audit_event where event = 'request.denied' and user_id = ? and agent_id = ? and at >= ? order by at limit 1",
    'audit_event_denied',
  ],
  [
    "select 1 from audit_event where event = 'request.denied' and user_id = ? and agent_id = ? and at >= ? and at < ?",
    'audit_event_denied',
  ],
  ['select * from consent_grant where agent_id = ? order by id desc', 'consent_grant_agent'],
  ['select * from consent_grant where user_id = ? and agent_id = ? order by id desc', 'consent_grant_user'],
  [
    "select count(*) from auth_request where agent_id = ? and resource_id = ? and status = 'open' and expires_at > ?",
    'auth_request_open',
  ],
  ['select 1 from auth_request where agent_id = ?', 'auth_request_agent'],
  ["update auth_request set status = 'abandoned' where user_id = ? and status = 'open'", 'auth_request_user'],
  ['select id from refresh_token where revoked_at <= ? limit 5000', 'refresh_token_revoked'],
  [
    'select id from refresh_token where revoked_at between ? and ? and last_used_at >= ? and family is not null',
    'refresh_token_revoked',
  ],
  ['select id from refresh_token where family = ?', 'refresh_token_family'],
  ['select id from refresh_token where idle_expires_at <= ? limit 5000', 'refresh_token_idle'],
  ['select client_id from registered_client where expires_at <= ? limit 5000', 'registered_client_expiry'],
  ['select id from consent_grant where expires_at <= ? limit 5000', 'consent_grant_expiry'],
  ['select id from token_issue where expires_at <= ? limit 5000', 'token_issue_expiry'],
  ['select request_id from code where expires_at <= ? limit 5000', 'code_expiry'],
  ['select id from auth_request where expires_at <= ? limit 5000', 'auth_request_expiry'],
  ['select id from session where idle_expires_at <= ? limit 5000', 'session_expiry'],
  ['select key_hash from attempt where reset_at <= ? limit 5000', 'attempt_reset'],
  ['select user_id from known_device where last_seen_at <= ? limit 5000', 'known_device_seen'],
  ['select user_id from known_device where browser_hash = ?', 'known_device_browser'],
  ['select day_at from grant_usage_day where day_at <= ? limit 5000', 'grant_usage_day_day'],
  ['select id from audit_event where at <= ? limit 5000', 'audit_event_time'],
  ['select id from agent where last_seen_at <= ? limit 5000', 'agent_seen'],
  [
    'select user_id, count(*) from consent_grant where revoked_at between ? and ? group by user_id',
    'consent_grant_revoked',
  ],
  ['select id from consent_grant where user_id in (?, ?, ?) and revoked_at >= ?', 'consent_grant_ended'],
  ['select identifier from agent where blocked_at >= ? order by blocked_at desc', 'agent_blocked'],
  [
    'select sub from app_user where disabled_at >= ? and closed_at is null order by disabled_at desc',
    'app_user_disabled',
  ],
  ['select * from audit_event where event = ? order by id limit 1000', 'audit_event_name'],
  ['select min(id + 0) from audit_event where at >= ?', 'audit_event_time'],
  ['select key_hash from nonce where expires_at <= ? limit 500', 'nonce_expiry'],
  ...['agents', 'agents-wider', 'keys', 'keys-wider'].map((kind): [string, string] => [
    `select held from nonce_count where kind = '${kind}' and source <> ? order by held desc limit 1`,
    `nonce_count_${kind.replace('-', '_')}`,
  ]),
  ["select sum(held) from nonce_count where kind = 'agents-part'", 'nonce_count_agents_part'],
  ["select sum(held) from nonce_count where kind = 'keys-part'", 'nonce_count_keys_part'],
  ['select 1 from code where grant_id = ?', 'code_grant'],
  ['select 1 from token_issue where grant_id = ?', 'token_issue_grant'],
  ['select 1 from token_issue where agent_id = ?', 'token_issue_agent'],
  ['select 1 from token_issue where resource_id = ?', 'token_issue_resource'],
  ['select 1 from auth_request where resource_id = ?', 'auth_request_resource'],
  ['select 1 from auth_request where display_id = ?', 'auth_request_display'],
  ['select 1 from consent_grant where display_id = ?', 'consent_grant_display'],
  ['select 1 from audit_event where resource_id = ?', 'audit_event_resource'],
  ['select claimed_at from agent_logo order by claimed_at desc limit 1 offset 1000', 'agent_logo_claimed'],
  ['select image from agent_logo where name = ?', 'agent_logo_name'],
  ['select delegate from agent_binding where user_id = ?', 'agent_binding_user'],
  ['select delegate from agent_binding where agent_id = ?', 'agent_binding_agent'],
  ['select id from token_issue where jti_end = ? and tracked = 1', 'token_issue_tracked'],
  ['select id from revocation_delivery where due_at <= ? order by due_at limit 20', 'revocation_delivery_due'],
  ['select issuer from agent_token where expires_at <= ? limit 5000', 'agent_token_expiry'],
  ['delete from request_token where request_id = ?', 'request_token_request'],
  ['select issuer from received_revocation where expires_at <= ? limit 5000', 'received_revocation_expiry'],
  ['select 1 from resource_subject where resource_id = ?', 'resource_subject_resource'],
  ['select user_id from resource_subject where sub = ?', 'resource_subject_sub'],
  ['select 1 from agent_subject where agent_id = ?', 'agent_subject_agent'],
  ['select id from auth_request where poll_hash in (?, ?)', 'auth_request_poll'],
  ["select id from auth_request where link_handle = ? and status = 'open'", 'auth_request_link'],
]

function planOf(database: Database.Database, statement: string): string {
  const values = Array.from(statement.matchAll(/\?/g), () => 1)
  const plan = database.prepare<unknown[], { detail: string }>(`explain query plan ${statement}`).all(values)
  return plan.map(({ detail }) => detail).join()
}

test.each(searches)('"%s" reads through the index %s, and does not scan the table', async (statement, index) => {
  const path = temporaryFile()
  await sqliteStorage(path, untimed).close()
  const database = new Database(path, { readonly: true })
  expect(planOf(database, statement)).toMatch(new RegExp(`(SEARCH|SCAN) \\w+ USING (COVERING )?INDEX ${index}\\b`))
  if (statement.includes('order by id')) expect(planOf(database, statement)).not.toContain('ORDER BY')
  database.close()
})

test('there is no index that no such query needs', async () => {
  const path = temporaryFile()
  await sqliteStorage(path, untimed).close()
  const database = new Database(path, { readonly: true })
  const names = "select name from sqlite_schema where type = 'index' and sql is not null order by name"
  const indexes = database.prepare<[], string>(names).pluck().all()
  const used = new Set(searches.flatMap(([statement]) => planOf(database, statement).match(/(?<=INDEX )\w+/g) ?? []))
  expect(indexes.filter((index) => !used.has(index) && !/^consent_grant_(remembered|account)$/.test(index))).toEqual([])
  database.close()
})

test('every table is strict', async () => {
  const path = temporaryFile()
  await sqliteStorage(path, untimed).close()
  const database = new Database(path, { readonly: true })
  const tables = database
    .prepare<[], { name: string; strict: number }>('select name, strict from pragma_table_list')
    .all()
  expect(tables.filter(({ name, strict }) => strict === 0 && !name.startsWith('sqlite_'))).toEqual([])
  expect(tables.length).toBeGreaterThan(30)
  database.close()
})

test('no limit is a plain parameter, for which SQLite would plan the statement again on each use', async () => {
  const prepared = vi.spyOn(Database.prototype, 'prepare')
  const storage = sqliteStorage(temporaryFile(), untimed)
  onTestFinished(() => storage.close())
  await storage.listGrants({ userId: 'unknown', agent: 'https://agent.example', limit: 5 })
  await storage.listGrants({ live: true, limit: 5 })
  await storage.listEvents({ event: 'request.bound', limit: 5 })
  const limited = prepared.mock.calls.map(([statement]) => statement).filter((each) => each.includes('limit +?'))
  expect(limited).toHaveLength(3)
  expect(prepared.mock.calls.filter(([statement]) => statement.includes('limit ?'))).toEqual([])
})
