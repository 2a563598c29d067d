import { randomBytes } from 'node:crypto'
import Database from 'better-sqlite3'
import { storedKeys } from 'countersign-server'
import { postgresStorage } from 'countersign-server/postgres'
import { sqliteStorage } from 'countersign-server/sqlite'
import { expect, it, onTestFinished } from 'vitest'
import {
  agent,
  allowedRequest,
  edition,
  freshHash,
  newUser,
  outcomeOf,
  refreshable,
  resource,
  subOf,
} from './fixtures.js'
import { openPostgres } from './postgres/postgres-server.js'
import { patient } from './postgres/template.js'
import { temporaryFile } from './temporary-file.js'

const masterKey = randomBytes(32)

type System = 'sqlite' | 'postgres'

/** The statements that undo a migration, by the schema version to which they return. */
const downgrades: Readonly<Record<number, string | Readonly<Record<System, string>>>> = {
  23: `
    drop index auth_request_open;
    drop index auth_request_agent;
    create index auth_request_agent on auth_request (agent_id, resource_id, expires_at);`,
  22: 'drop index agent_notified; alter table agent drop column notified_up_to;',
  21: 'alter table app_user drop column agent_emails_off; alter table email drop column about;',
  20: 'alter table email drop column address;',
  19: 'drop table recovery_code; drop table second_factor;',
  18: 'alter table app_user drop column email_language;',
  17: 'drop table email; alter table app_user drop column email_confirmed_at;',
  16: 'alter table consent_grant drop column call;',
  15: 'drop table one_time_link;',
  14: 'drop table device; drop index audit_event_denied;',
  13: `
    drop index consent_grant_account;
    alter table consent_grant drop column account;
    alter table consent_grant drop column account_remembered;`,
  12: `
    drop table agent_token;
    drop table request_token;`,
  11: {
    sqlite: `
      drop index resource_subject_sub;
      create unique index resource_subject_sub_key on resource_subject (sub);`,
    postgres: `
      drop index resource_subject_sub;
      alter table resource_subject add constraint resource_subject_sub_key unique (sub);`,
  },
  10: `
    drop table revocation_delivery;
    drop table received_revocation;
    drop index token_issue_tracked;
    alter table token_issue drop column tracked;
    alter table token_issue drop column revoked_at;`,
  9: `
    drop table resource_subject;
    drop table agent_subject;`,
  8: `
    drop table agent_binding;
    alter table auth_request drop column binds_agent;`,
  7: `
    drop index auth_request_poll;
    drop index auth_request_link;
    alter table auth_request drop column details;
    alter table auth_request drop column poll_hash;
    alter table auth_request drop column answered_at;
    alter table auth_request drop column required_user_id;
    alter table auth_request drop column link_handle;
    alter table auth_request drop column wrong_links;`,
  6: `
    alter table registered_client drop column network;`,
  5: `
    drop table registered_client;`,
  4: `
    alter table signing_key drop column edition;`,
  3: `
    drop index refresh_token_family;
    alter table refresh_token drop column family;
    alter table refresh_token drop column generation;
    alter table refresh_token drop column previous_hash;
    alter table refresh_token drop column rotated_at;`,
  2: `
    drop index consent_grant_remembered;
    alter table auth_request drop column edition;
    alter table consent_grant drop column edition;
    create unique index consent_grant_remembered
      on consent_grant (user_id, agent_id, resource_id, coalesce(delegate, ''))
      where remembered = 1 and revoked_at is null;`,
  1: `
    alter table app_user drop column credential_revision;
    alter table credential drop column added_at;
    alter table session drop column proved_for;
    drop index known_device_browser;`,
}

/** The statements that return to a schema version. */
function downgradeTo(version: number, system: System): string {
  return Object.entries(downgrades)
    .toReversed()
    .filter(([each]) => Number(each) >= version)
    .map(([, statements]) => (typeof statements === 'string' ? statements : statements[system]))
    .join('')
}

/** An empty database: how to open it, and how to convert it to an older schema while it is closed. */
async function sqlite() {
  const path = temporaryFile()
  return {
    open: async () => sqliteStorage(path, { sweepInterval: 0 }),
    async downgrade(version: number) {
      const database = new Database(path)
      database.exec(downgradeTo(version, 'sqlite'))
      database.pragma(`user_version = ${version}`)
      database.close()
    },
    async run(statement: string) {
      const database = new Database(path)
      database.exec(statement)
      database.close()
    },
  }
}

async function postgres() {
  const server = await openPostgres()
  onTestFinished(() => server.close())
  const { name, url } = await server.createDatabase()
  return {
    open: () => postgresStorage(url, { sweepInterval: 0, ...patient }),
    run: (statement: string) => server.query(statement, name),
    downgrade: (version: number) =>
      server.query(`${downgradeTo(version, 'postgres')} update schema_version set version = ${version}`, name),
  }
}

it.each([
  ['SQLite', sqlite],
  ['PostgreSQL', postgres],
] as const)(
  'lets resources and agents of a %s database of schema 9 continue with the subject that they know',
  { timeout: 60_000 },
  async (_name, create) => {
    const database = await create()
    const before = await database.open()
    const user = await newUser(before, 'alice')
    const { redemption } = await allowedRequest(before, {}, {}, user)
    const later = await allowedRequest(before, { resource: 'https://later.example' }, {}, user)
    await before.close()
    await database.downgrade(9)
    const storage = await database.open()
    onTestFinished(() => storage.close())
    const outcome = await storage.redeemCode(redemption)
    const known = outcome.outcome === 'redeemed' ? outcome.issue : undefined
    expect(known?.sub).toBe(known?.agentSub)
    expect(await storage.redeemCode(later.redemption)).toMatchObject({ issue: { sub: known?.sub } })
    // As if a server of schema 9 had issued these tokens after the migration.
    await database.run('delete from resource_subject')
    await database.run('delete from agent_subject')
    const again = await allowedRequest(storage, {}, {}, user)
    expect(await storage.redeemCode(again.redemption)).toMatchObject({
      issue: { sub: known?.sub, agentSub: known?.sub },
    })
    const other = await allowedRequest(
      storage,
      { agent: 'https://new.example', resource: 'https://new.example' },
      {},
      user,
    )
    const fresh = await storage.redeemCode(other.redemption)
    if (fresh.outcome !== 'redeemed') throw new Error(fresh.reason)
    expect(new Set([fresh.issue.sub, fresh.issue.agentSub, known?.sub]).size).toBe(3)
    expect(await storage.findViolations()).toEqual([])
  },
)

it.each([
  ['SQLite', sqlite],
  ['PostgreSQL', postgres],
] as const)(
  'lets all resources of a %s database of schema 11 continue with their subjects, and further ones of their origins use the first of these',
  { timeout: 60_000 },
  async (_name, create) => {
    const database = await create()
    const before = await database.open()
    const user = await newUser(before, 'alice')
    const at = (origin: string, ...paths: string[]) => paths.map((path) => `https://${origin}.example${path}`)
    const known = [...at('one', '/mcp'), ...at('two', '', '/mcp'), ...at('three', '/a', '/b')]
    const refreshes = new Map<string, Awaited<ReturnType<typeof refreshable>>['refresh']>()
    for (const resource of known) refreshes.set(resource, (await refreshable(before, { resource }, {}, user)).refresh)
    await before.close()
    // In schema 11, each resource had another subject, and an origin without grants had none.
    const grantOfPair = 'from consent_grant as g where g.resource_id = resource_subject.resource_id'
    await database.run(`delete from resource_subject where not exists (select 1 ${grantOfPair})`)
    await database.run(`update resource_subject set sub = (select public_id ${grantOfPair})`)
    await database.run("delete from resource where identifier in ('https://one.example', 'https://three.example')")
    const older = "(select id from resource where identifier = 'https://three.example/b')"
    await database.run(`update consent_grant set created_at = created_at - 10 where resource_id = ${older}`)
    await database.downgrade(11)

    const storage = await database.open()
    onTestFinished(() => storage.close())
    const subjects = new Map<string, string>()
    for (const [resource, refresh] of refreshes) {
      const outcome = await storage.refreshGrant(refresh)
      if (outcome.outcome === 'refused') throw new Error(outcome.reason)
      subjects.set(resource, outcome.issue.sub)
      expect(await subOf(storage, user, resource)).toBe(outcome.issue.sub)
      expect(await storage.findUserBySubject(outcome.issue.sub)).toMatchObject({ id: user.id })
      const { redemption } = await allowedRequest(storage, { agent: 'https://new.example', resource }, {}, user)
      expect(await storage.redeemCode(redemption)).toMatchObject({ issue: { sub: outcome.issue.sub } })
    }
    expect(new Set(subjects.values()).size).toBe(known.length)
    for (const [resource, of] of [
      ['https://one.example', 'https://one.example/mcp'],
      ['https://two.example/other', 'https://two.example'],
      ['https://three.example/c', 'https://three.example/b'],
      ['https://three.example', 'https://three.example/b'],
    ] as const) {
      const { redemption } = await allowedRequest(storage, { resource }, {}, user)
      expect(await storage.redeemCode(redemption)).toMatchObject({ issue: { sub: subjects.get(of) } })
    }
    expect(await storage.findViolations()).toEqual([])
  },
)

it.each([
  ['SQLite', sqlite],
  ['PostgreSQL', postgres],
] as const)(
  'lets a server of schema 16 on %s redeem no code for one call, which it cannot see',
  { timeout: 60_000 },
  async (_name, create) => {
    const database = await create()
    const before = await database.open()
    const call = { method: 'DELETE', target: `${resource}/files/7` }
    const { redemption } = await allowedRequest(before, {}, { call, grantLifetime: 600 })
    await before.close()
    await database.downgrade(16)
    const storage = await database.open()
    onTestFinished(() => storage.close())
    expect((await storage.redeemCode(redemption)).outcome).toBe('refused')
    expect(await storage.findViolations()).toEqual([])
  },
)

it.each([
  ['SQLite', sqlite],
  ['PostgreSQL', postgres],
] as const)(
  'lets a server of schema 13 on %s allow nothing without a page under a grant for an account, which it cannot see',
  { timeout: 60_000 },
  async (_name, create) => {
    const database = await create()
    const before = await database.open()
    const user = await newUser(before, 'alice')
    await allowedRequest(before, {}, { remembered: true, account: 'work' }, user)
    await before.close()
    await database.downgrade(13)
    const storage = await database.open()
    onTestFinished(() => storage.close())
    const parties = { edition, userId: user.id, agent, delegate: null, resource }
    const issue = { ...parties, scope: 'calendar.read', jkt: freshHash(), tokenLifetime: 60 }
    expect(outcomeOf(await storage.issueRemembered(issue))).toBe('not_covered')
    await allowedRequest(storage, {}, { remembered: true }, user)
    expect(outcomeOf(await storage.issueRemembered(issue))).toBe('issued')
    expect(await storage.findViolations()).toEqual([])
  },
)

it.each([
  ['SQLite', 1, sqlite],
  ['SQLite', 3, sqlite],
  ['SQLite', 4, sqlite],
  ['SQLite', 5, sqlite],
  ['SQLite', 6, sqlite],
  ['SQLite', 7, sqlite],
  ['SQLite', 8, sqlite],
  ['SQLite', 9, sqlite],
  ['SQLite', 10, sqlite],
  ['SQLite', 11, sqlite],
  ['SQLite', 12, sqlite],
  ['SQLite', 13, sqlite],
  ['SQLite', 14, sqlite],
  ['SQLite', 15, sqlite],
  ['SQLite', 16, sqlite],
  ['SQLite', 17, sqlite],
  ['SQLite', 18, sqlite],
  ['SQLite', 19, sqlite],
  ['SQLite', 20, sqlite],
  ['SQLite', 21, sqlite],
  ['PostgreSQL', 1, postgres],
  ['PostgreSQL', 3, postgres],
  ['PostgreSQL', 4, postgres],
  ['PostgreSQL', 5, postgres],
  ['PostgreSQL', 6, postgres],
  ['PostgreSQL', 7, postgres],
  ['PostgreSQL', 8, postgres],
  ['PostgreSQL', 9, postgres],
  ['PostgreSQL', 10, postgres],
  ['PostgreSQL', 11, postgres],
  ['PostgreSQL', 12, postgres],
  ['PostgreSQL', 13, postgres],
  ['PostgreSQL', 14, postgres],
  ['PostgreSQL', 15, postgres],
  ['PostgreSQL', 16, postgres],
  ['PostgreSQL', 17, postgres],
  ['PostgreSQL', 18, postgres],
  ['PostgreSQL', 19, postgres],
  ['PostgreSQL', 20, postgres],
  ['PostgreSQL', 21, postgres],
] as const)(
  'opens a %s database of schema %i with its users, sessions, keys, codes and refresh tokens, counts credential revisions from 0, and assumes the first edition',
  {
    timeout: 60_000,
  },
  async (_name, version, create) => {
    const database = await create()
    const before = await database.open()
    const user = await newUser(before, 'alice')
    const session = {
      userId: user.id,
      credentialRevision: 0,
      factorAddedAt: 0,
      idleSeconds: 1000,
      lifetime: 1000,
      most: 5,
    }
    const idHash = freshHash()
    await before.createSession({ ...session, idHash })
    const { redemption } = await allowedRequest(before, {}, {}, user)
    const { refresh } = await refreshable(before, {}, {}, user)
    const keys = await storedKeys({ storage: before, masterKey })
    await before.close()
    await database.downgrade(version)

    const storage = await database.open()
    onTestFinished(() => storage.close())
    expect(await storage.findCredential('alice')).toMatchObject({
      user: { id: user.id, credentialRevision: 0 },
      addedAt: version === 1 ? 0 : expect.any(Number),
    })
    expect((await storage.listKeys()).map(({ edition }) => edition)).toEqual(['january', 'january', 'january'])
    expect(await (await storedKeys({ storage, masterKey })).publicKeys()).toEqual(await keys.publicKeys())
    await storage.registerClient({ id: 'app-1', metadata: {}, network: '', lifetime: 60, most: 1, mostPerUser: 1 })
    expect(await storage.findRegisteredClient('app-1')).toBeDefined()
    expect(await storage.findSession(idHash)).toMatchObject({ user: { id: user.id } })
    expect(await storage.redeemCode(redemption)).toMatchObject({ outcome: 'redeemed', grant: { edition: 'january' } })
    expect(outcomeOf(await storage.refreshGrant(refresh))).toBe('refreshed')
    expect(await storage.setPasswordHash({ userId: user.id, passwordHash: 'new', by: 'operator' })).toBe(1)
    expect(await storage.createSession({ ...session, idHash: freshHash() })).toBeUndefined()
    expect(await storage.findViolations()).toEqual([])
  },
)
