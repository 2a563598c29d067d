import Database from 'better-sqlite3'
import { copyRows, type PooledStorage, type Storage } from 'countersign-server'
import { migratePostgres, openPostgres as openEngine, postgresStorage } from 'countersign-server/postgres'
import { sqliteEngine, sqliteStorage } from 'countersign-server/sqlite'
import { sql } from 'kysely'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import {
  asRead,
  boundRequest,
  freshHash,
  newUser,
  nonceClaim,
  outcomeOf,
  refreshable,
  rememberedGrant,
  resource,
  signInWith,
  times,
} from '../fixtures.js'
import { temporaryFile } from '../temporary-file.js'
import { openPostgres, type PostgresServer, type TestDatabase } from './postgres-server.js'
import { createTemplate, patient } from './template.js'

const day = 86_400

let server: PostgresServer
let template: string

beforeAll(async () => {
  server = await openPostgres()
  template = await createTemplate(server)
})
afterAll(() => server?.close())

async function opened(url: string, now?: () => number): Promise<PooledStorage> {
  const storage = await postgresStorage(url, { sweepInterval: 0, ...patient, ...(now && { now }) })
  onTestFinished(() => storage.close())
  return storage
}

it('counts attempts exactly in a database with a stricter default isolation level', async () => {
  const { name, url } = await server.createDatabase(template)
  await server.query(`alter database ${name} set default_transaction_isolation = 'repeatable read'`)
  const storage = await opened(url)
  const limit = { key: freshHash(), window: 900, most: 5 }
  const outcomes = await Promise.all(times(40, () => storage.countWithinLimits([limit])))
  expect(outcomes.filter((reached) => reached === undefined)).toHaveLength(5)
})

async function connected(url: string): Promise<pg.Client> {
  const client = new pg.Client(url)
  await client.connect()
  onTestFinished(() => client.end())
  return client
}

const withUser = (url: string, name: string) => Object.assign(new URL(url), { username: name }).href

/** A role that may serve, and nothing else. */
async function createRole({ url }: TestDatabase): Promise<string> {
  const role = `serving_${Math.random().toString(36).slice(2)}`
  await server.query(`create role ${role} login`)
  await migratePostgres(url, { serveAs: role })
  return withUser(url, role)
}

it('reports the number of open connections, for the metrics, and keeps them for two minutes', async () => {
  const { url } = await server.createDatabase(template)
  const storage = await opened(url)
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  onTestFinished(() => void vi.useRealTimers())
  expect(storage.connections()).toEqual({ idle: 0, used: 0, waiting: 0 })
  await storage.countUsers()
  await vi.advanceTimersByTimeAsync(119_000)
  expect(storage.connections()).toEqual({ idle: 1, used: 0, waiting: 0 })
  await vi.advanceTimersByTimeAsync(1000)
  expect(storage.connections().idle).toBe(0)
})

describe('the serving role', () => {
  it('can do everything that a server does', async () => {
    const database = await server.createDatabase(template)
    const storage = await opened(await createRole(database))
    expect(await storage.claimIssuer('https://auth.example')).toBe('https://auth.example')
    const { refresh } = await refreshable(storage, {}, { remembered: true })
    expect(outcomeOf(await storage.refreshGrant(refresh))).toBe('refreshed')
    await storage.closeAccount(asRead(await newUser(storage)))
    await storage.sweep()
    expect(await storage.findViolations()).toEqual([])
  })

  it.each([
    ["update audit_event set event = 'x'", 'permission denied'],
    ['delete from audit_event', 'permission denied'],
    ['truncate audit_event', 'permission denied'],
    ["update audit_event_other set event = 'x'", 'permission denied'],
    ["insert into audit_event (id, at, event) values (1, 1, 'x')", 'permission denied'],
    ['drop table audit_event', 'must be owner'],
    ['update schema_version set version = 0', 'permission denied'],
    ['select keep_audit(extract(epoch from now())::bigint)', 'kept for 400 days'],
    ["select may_serve('public')", 'permission denied|does not exist'],
  ])('cannot: %s (O07)', async (sql, reason) => {
    const database = await server.createDatabase(template)
    const url = await createRole(database)
    await newUser(await opened(url))
    const client = await connected(url)
    await expect(client.query(sql)).rejects.toThrow(new RegExp(reason))
  })

  it('cannot change a month’s table by its own name (O07)', async () => {
    const database = await server.createDatabase(template)
    const [month] = await server.query(
      "select inhrelid::regclass::text as name from pg_inherits where inhparent = 'audit_event'::regclass and inhrelid::regclass::text ~ '20'",
      database.name,
    )
    const client = await connected(await createRole(database))
    for (const change of ['select 1 from %', "insert into % (at, event) values (1, 'x')", "update % set event = 'x'"])
      await expect(client.query(change.replace('%', String(month?.name)))).rejects.toThrow('permission denied')
  })

  it('cannot make the owner’s functions run anything the owner did not write (O07)', async () => {
    const database = await server.createDatabase(template)
    const client = await connected(await createRole(database))
    await client.query(`
      create temp table done (who text);
      create function pg_temp.mine() returns trigger language plpgsql as
        $$ begin insert into pg_temp.done values (current_user); return null; end $$;
      create temp table audit_event_other (id bigint, at bigint, agent_id bigint, resource_id bigint);
      insert into pg_temp.audit_event_other values (1, 1);
      create trigger mine before delete on pg_temp.audit_event_other for each row execute function pg_temp.mine();
      grant all on pg_temp.done to public`)
    await client.query('select keep_audit(2)')
    expect((await client.query('select * from pg_temp.done')).rows).toEqual([])
  })

  it('cannot shadow functions used by the owner’s code, even within the schema (O07)', async () => {
    const database = await server.createDatabase(template)
    const url = await createRole(database)
    const role = new URL(url).username
    await server.query(`grant create on schema public to ${role}`, database.name)
    const client = await connected(url)
    await client.query(`
      create table public.done (who text);
      create function public."right"(name, integer) returns text language plpgsql as
        $$ begin insert into public.done values (current_user); return pg_catalog.right($1::text, $2); end $$;
      create function public.to_char(timestamp, text) returns text language plpgsql as
        $$ begin insert into public.done values (current_user); return pg_catalog.to_char($1, $2); end $$;
      grant all on public.done to public; grant execute on all functions in schema public to public`)
    await client.query('select keep_audit(2)')
    expect((await client.query('select * from public.done')).rows).toEqual([])
  })

  it('is refused if it may create in the schema, and the error says what to revoke', async () => {
    const database = await server.createDatabase(template)
    const role = `creating_${Math.random().toString(36).slice(2)}`
    await server.query(`create role ${role} login`)
    await server.query(`grant create on schema public to ${role}`, database.name)
    await expect(migratePostgres(database.url, { serveAs: role })).rejects.toMatchObject({
      code: 'misconfigured',
      message: expect.stringContaining('revoke create on schema public'),
    })
  })

  it('reports the command to run if the schema must be migrated first', async () => {
    const database = await server.createDatabase()
    const role = `weak_${Math.random().toString(36).slice(2)}`
    await server.query(`create role ${role} login`)
    await server.query(`revoke create on schema public from public, ${role}`, database.name)
    await expect(postgresStorage(withUser(database.url, role))).rejects.toMatchObject({
      code: 'not_writable',
      message: expect.stringContaining('countersign server db migrate'),
    })
  })
})

describe('the audit log', () => {
  it.each(["update audit_event set event = 'x'", 'delete from audit_event', 'truncate audit_event'])(
    'is protected even from its owner: %s',
    async (sql) => {
      const database = await server.createDatabase(template)
      await newUser(await opened(database.url))
      await expect(server.query(sql, database.name)).rejects.toThrow('kept for 400 days')
    },
  )

  it('has a table for each month, of which old ones are dropped, with agents that only they referenced', async () => {
    const { url, name } = await server.createDatabase(template)
    const storage = await opened(url)
    await newUser(storage)
    const tables = async () =>
      (
        await server.query(
          "select relname from pg_class where relname ~ '^audit_event_\\d{4}_\\d{2}$' order by 1",
          name,
        )
      ).map(({ relname }) => relname)
    const made = await tables()
    expect(made).toHaveLength(3)
    const rows = await server.query(`select count(*) from ${String(made[0])}`, name)
    expect(rows).toEqual([{ count: '1' }])

    const old = 'audit_event_2020_01'
    await server.query(
      `create table ${old} partition of audit_event for values from (1577836800) to (1580515200)`,
      name,
    )
    await server.query("insert into agent (identifier) values ('https://gone.example')", name)
    await server.query(
      "insert into audit_event (at, event, agent_id) select 1577836800, 'agent.refused', id from agent",
      name,
    )
    await server.query("insert into audit_event (at, event) values (1500000000, 'very.old')", name)
    expect(await storage.sweep()).toBe(2)
    expect(await tables()).toEqual(made)
    expect((await storage.listEvents()).map(({ event }) => event)).toEqual(['user.created', 'audit.swept'])
    expect(await server.query('select * from agent', name)).toEqual([])
  })
})

describe('concurrent instances', () => {
  it('that start first on an empty database create one schema and one set of keys', async () => {
    const { url } = await server.createDatabase()
    const storages = await Promise.all(times(4, () => opened(url)))
    const key = (index: number) => ({
      kid: `key-${index}`,
      purpose: 'sign' as const,
      alg: 'EdDSA',
      private: 'sealed',
      publicJwk: {},
      state: 'active' as const,
    })
    await Promise.all(storages.map((storage, index) => storage.createKeysIfNone([key(index)])))
    expect(await storages[0]?.listKeys()).toHaveLength(1)
  })

  it('remember one grant if a user allows it twice at the same time', async () => {
    const { url, name } = await server.createDatabase(template)
    const storages = await Promise.all(times(2, () => opened(url)))
    const storage = storages[0] as Storage
    const user = await newUser(storage)
    for (let round = 0; round < 5; round += 1) {
      const requests = await Promise.all(times(2, () => boundRequest(storage, { delegate: `copy-${round}` }, user)))
      const outcomes = await Promise.all(
        requests.map(({ decision }, index) => storages[index]?.decideRequest({ ...decision, remembered: true })),
      )
      expect(outcomes.map((result) => result?.outcome)).toEqual(['allowed', 'allowed'])
    }
    const live = await server.query(
      'select count(*) from consent_grant where remembered = 1 and revoked_at is null group by delegate',
      name,
    )
    expect(live).toEqual(times(5, () => ({ count: '1' })))
  })

  it('sweep one at a time', async () => {
    const { url, name } = await server.createDatabase(template)
    let now = 1_600_000_000
    const storages = await Promise.all(times(3, () => opened(url, () => now)))
    await refreshable(storages[0] as Storage)
    now += 400 * day
    const other = new pg.Client(url)
    await other.connect()
    const [lock] = await server.query(
      "select ('x' || encode(substr(sha256('retention'), 1, 8), 'hex'))::bit(64)::bigint as number",
      name,
    )
    await other.query('select pg_advisory_lock($1)', [lock?.number])
    expect(await storages[0]?.sweep()).toBe(0)
    await other.end()
    const swept = await Promise.all(storages.map((storage) => storage.sweep()))
    expect(Math.max(...swept)).toBeGreaterThan(0)
    expect(await storages[0]?.sweep()).toBe(0)
  })
})

describe('a deadlock', () => {
  it('is retried without an error', async () => {
    const { url } = await server.createDatabase(template)
    // The waiting session checks for deadlocks after this time: the one to be rolled back is this one.
    const storage = await opened(`${url}?options=-c%20deadlock_timeout%3D700ms`)
    const { refresh, grantId } = await refreshable(storage, {}, { remembered: true })
    const other = new pg.Client(`${url}?options=-c%20deadlock_timeout%3D60s`)
    await other.connect()
    onTestFinished(() => other.end())
    await other.query('begin')
    await other.query('select * from consent_grant for update')
    const refreshed = storage.refreshGrant(refresh)
    // The refresh has locked its token by now, and waits for the grant.
    await expect
      .poll(async () => (await server.query('select 1 from pg_locks where not granted')).length)
      .toBeGreaterThan(0)
    await other.query('select * from refresh_token for update')
    await other.query('commit')
    expect(outcomeOf(await refreshed)).toBe('refreshed')
    expect(await storage.findGrant(grantId)).toMatchObject({ revokedAt: null })
  })
})

it('survives a migration that changes the type of a column while it runs', async () => {
  const { name, url } = await server.createDatabase(template)
  const storage = await opened(url)
  const { id, username } = await newUser(storage)
  expect(await storage.findUser(id)).toMatchObject({ username })
  await server.query('alter table app_user alter column username type varchar(300)', name)
  expect(await storage.findUser(id)).toMatchObject({ username })
})

describe('a transaction', () => {
  it('with a failed statement is never reported as committed, whatever the verb does about the error', async () => {
    const engine = await openEngine((await server.createDatabase(template)).url, patient)
    onTestFinished(() => engine.close())
    const careless = engine.transaction('disk', async ({ db }) => {
      await sql`insert into resource (identifier) values ('https://lost.example')`.execute(db)
      await sql`select 1 / 0`.execute(db).catch(() => undefined)
      return 'done'
    })
    await expect(careless).rejects.toThrow('rolled back')
  })
})

it('a statement accepts a list as a parameter, and then none', async () => {
  const engine = await openEngine((await server.createDatabase(template)).url, patient)
  onTestFinished(() => engine.close())
  const read = await engine.transaction('disk', async ({ db }) => {
    const rows: unknown[] = []
    for (const list of [[1], null, [2]])
      rows.push(...(await sql<{ list: unknown }>`select ${list}::int[] as list`.execute(db)).rows)
    return rows
  })
  expect(read).toEqual([{ list: [1] }, { list: null }, { list: [2] }])
})

describe('copyRows', () => {
  it('copies everything, and the new database continues where the old one stopped', async () => {
    const path = temporaryFile()
    const old = sqliteStorage(path, { sweepInterval: 0 })
    await old.claimIssuer('https://auth.example')
    const { refresh, user } = await rememberedAndRefreshable(old)
    await old.recordAgent({
      agent: 'https://agent.example',
      redirectHosts: ['a'],
      keyThumbprints: ['b'],
      name: 'Plänér 😀',
    })
    await old.claimNonce({
      key: refresh.tokenHash,
      source: { agent: undefined, thumbprint: 'k', network: '10.0.0' },
      lifetime: 100,
    })
    await old.countAttempt({ key: refresh.tokenHash, window: 1000 })
    const rest = { network: '198.51', lifetime: 100, most: 1, mostPerUser: 1 }
    await old.registerClient({ id: 'app-1', metadata: { client_name: 'Plänér' }, ...rest })
    const revoked = { issuer: 'https://provider.example', jti: 'one' }
    await old.recordRevocation({ ...revoked, edition: 'january', expiresAt: 4_000_000_000, most: 1 })
    // More than one batch of the copy, with one-column and two-column keys.
    for (let index = 0; index < 600; index += 1) {
      await signInWith(old, { userId: user.id, browserHash: freshHash() })
      await old.countAttempt({ key: freshHash(), window: 1000 })
      await old.claimNonce(nonceClaim({ agent: `https://${index}.example` }))
    }
    const events = await old.listEvents()
    const grants = await old.listGrants()
    await old.close()

    const { url } = await server.createDatabase(template)
    const [from, to] = [sqliteEngine(path), await openEngine(url, patient)]
    const { tables, rows } = await copyRows(from, to)
    expect(tables).toBe(37)
    const file = new Database(path, { readonly: true })
    const names = file.prepare("select name from sqlite_schema where type = 'table' and name <> 'sqlite_sequence'")
    const counts = names
      .pluck()
      .all()
      .map((name) =>
        Number(
          file
            .prepare(`select count(*) from ${String(name)}`)
            .pluck()
            .get(),
        ),
      )
    file.close()
    expect(rows).toBe(counts.reduce((sum, count) => sum + count))
    await expect(copyRows(from, to)).rejects.toThrow('use an empty database')
    await Promise.all([from.close(), to.close()])

    const storage = await opened(url)
    expect(await storage.listEvents()).toEqual(events)
    expect(await storage.listGrants()).toEqual(grants)
    expect(await storage.isRevoked(revoked)).toBe(true)
    expect(await storage.listBindings({ userId: user.id })).toMatchObject([{ delegate: 'laptop' }])
    expect(await storage.claimIssuer('https://other.example')).toBe('https://auth.example')
    expect(outcomeOf(await storage.refreshGrant(refresh))).toBe('refreshed')
    await rememberedGrant(storage, { resource, delegate: 'another' }, {}, user)
    expect(await storage.findViolations()).toEqual([])
  })

  it.each([
    ['changes a row', 'update agent set name = name || 1 where id = new.id'],
    ['loses a row', 'delete from agent where id = new.id'],
  ])('copies nothing if the new database %s', async (_what, change) => {
    const [path, target] = [temporaryFile(), temporaryFile()]
    const old = sqliteStorage(path, { sweepInterval: 0 })
    await old.recordAgent({
      agent: 'https://agent.example',
      redirectHosts: ['a'],
      keyThumbprints: ['b'],
      name: 'Planner',
    })
    await old.close()
    const [from, to] = [sqliteEngine(path), sqliteEngine(target)]
    onTestFinished(async () => void (await Promise.all([from.close(), to.close()])))
    const file = new Database(target)
    onTestFinished(() => void file.close())
    file.exec(`create trigger hostile after insert on agent begin ${change}; end`)
    await expect(copyRows(from, to)).rejects.toThrow('a row of agent differs after copying: nothing was copied')
    expect(file.prepare('select count(*) from agent').pluck().get()).toBe(0)
    file.exec('drop trigger hostile')
    expect((await copyRows(from, to)).rows).toBeGreaterThan(0)
  })
})

async function rememberedAndRefreshable(storage: Storage) {
  const user = await newUser(storage, 'alice')
  await rememberedGrant(storage, { delegate: 'laptop', bindsAgent: true }, {}, user)
  return refreshable(storage, {}, { remembered: true }, user)
}
