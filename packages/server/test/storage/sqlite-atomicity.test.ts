import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import type { Storage } from 'countersign-server'
import { sqliteStorage } from 'countersign-server/sqlite'
import { afterEach, describe, expect, test } from 'vitest'
import {
  agent,
  allowedRequest,
  asRead,
  boundRequest,
  freshHash,
  hashOf,
  newRequest,
  newUser,
  nonceClaim,
  refreshable,
  rememberedGrant,
  resource,
  rotating,
} from './fixtures.js'
import { temporaryFile } from './temporary-file.js'

const now = 1_790_000_000
const options = { sweepInterval: 0, usageDelay: 3600, now: () => now }
const opened: { close(): unknown }[] = []

afterEach(async () => {
  for (const each of opened.splice(0).reverse()) await each.close()
})

function open(path: string): { storage: Storage; database: Database.Database } {
  const storage = sqliteStorage(path, options)
  const database = new Database(path)
  opened.push(storage, database)
  return { storage, database }
}

/** A file with one row of each kind, and each verb that changes several rows, ready to be called on a copy. */
async function preparedFile() {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-atomicity-'))
  const path = join(folder, 'auth.db')
  const storage = sqliteStorage(path, options)
  const person = await newUser(storage, 'alice')
  const session = {
    idHash: hashOf('kept'),
    ...asRead(person),
    factorAddedAt: 0,
    idleSeconds: 300,
    lifetime: 300,
    most: 1,
  }
  const sessionId = (await storage.createSession(session))?.id ?? ''
  const allowed = await allowedRequest(storage, {}, {}, person)
  const bound = await boundRequest(storage, {}, person)
  const asked = newRequest()
  await storage.createAuthRequest(asked)
  const remembered = await rememberedGrant(storage, {}, {}, person)
  const refreshed = await refreshable(storage, { delegate: 'laptop' }, {}, person)
  const family = await rotating(storage, { delegate: 'laptop' }, {}, person)
  await storage.rotateRefresh(family.present(0))
  const passkey = { ...asRead(person), credentialId: 'kept', counter: 5 }
  await storage.addPasskey({ ...passkey, publicKey: new Uint8Array([1]) })
  const guarded = await newUser(storage, 'guarded')
  const factor = { sealedSecret: 'kept', usedStep: 1, recoveryHashes: [hashOf('kept recovery code')] }
  guarded.credentialRevision = (await storage.setSecondFactor({ ...asRead(guarded), ...factor })) ?? 0
  const own = { key: hashOf('own'), account: 'guarded', window: 900, most: 5 }
  const use = { ...asRead(guarded), sealedSecret: 'kept', limits: [own], own }
  const key = { kid: 'kept', purpose: 'sign', alg: 'EdDSA', private: 'sealed', publicJwk: {}, state: 'next' } as const
  await storage.addKey(key)
  await storage.recordAgent({ agent, redirectHosts: [], keyThumbprints: [] })
  const identity = { issuer: 'https://login.example', subject: 'alice' }
  const grantId = (await storage.listEvents({ event: 'request.allowed', limit: 1 }))[0]?.grantId ?? ''
  const refresh = { tokenHash: freshHash(), idleSeconds: 90 * 86_400, lifetime: 365 * 86_400 }
  const thief = 'https://thief.example'
  const nonce = nonceClaim({ agent })
  const verbs: Readonly<Record<string, (storage: Storage) => Promise<unknown>>> = {
    createUser: (to) => newUser(to, 'new'),
    setUserStatus: (to) => to.setUserStatus(person.id, 'disabled'),
    setPasswordHash: (to) => to.setPasswordHash({ ...asRead(person), passwordHash: 'new' }),
    closeAccount: (to) => to.closeAccount(asRead(person)),
    exportUser: (to) => to.exportUser(person.id),
    createFederatedUser: (to) => to.createFederatedUser({ ...identity, username: 'alice' }),
    linkFederated: (to) => to.linkFederated({ ...identity, userId: person.id }),
    createSession: (to) => to.createSession({ ...session, idHash: hashOf('new') }),
    editUser: (to) => to.editUser({ userId: person.id, email: 'new@example.org' }),
    endSession: (to) => to.endSession(hashOf('kept')),
    endSessionById: (to) => to.endSessionById({ userId: person.id, id: sessionId }),
    endSessions: (to) => to.endSessions({ userId: person.id }),
    reauthenticate: (to) =>
      to.reauthenticate({ idHash: hashOf('kept'), newIdHash: hashOf('new'), credentialRevision: 0, factorAddedAt: 0 }),
    addPasskey: (to) => to.addPasskey({ ...passkey, credentialId: 'new', publicKey: new Uint8Array([1]) }),
    'usePasskey, forward': (to) => to.usePasskey({ ...passkey, counter: 6 }),
    'usePasskey, back': (to) => to.usePasskey({ ...passkey, counter: 4 }),
    setSecondFactor: (to) =>
      to.setSecondFactor({ ...asRead(person), sealedSecret: 'new', usedStep: 1, recoveryHashes: [hashOf('new')] }),
    replaceRecoveryCodes: (to) => to.replaceRecoveryCodes({ ...asRead(guarded), recoveryHashes: [hashOf('new')] }),
    removeSecondFactor: (to) => to.removeSecondFactor(asRead(guarded)),
    'useSecondFactor, right': (to) => to.useSecondFactor({ ...use, recoveryHash: hashOf('kept recovery code') }),
    'useSecondFactor, wrong': (to) => to.useSecondFactor({ ...use, recoveryHash: hashOf('wrong') }),
    removePasskey: (to) => to.removePasskey(passkey),
    createAuthRequest: (to) => to.createAuthRequest(newRequest({ agent: 'https://new.example', nonce })),
    bindRequest: (to) => to.bindRequest({ ...bound.binding, tokenHash: asked.tokenHash }),
    extendRequest: (to) => to.extendRequest({ ...bound.binding, seconds: 600, maxExtensions: 10 }),
    'decideRequest, allow': (to) => to.decideRequest(bound.decision),
    'decideRequest, deny': (to) => to.decideRequest({ ...bound.decision, decision: 'deny' }),
    'decideRequest, remembered': (to) => to.decideRequest({ ...bound.decision, remembered: true }),
    allowRemembered: (to) => to.allowRemembered({ ...bound.decision, ...bound.binding, grantId: remembered.grantId }),
    abandonRequests: (to) => to.abandonRequests({ agent, by: 'operator' }),
    redeemCode: (to) => to.redeemCode({ ...allowed.redemption, refresh, nonce }),
    'redeemCode, by another agent': (to) => to.redeemCode({ ...allowed.redemption, agent: thief, nonce }),
    'redeemCode, with another redirect URI': (to) =>
      to.redeemCode({ ...allowed.redemption, redirectUri: 'https://agent.example/other' }),
    'redeemCode, again': (to) => to.redeemCode({ ...refreshed.redemption, nonce }),
    refreshGrant: (to) => to.refreshGrant({ ...refreshed.refresh, nonce }),
    'refreshGrant, by another agent': (to) => to.refreshGrant({ ...refreshed.refresh, agent: thief }),
    rotateRefresh: (to) => to.rotateRefresh({ ...family.present(1), nonce }),
    'rotateRefresh, by another agent': (to) => to.rotateRefresh(family.present(1, { agent: thief })),
    'rotateRefresh, again': (to) => to.rotateRefresh({ ...family.present(0, { grace: -1 }), nonce }),
    'revokeRefreshToken, a family': (to) =>
      to.revokeRefreshToken({ ...refreshed.refresh, family: family.family, nonce }),
    revokeRefreshToken: (to) => to.revokeRefreshToken({ ...refreshed.refresh, nonce }),
    recordAutonomousIssue: (to) =>
      to.recordAutonomousIssue({ ...refreshed.redemption, resource, scope: 'read', policy: 'nightly', nonce }),
    revokeGrant: (to) => to.revokeGrant({ grantId, by: person.id }),
    'revokeGrant, with a refresh token': (to) => to.revokeGrant({ grantId: refreshed.grantId, by: person.id }),
    revokeGrants: (to) => to.revokeGrants({ userId: person.id, by: person.id }),
    recordAgent: (to) => to.recordAgent({ agent, redirectHosts: ['evil.example'], keyThumbprints: [] }),
    'recordAgent, a new one': (to) => to.recordAgent({ agent: thief, redirectHosts: [], keyThumbprints: [] }),
    setAgentBlocked: (to) => to.setAgentBlocked({ agent, blocked: true, by: 'operator' }),
    recordEvent: (to) => to.recordEvent({ event: 'agent.refused', agent: thief, resource: 'https://new.example' }),
    addKey: (to) => to.addKey({ ...key, kid: 'new' }),
    createKeysIfNone: (to) => to.createKeysIfNone([{ ...key, kid: 'new' }]),
    moveKeys: (to) => to.moveKeys([{ kid: 'kept', from: 'next', to: 'active' }]),
  }
  await storage.close()
  const database = new Database(path)
  const content = database.serialize()
  database.close()
  rmSync(folder, { recursive: true })
  return { content, verbs }
}

const { content, verbs } = await preparedFile()

/** Opens a copy of the prepared file. */
function openCopy() {
  const path = temporaryFile()
  writeFileSync(path, content)
  return open(path)
}

type Tables = ReadonlyMap<string, string>

function dump(database: Database.Database): Tables {
  const names = database
    .prepare<[], string>("select name from sqlite_schema where type = 'table' order by name")
    .pluck()
  return new Map(names.all().map((name) => [name, JSON.stringify(database.prepare(`select * from "${name}"`).all())]))
}

/** The statements that a verb executes, by table and kind. */
async function writesOf(verb: (storage: Storage) => Promise<unknown>): Promise<[table: string, kind: string][]> {
  const { storage, database } = openCopy()
  const tables = [...dump(database).keys()].filter((name) => !name.startsWith('sqlite_'))
  database.exec('create table written (place text primary key)')
  for (const table of tables) {
    for (const kind of kinds) {
      database.exec(`create trigger "note ${table} ${kind}" after ${kind} on "${table}"
        begin insert or ignore into written values ('${table} ${kind}'); end`)
    }
  }
  await verb(storage)
  const places = database.prepare<[], string>('select place from written').pluck().all()
  return places.map((place) => place.split(' ') as [string, string])
}

const kinds = ['insert', 'update', 'delete']

describe('a verb with a failing statement', () => {
  test.each(Object.keys(verbs))('%s: rejects without any effect', async (name) => {
    const verb = verbs[name]
    if (!verb) throw new TypeError('expected such a verb')
    for (const [table, kind] of await writesOf(verb)) {
      const { storage, database } = openCopy()
      const before = dump(database)
      database.exec(`create trigger refuse before ${kind} on "${table}" begin select raise(abort, 'refused'); end`)
      await expect(verb(storage), `${kind} on ${table}`).rejects.toThrow('refused')
      expect(dump(database), `${kind} on ${table}`).toEqual(before)
    }
  })
})
