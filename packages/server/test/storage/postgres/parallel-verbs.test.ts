import { setTimeout as wait } from 'node:timers/promises'
import type { Storage, User } from 'countersign-server'
import { postgresStorage } from 'countersign-server/postgres'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import {
  asRead,
  boundRequest,
  freshHash,
  hashOf,
  type NewHandle,
  newRequest,
  newUser,
  nonceClaim,
  outcomeOf,
  type RefreshableGrant,
  type RotatingGrant,
  readNow,
  refreshable,
  rotating,
  times,
} from '../fixtures.js'
import { openPostgres, type PostgresServer, type TestDatabase } from './postgres-server.js'
import { createTemplate, patient } from './template.js'

let server: PostgresServer
let database: TestDatabase
let instances: Storage[]

beforeAll(async () => {
  server = await openPostgres()
  database = await server.createDatabase(await createTemplate(server))
  instances = await Promise.all([open(), open()])
})
afterAll(async () => {
  await wait(600) // The counts are written twice a second.
  expect(await deadlocks()).toBe(0)
  await Promise.all(instances.map((storage) => storage.close()))
  await server.close()
})

function open(): Promise<Storage> {
  return postgresStorage(database.url, { sweepInterval: 0, usageDelay: 0, ...patient })
}

async function deadlocks(): Promise<number> {
  const [found] = await server.query(
    `select deadlocks from pg_stat_database where datname = '${database.name}'`,
    database.name,
  )
  return Number(found?.deadlocks)
}

const handle = (): NewHandle => ({ handleHash: freshHash(), handleLifetime: 600 })

/** A user with an agent that they allowed, ready for further actions. */
interface Life extends RefreshableGrant, Pick<RotatingGrant, 'present'> {
  user: User
  session: string
  open: Awaited<ReturnType<typeof boundRequest>>['decision']
  unanswered: string
  code: RefreshableGrant['redemption']
}

async function beginLife(storage: Storage): Promise<Life> {
  const user = await newUser(storage)
  const agent = `https://${freshHash()
    .toLowerCase()
    .replaceAll(/[^a-z0-9]/g, '')}.example`
  const { present } = await rotating(storage, { agent }, { remembered: true }, user)
  const given = await refreshable(storage, { agent }, { remembered: true }, user)
  const { decision } = await boundRequest(storage, { agent }, user)
  const [second, third] = [newRequest({ agent }), newRequest({ agent })]
  await storage.createAuthRequest(second)
  await storage.createAuthRequest(third)
  const { handleHash, handleLifetime } = handle()
  await storage.allowRemembered(remembering(given, second.tokenHash, { handleHash, handleLifetime }))
  const session = freshHash()
  await storage.createSession({
    idHash: session,
    ...asRead(user),
    factorAddedAt: 0,
    idleSeconds: 1000,
    lifetime: 10_000,
    most: 5,
  })
  return {
    ...given,
    present,
    session,
    open: { ...decision, remembered: true, scope: 'calendar.read' },
    unanswered: third.tokenHash,
    code: { ...given.redemption, codeHash: handleHash },
  }
}

function remembering({ user, grantId }: Pick<Life, 'user' | 'grantId'>, tokenHash: string, answer: NewHandle) {
  return { tokenHash, browserHash: freshHash(), ...asRead(user), state: null, grantId, handle: answer }
}

const allowingOf = ({ id }: User) => ({ key: hashOf(id), window: 60, most: 100 })

/** All come from one network, and so are counted in the same rows. */
const signedBy = (agent: string) => ({ nonce: nonceClaim({ agent }) })

/** The operations that can happen to one user at any time. */
const verbs: Readonly<Record<string, (storage: Storage, life: Life) => Promise<unknown>>> = {
  decide: (storage, { open, user }) => storage.decideRequest({ ...open, attempt: allowingOf(user) }),
  redeem: (storage, { code }) =>
    storage.redeemCode({
      ...code,
      ...signedBy(code.agent),
      refresh: { tokenHash: freshHash(), idleSeconds: 1000, lifetime: 10_000 },
    }),
  rotate: (storage, { present }) => storage.rotateRefresh(present(0)),
  refresh: (storage, { refresh }) => storage.refreshGrant({ ...refresh, ...signedBy(refresh.agent) }),
  revokeGrant: (storage, { grantId, user }) => storage.revokeGrant({ grantId, by: user.id, userId: user.id }),
  revokeGrants: (storage, { user }) => storage.revokeGrants({ userId: user.id, by: user.id }),
  revokeGrantsOfAgent: (storage, { refresh: { agent } }) => storage.revokeGrants({ agent, by: 'operator' }),
  revokeRefreshToken: (storage, { refresh }) => storage.revokeRefreshToken({ ...refresh, ...signedBy(refresh.agent) }),
  setAgentBlocked: (storage, { refresh: { agent } }) =>
    storage.setAgentBlocked({ agent, blocked: true, by: 'operator' }),
  closeAccount: (storage, { user }) => storage.closeAccount(asRead(user)),
  disable: (storage, { user }) => storage.setUserStatus(user.id, 'disabled'),
  createSession: (storage, { user }) =>
    storage.createSession({
      idHash: freshHash(),
      ...asRead(user),
      factorAddedAt: 0,
      idleSeconds: 1000,
      lifetime: 10_000,
      most: 2,
    }),
  endSession: (storage, { session }) => storage.endSession(session),
  allowRemembered: (storage, life) =>
    storage.allowRemembered({
      ...remembering(life, life.unanswered, handle()),
      attempt: allowingOf(life.user),
    }),
  createAuthRequest: (storage, { refresh: { agent } }) =>
    storage.createAuthRequest(newRequest({ agent, ...signedBy(agent) })),
  setPasswordHash: (storage, { user }) => storage.setPasswordHash({ ...asRead(user), passwordHash: 'another' }),
}

const pairs = Object.keys(verbs).flatMap((one, index) =>
  Object.keys(verbs)
    .slice(index)
    .map((other): [string, string] => [one, other]),
)

/** A slow machine takes long for so many pairs. */
const allPairs = { timeout: 600_000 }

/** Operations after which others are refused: a deleted user cannot sign in, and a blocked agent cannot request anything. */
const refused = /agent is blocked/

it(`of ${pairs.length} pairs of verbs for one user at the same time, none deadlocks`, allPairs, async () => {
  for (const [one, other] of pairs) {
    const life = await beginLife(instances[0] as Storage)
    const ended = await Promise.allSettled([
      verbs[one]?.(instances[0] as Storage, life),
      verbs[other]?.(instances[1] as Storage, life),
    ])
    for (const each of ended) if (each.status === 'rejected') expect(String(each.reason)).toMatch(refused)
  }
  await wait(600) // The counts are written twice a second.
  expect(await deadlocks()).toBe(0)
  expect(await instances[0]?.findViolations()).toEqual([])
})

describe('a grant that is revoked while it is being replaced', () => {
  const removals: [string, (storage: Storage, life: Life) => Promise<unknown>][] = [
    ['by its id', (storage, life) => verbs.revokeGrant?.(storage, life) ?? Promise.reject()],
    ['with all of the user’s grants', (storage, life) => verbs.revokeGrants?.(storage, life) ?? Promise.reject()],
    [
      'with all of the agent’s grants',
      (storage, life) => verbs.revokeGrantsOfAgent?.(storage, life) ?? Promise.reject(),
    ],
  ]

  it.each(removals)('is no longer valid: revoked %s', async (_claim, remove) => {
    for (const round of times(20, (index) => index)) {
      const storage = instances[0] as Storage
      const life = await beginLife(storage)
      const [removed] = await Promise.all([
        wait(round % 5).then(() => remove(instances[1] as Storage, life)),
        storage.decideRequest(life.open),
      ])
      expect(removed, 'a grant was revoked').toBeTruthy()
      expect(outcomeOf(await storage.refreshGrant(life.refresh))).not.toBe('refreshed')
      const live = await storage.listGrants({ userId: life.user.id, live: true })
      // Only what was allowed after the revocation remains.
      for (const { scope } of live) expect(scope).toBe('calendar.read')
    }
  })
})

it('a family rotates while its grant is being replaced, and continues under the new grant', async () => {
  for (const round of times(20, (index) => index)) {
    const storage = instances[0] as Storage
    const life = await beginLife(storage)
    const [rotated] = await Promise.all([
      wait(round % 5).then(() => (instances[1] as Storage).rotateRefresh(life.present(0))),
      storage.decideRequest(life.open),
    ])
    expect(outcomeOf(rotated)).toBe('rotated')
    expect(outcomeOf(await storage.rotateRefresh(life.present(1)))).toBe('rotated')
  }
})

it('sixteen rotations at the same time take one transaction', async () => {
  const storage = instances[0] as Storage
  const families = await Promise.all(times(16, () => rotating(storage)))
  const results = await Promise.all(families.map(({ present }) => storage.rotateRefresh(present(0))))
  expect(results.map(outcomeOf)).toEqual(times(16, () => 'rotated'))
  const list = families.map(({ family }) => `'${family}'`).join()
  const [found] = await server.query(
    `select count(distinct xmin::text) as transactions from refresh_token where encode(family, 'hex')::uuid in (${list})`,
    database.name,
  )
  expect(Number(found?.transactions)).toBe(1)
})

it('a rotation waits for a transaction that has locked its grant, and delays no other', async () => {
  const storage = instances[0] as Storage
  const families = await Promise.all(times(3, () => rotating(storage)))
  const other = new pg.Client(database.url)
  await other.connect()
  onTestFinished(() => other.end())
  await other.query('begin')
  const locked = Buffer.from(families[1]?.grantId.replaceAll('-', '') ?? '', 'hex')
  await other.query('select 1 from consent_grant where public_id = $1 for share', [locked])
  const ended: number[] = []
  const rotations = families.map(async ({ present }, index) => {
    const result = await storage.rotateRefresh(present(0))
    ended.push(index)
    return outcomeOf(result)
  })
  expect(await Promise.all([rotations[0], rotations[2]])).toEqual(['rotated', 'rotated'])
  expect(ended).not.toContain(1)
  await other.query('commit')
  expect(await rotations[1]).toBe('rotated')
})

it('families that rotate at two instances in opposite orders have one successor each', async () => {
  const storage = instances[0] as Storage
  const users = await Promise.all(times(4, () => newUser(storage)))
  const families: RotatingGrant[] = []
  for (const index of times(16, (each) => each))
    families.push(await rotating(storage, {}, { remembered: true }, users[index % 4]))
  for (const generation of times(10, (index) => index)) {
    const results = await Promise.all(
      instances.flatMap((instance, index) =>
        (index === 0 ? families : families.toReversed()).map(async ({ family, present }) => {
          const result = await instance.rotateRefresh(present(generation))
          return `${family} ${outcomeOf(result)}`
        }),
      ),
    )
    expect(results.sort()).toEqual(families.flatMap(({ family }) => [`${family} repeated`, `${family} rotated`]).sort())
  }
})

it('sixteen codes of one remembered grant are redeemed at the same time, by two instances', async () => {
  const storage = instances[0] as Storage
  const { user, grantId, refresh, redemption } = await beginLife(storage)
  const codes = await Promise.all(
    times(16, async () => {
      const request = newRequest({ agent: refresh.agent })
      await storage.createAuthRequest(request)
      const answer = handle()
      await storage.allowRemembered(remembering({ user, grantId }, request.tokenHash, answer))
      return answer.handleHash
    }),
  )
  const redeemed = await Promise.all(
    codes.map((codeHash, index) => (instances[index % 2] as Storage).redeemCode({ ...redemption, codeHash })),
  )
  expect(redeemed.map(outcomeOf)).toEqual(times(16, () => 'redeemed'))
})

it('a user who is no longer active cannot decide, and cannot be bound', async () => {
  const storage = instances[0] as Storage
  const { user, decision } = await boundRequest(storage)
  const request = newRequest()
  await storage.createAuthRequest(request)
  await storage.setUserStatus(user.id, 'disabled')
  expect(outcomeOf(await storage.decideRequest(decision))).toBe('user_changed')
  const disabled = await readNow(storage, user.id)
  expect(outcomeOf(await storage.decideRequest({ ...decision, ...disabled }))).toBe('user_changed')
  const binding = { tokenHash: request.tokenHash, browserHash: freshHash(), ...disabled, state: null }
  expect(outcomeOf(await storage.bindRequest(binding))).toBe('user_changed')
  const unbound = await storage.findAuthRequest(request.tokenHash)
  expect(outcomeOf(await storage.bindRequest({ ...binding, found: unbound }))).toBe('user_changed')
  expect(await storage.listGrants({ userId: user.id })).toEqual([])
})

it('a reader of the audit log blocks no writer, even if next month’s table must be created', async () => {
  const [month] = await server.query(
    "select max(inhrelid::regclass::text) as name from pg_inherits where inhparent = 'audit_event'::regclass and inhrelid::regclass::text ~ '20'",
    database.name,
  )
  await server.query(`drop table ${String(month?.name)}`, database.name)
  const reader = new pg.Client(database.url)
  await reader.connect()
  onTestFinished(() => reader.end())
  await reader.query('begin; select count(*) from audit_event')
  const storage = instances[0] as Storage
  const swept = instances[1]?.sweep().then(
    () => 'swept',
    ({ code }) => String(code),
  )
  await wait(100)
  await newUser(storage)
  expect(await swept).toBe('unavailable')
  await reader.query('commit')
  await instances[1]?.sweep()
  const tables = await server.query(`select 1 from pg_class where relname = '${String(month?.name)}'`, database.name)
  expect(tables).toHaveLength(1)
})
