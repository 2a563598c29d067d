import Database from 'better-sqlite3'
import { sqliteStorage } from 'countersign-server/sqlite'
import { expect, it } from 'vitest'
import { allowedRequest, freshHash, newUser, outcomeOf } from './fixtures.js'
import { temporaryFile } from './temporary-file.js'

it('opens a database of schema 1 with its users, sessions and codes, and counts credential revisions from 0', async () => {
  const path = temporaryFile()
  const before = sqliteStorage(path, { sweepInterval: 0 })
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
  const database = new Database(path)
  database.exec('alter table app_user drop column credential_revision; alter table credential drop column added_at')
  database.exec('alter table session drop column proved_for; drop index known_device_browser')
  database.pragma('user_version = 1')
  database.close()

  const storage = sqliteStorage(path, { sweepInterval: 0 })
  expect(await storage.findCredential('alice')).toMatchObject({ user: { id: user.id, credentialRevision: 0 } })
  expect(await storage.findSession(idHash)).toMatchObject({ user: { id: user.id } })
  expect(outcomeOf(await storage.redeemCode(redemption))).toBe('redeemed')
  expect(await storage.setPasswordHash({ userId: user.id, passwordHash: 'new', by: 'operator' })).toBe(1)
  expect(await storage.createSession({ ...session, idHash: freshHash() })).toBeUndefined()
  expect(await storage.findViolations()).toEqual([])
  await storage.close()
})
