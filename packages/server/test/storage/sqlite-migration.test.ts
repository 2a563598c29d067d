import Database from 'better-sqlite3'
import { expect, test } from 'vitest'
import { sqliteStorage } from '../../dist/storage/engines/sqlite/sqlite-storage.js'
import { version1 } from '../../dist/storage/engines/sqlite/version-1.js'
import { agent, outcomeOf, resource } from './fixtures.js'
import { temporaryFile } from './temporary-file.js'

const now = 1_790_000_000
const options = { sweepInterval: 0, now: () => now }

/** The statements that the server of version 1 wrote with. */
function writeAsVersion1(database: Database.Database) {
  const user = database.prepare(`insert into app_user
    (tenant_id, id, username, email, display_name, status, created_at) values (1, ?, ?, null, null, 'active', ?)`)
  const subject = database.prepare("insert into subject (tenant_id, user_id, sector, sub) values (1, ?, 'default', ?)")
  const credential = database.prepare(`insert into credential
    (tenant_id, user_id, kind, secret, updated_at) values (1, ?, 'password', ?, 0)`)
  const session = database.prepare(`insert into session
    (tenant_id, id_hash, user_id, auth_time, last_seen_at, idle_seconds, idle_expires_at, expires_at, ip, user_agent)
    values (1, ?, ?, ?, ?, 300, ?, ?, null, null)`)
  const seen = database.prepare(`insert into agent
    (tenant_id, identifier, first_seen_at, last_seen_at) values (1, ?, ?, ?)`)
  const request = database.prepare(`insert into auth_request
    (tenant_id, id, token_hash, agent, delegate, agent_jkt, resource, scope, redirect_uri, state, display, status,
    revision, browser_hash, user_id, created_at, expires_at, decided_at)
    values (1, ?, ?, ?, null, 'jkt', ?, 'read', null, null, '{"agent":{},"resource":{}}', 'allowed', 0, 'browser', ?, ?, ?, ?)`)
  const grant = database.prepare(`insert into consent_grant
    (tenant_id, id, user_id, agent, delegate, resource, scope, remembered, created_at, expires_at, last_used_at,
    revoked_at, revoked_by) values (1, ?, ?, ?, null, ?, 'read', 1, ?, null, null, null, null)`)
  const code = database.prepare(`insert into code
    (tenant_id, code_hash, request_id, grant_id, expires_at, consumed_at, consumed_by_jkt, burned_for)
    values (1, ?, ?, ?, ?, ?, null, null)`)
  const issue = database.prepare(`insert into token_issue
    (tenant_id, jti, issued_at, expires_at, grant_id, agent, resource, scope, code_hash)
    values (1, ?, ?, ?, ?, ?, ?, 'read', ?)`)
  return {
    person(id: string, username: string, createdAt = now) {
      user.run(id, username, createdAt)
      subject.run(id, `sub-${id}`)
      credential.run(id, `hash of ${id}`)
    },
    session: (idHash: string, userId: string) => session.run(idHash, userId, now, now, now + 300, now + 1000),
    agent: () => seen.run(agent, now - 5, now),
    consent(id: string, userId: string, consumed: boolean) {
      request.run(`request-${id}`, `token-${id}`, agent, resource, userId, now, now + 600, now)
      grant.run(`grant-${id}`, userId, agent, resource, now)
      code.run(`code-${id}`, `request-${id}`, `grant-${id}`, now + 60, consumed ? now : null)
      if (consumed) issue.run(`grant-${id}.1`, now, now + 600, `grant-${id}`, agent, resource, `code-${id}`)
    },
  }
}

function version1File(): { path: string; write: ReturnType<typeof writeAsVersion1>; database: Database.Database } {
  const path = temporaryFile()
  const database = new Database(path)
  database.pragma('foreign_keys = ON')
  database.exec(version1)
  return { path, write: writeAsVersion1(database), database }
}

test('a file of version 1 is brought up to date with everything in it', async () => {
  const { path, write, database } = version1File()
  write.person('alice', 'Alice')
  write.person('bob', 'bob')
  write.session('session', 'alice')
  write.agent()
  write.consent('open', 'alice', false)
  write.consent('used', 'bob', true)
  database.close()
  const storage = sqliteStorage(path, options)
  expect(await storage.findCredential('ALICE')).toMatchObject({
    user: { id: 'alice', username: 'Alice', sub: 'sub-alice', status: 'active' },
    passwordHash: 'hash of alice',
  })
  expect(await storage.findSession('session')).toMatchObject({ user: { id: 'alice' }, authTime: now, amr: [] })
  const [session] = await storage.listSessions({ userId: 'alice' })
  expect(session).toMatchObject({ id: expect.stringMatching(/^[0-9a-f]{32}$/), createdAt: now })
  expect(await storage.findAgent(agent)).toMatchObject({ firstSeenAt: now - 5, blockedAt: null, keyThumbprints: [] })
  const redemption = { agent, delegate: null, jkt: 'jkt', tokenLifetime: 600 }
  const refresh = { tokenHash: 'refresh', idleSeconds: 1000, lifetime: 1000 }
  expect(await storage.redeemCode({ ...redemption, codeHash: 'code-open', refresh })).toMatchObject({
    grant: { id: 'grant-open' },
    issue: { scope: 'read' },
    refreshIssued: true,
  })
  expect(outcomeOf(await storage.redeemCode({ ...redemption, codeHash: 'code-used' }))).toBe('used')
  expect(await storage.listGrants({ live: true })).toHaveLength(2)
  await storage.close()
  const after = new Database(path, { readonly: true })
  expect(after.pragma('user_version', { simple: true })).toBe(4)
  expect(after.prepare("select jti from token_issue where code_hash = 'code-used'").pluck().get()).toBe('grant-used.1')
  expect(after.pragma('integrity_check', { simple: true })).toBe('ok')
  expect(after.pragma('foreign_key_check')).toEqual([])
  after.close()
})

test('of names that look alike the first keeps what it looks like, and nobody new can look like them', async () => {
  const { path, write, database } = version1File()
  write.person('second', 'paypaI', now + 1)
  write.person('first', 'paypal', now)
  write.person('other', 'Oscar', now)
  database.close()
  const storage = sqliteStorage(path, options)
  for (const username of ['paypa1', 'Paypa|', '0scar']) {
    const user = { username, passwordHash: 'hash' }
    await expect(storage.createUser(user), username).rejects.toMatchObject({ code: 'username_looks_alike' })
  }
  expect((await storage.findCredential('paypaI'))?.user.id).toBe('second')
  await storage.close()
  const after = new Database(path, { readonly: true })
  const kept = after.prepare('select skeleton, user_id from username_skeleton order by 1').raw().all()
  expect(kept).toEqual([
    ['oscar', 'other'],
    ['paypai', 'second'],
    ['paypal', 'first'],
  ])
  after.close()
})

test('of names that have become one the first keeps it, the others get a number and an audit row', async () => {
  const { path, write, database } = version1File()
  write.person('third', 'ALICE', now + 2)
  write.person('first', 'Alice', now)
  write.person('second', 'alice', now + 1)
  write.person('numbered', 'alice2', now + 3)
  database.close()
  const storage = sqliteStorage(path, options)
  const names = (await storage.listUsers()).map(({ id, username }) => [id, username])
  expect(Object.fromEntries(names)).toEqual({
    first: 'Alice',
    second: 'alice3',
    third: 'ALICE4',
    numbered: 'alice2',
  })
  expect((await storage.findCredential('alice'))?.user.id).toBe('first')
  expect(await storage.listEvents({ event: 'user.renamed' })).toMatchObject([
    { userId: 'second', data: { from: 'alice', to: 'alice3' } },
    { userId: 'third', data: { from: 'ALICE', to: 'ALICE4' } },
  ])
  await storage.close()
})

test('a server of version 1 goes on writing to a file of version 2, and both see it (F13)', async () => {
  const { path, write, database } = version1File()
  const storage = sqliteStorage(path, options)
  write.person('alice', 'Alice')
  write.session('session', 'alice')
  write.consent('open', 'alice', false)
  expect((await storage.findCredential('alice'))?.user).toMatchObject({ id: 'alice', username: 'Alice' })
  expect(await storage.findSession('session')).toMatchObject({ id: expect.stringMatching(/^[0-9a-f]{32}$/) })
  const redemption = { agent, delegate: null, jkt: 'jkt', tokenLifetime: 600 }
  expect(await storage.redeemCode({ ...redemption, codeHash: 'code-open' })).toMatchObject({ issue: { scope: 'read' } })
  write.person('bob', 'bob')
  write.consent('used', 'bob', true)
  expect(outcomeOf(await storage.redeemCode({ ...redemption, codeHash: 'code-used' }))).toBe('used')
  await storage.close()
  database.close()
})
