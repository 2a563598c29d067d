import Database from 'better-sqlite3'
import { postgresStorage } from 'countersign-server/postgres'
import { sqliteStorage } from 'countersign-server/sqlite'
import { expect, it, onTestFinished } from 'vitest'
import { allowedRequest, freshHash, newUser } from './fixtures.js'
import { openPostgres } from './postgres/postgres-server.js'
import { patient } from './postgres/template.js'
import { temporaryFile } from './temporary-file.js'

const toVersion1 = `
  drop index consent_grant_remembered;
  alter table auth_request drop column edition;
  alter table consent_grant drop column edition;
  create unique index consent_grant_remembered
    on consent_grant (user_id, agent_id, resource_id, coalesce(delegate, ''))
    where remembered = 1 and revoked_at is null;
  alter table app_user drop column credential_revision;
  alter table credential drop column added_at;
  alter table session drop column proved_for;
  drop index known_device_browser`

/** An empty database: how to open it, and how to convert it to schema 1 while it is closed. */
async function sqlite() {
  const path = temporaryFile()
  return {
    open: async () => sqliteStorage(path, { sweepInterval: 0 }),
    async downgrade() {
      const database = new Database(path)
      database.exec(toVersion1)
      database.pragma('user_version = 1')
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
    downgrade: () => server.query(`${toVersion1}; update schema_version set version = 1`, name),
  }
}

it.each([
  ['SQLite', sqlite],
  ['PostgreSQL', postgres],
] as const)(
  'opens a %s database of schema 1 with its users, sessions and codes, counts credential revisions from 0, and assumes the first edition',
  {
    timeout: 60_000,
  },
  async (_name, create) => {
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
    await before.close()
    await database.downgrade()

    const storage = await database.open()
    onTestFinished(() => storage.close())
    expect(await storage.findCredential('alice')).toMatchObject({
      user: { id: user.id, credentialRevision: 0 },
      addedAt: 0,
    })
    expect(await storage.findSession(idHash)).toMatchObject({ user: { id: user.id } })
    expect(await storage.redeemCode(redemption)).toMatchObject({ outcome: 'redeemed', grant: { edition: 'january' } })
    expect(await storage.setPasswordHash({ userId: user.id, passwordHash: 'new', by: 'operator' })).toBe(1)
    expect(await storage.createSession({ ...session, idHash: freshHash() })).toBeUndefined()
    expect(await storage.findViolations()).toEqual([])
  },
)
