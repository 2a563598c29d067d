import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import Database from 'better-sqlite3'
import type { Storage } from 'countersign-server'
import { sqliteStorage } from 'countersign-server/sqlite'
import { expect, test } from 'vitest'
import {
  agent,
  allowedRequest,
  boundRequest,
  freshHash,
  newUser,
  outcomeOf,
  rememberedGrant,
  rotating,
  times,
} from './fixtures.js'
import { temporaryFile } from './temporary-file.js'

const script = fileURLToPath(new URL('process.mjs', import.meta.url))
const untimed = { sweepInterval: 0 }
const points = ['before_consume', 'after_consume', 'before_commit', 'after_commit'] as const

interface Task {
  path: string
  opens?: 'when told'
  calls: [verb: keyof Storage, argument: object][]
  /** Whether all calls are made at the same time. */
  atOnce?: boolean
  /** Killed when it reaches this point for the `visit`-th time. */
  killAt?: { point: (typeof points)[number]; visit: number }
}

interface Report {
  of: string
  outcome: string
}

interface Ended {
  reports: Report[]
  exit: number | null
  signal: NodeJS.Signals | null
}

/** Starts a process per task, lets all of them start at once, and waits for them to exit. */
async function runTogether(tasks: Task[]): Promise<Ended[]> {
  const children = tasks.map((task) => fork(script, [JSON.stringify(task)]))
  await Promise.all(children.map((child) => once(child, 'message')))
  const ends = children.map(endOf)
  for (const child of children) child.send('go')
  return Promise.all(ends)
}

async function endOf(child: ChildProcess): Promise<Ended> {
  const reports: Report[] = []
  child.on('message', (report: Report) => reports.push(report))
  const [exit, signal] = await once(child, 'close')
  return { reports, exit, signal }
}

/** The invariants that must hold in a file, regardless of the fate of the processes that wrote it. */
function expectWhole(path: string): void {
  const database = new Database(path, { readonly: true })
  const rows = (sql: string) => database.prepare(sql).all()
  expect(rows('select request_id from token_issue group by request_id having count(*) > 1')).toEqual([])
  expect(
    rows(`select request_id from code where (select count(*) from token_issue t where t.request_id = code.request_id) <>
          (select count(*) from audit_event e join auth_request r on r.public_id = e.request_public_id
            where e.event = 'code.redeemed' and r.id = code.request_id)`),
  ).toEqual([])
  expect(
    rows(`select request_id from code where consumed_at is not null
          and not exists (select 1 from token_issue t where t.request_id = code.request_id)`),
  ).toEqual([])
  expect(
    rows(`select request_id from token_issue t where not exists
          (select 1 from code where code.request_id = t.request_id and consumed_at is not null)`),
  ).toEqual([])
  const events = database
    .prepare<[], string>("select data from audit_event where event = 'code.redeemed'")
    .pluck()
    .all()
  const issues = database.prepare<[], Buffer>('select jti_end from token_issue').pluck().all()
  const recorded = events.map((data) => (JSON.parse(data) as { jti: string }).jti.split('.')[1])
  expect(recorded.sort()).toEqual(issues.map((end) => end.toString('base64url')).sort())
  expect(
    rows(`select id from auth_request r where
          (status = 'allowed') <> exists (select 1 from code where code.request_id = r.id)
          or (status in ('allowed', 'denied')) <> ((select count(*) from audit_event a
            where a.request_public_id = r.public_id
              and a.event in ('request.allowed', 'request.denied', 'request.remembered')) = 1)`),
  ).toEqual([])
  expect(rows('select id from consent_grant g where not exists (select 1 from code where grant_id = g.id)')).toEqual([])
  expect(
    rows('select id from consent_grant g where not exists (select 1 from grant_scope where grant_id = g.id)'),
  ).toEqual([])
  expect(rows('pragma integrity_check')).toEqual([{ integrity_check: 'ok' }])
  expect(rows('pragma foreign_key_check')).toEqual([])
  database.close()
}

async function redeemed(path: string, codeHash: string): Promise<number> {
  const database = new Database(path, { readonly: true })
  const count = database
    .prepare('select count(*) from token_issue t join code c on c.request_id = t.request_id where c.code_hash = ?')
    .pluck()
    .get(Buffer.from(codeHash, 'base64url'))
  database.close()
  return Number(count)
}

async function allowedCodes(storage: Storage, count: number) {
  const user = await newUser(storage)
  const codes = []
  for (let index = 0; index < count; index += 1) {
    codes.push(
      (
        await allowedRequest(
          storage,
          { maxOpen: 1000 },
          { handle: { handleHash: freshHash(), handleLifetime: 600 } },
          user,
        )
      ).redemption,
    )
  }
  return codes
}

test('four processes that open a new file at the same time all succeed', async () => {
  for (let round = 0; round < 3; round += 1) {
    const path = temporaryFile()
    const ended = await runTogether(
      times(4, () => ({ path, opens: 'when told', calls: [['recordEvent', { event: 'process.opened' }]] })),
    )
    expect(ended.map(({ exit }) => exit)).toEqual([0, 0, 0, 0])
    const storage = sqliteStorage(path, untimed)
    expect(await storage.listEvents({ event: 'process.opened' })).toHaveLength(4)
    await storage.close()
  }
})

test('four processes that redeem the same codes 50 times each get exactly one token per code (X02)', async () => {
  const path = temporaryFile()
  const storage = sqliteStorage(path, untimed)
  const codes = await allowedCodes(storage, 10)
  const calls: Task['calls'] = times(50, (index) => ['redeemCode', codes[Math.floor(index / 5)] ?? {}])
  const ended = await runTogether(times(4, () => ({ path, calls })))
  expect(ended.map(({ exit }) => exit)).toEqual([0, 0, 0, 0])
  const reports = ended.flatMap((end) => end.reports)
  expect(reports).toHaveLength(200)
  for (const { codeHash } of codes) {
    const outcomes = reports.filter(({ of }) => of === codeHash).map(({ outcome }) => outcome)
    expect(outcomes.filter((outcome) => outcome === 'redeemed')).toHaveLength(1)
    expect(outcomes.filter((outcome) => outcome === 'used')).toHaveLength(19)
  }
  expectWhole(path)
  await storage.close()
})

test('of four processes, two are killed during an exchange: never two tokens per code, and none is lost (F1)', async () => {
  for (const point of points) {
    const path = temporaryFile()
    const storage = sqliteStorage(path, untimed)
    const codes = await allowedCodes(storage, 16)
    const own = [codes.splice(0, 2), codes.splice(0, 2)]
    const shared = times(24, (index) => codes[index % codes.length] ?? {})
    const survivor: Task = { path, calls: shared.map((code) => ['redeemCode', code]) }
    const victims = own.map(([first = {}, second = {}], index): Task => {
      const mixed = [...shared.slice(0, 3), first, ...shared.slice(3, 6), second, ...shared.slice(6)]
      return { path, calls: mixed.map((code) => ['redeemCode', code]), killAt: { point, visit: index + 1 } }
    })
    const ended = await runTogether([survivor, ...victims, survivor])
    expect(ended.map(({ signal }) => signal)).toEqual([null, 'SIGKILL', 'SIGKILL', null])
    expectWhole(path)
    const reports = ended.flatMap((end) => end.reports).filter(({ outcome }) => outcome === 'redeemed')
    expect(new Set(reports.map(({ of }) => of)).size).toBe(reports.length)
    for (const redemption of [...codes, ...own.flat()]) {
      const before = await redeemed(path, redemption.codeHash)
      expect(outcomeOf(await storage.redeemCode(redemption))).toBe(before === 1 ? 'used' : 'redeemed')
    }
    expectWhole(path)
    await storage.close()
  }
})

test('a process killed during an exchange leaves the code usable before the commit, and used after (F1)', async () => {
  const path = temporaryFile()
  const storage = sqliteStorage(path, untimed)
  const codes = await allowedCodes(storage, points.length)
  const ended = await runTogether(
    points.map((point, index) => ({
      path,
      calls: [['redeemCode', codes[index] ?? {}]],
      killAt: { point, visit: 1 },
    })),
  )
  expect(ended).toEqual(points.map(() => ({ reports: [], exit: null, signal: 'SIGKILL' })))
  expectWhole(path)
  const outcomes = await Promise.all(codes.map(async (code) => outcomeOf(await storage.redeemCode(code))))
  expect(outcomes).toEqual(points.map((point) => (point === 'after_commit' ? 'used' : 'redeemed')))
  expectWhole(path)
  await storage.close()
})

test('four processes that present the same refresh tokens rotate each family once per generation', async () => {
  const path = temporaryFile()
  const storage = sqliteStorage(path, untimed)
  const grants = await Promise.all(times(10, () => rotating(storage)))
  for (const generation of [0, 1]) {
    const calls: Task['calls'] = grants.flatMap(({ present }) =>
      times(3, (): Task['calls'][number] => ['rotateRefresh', present(generation)]),
    )
    const ended = await runTogether(times(4, () => ({ path, calls })))
    const reports = ended.flatMap((end) => end.reports)
    for (const { family } of grants) {
      const outcomes = reports.filter(({ of }) => of === family).map(({ outcome }) => outcome)
      expect(outcomes.toSorted()).toEqual([...times(11, () => 'repeated'), 'rotated'])
    }
  }
  expect(await storage.findViolations()).toEqual([])
  await storage.close()
})

test('a process killed during rotations leaves all tokens current before the commit, and all successors after', async () => {
  const path = temporaryFile()
  const storage = sqliteStorage(path, untimed)
  const grants = await Promise.all(points.map(() => Promise.all(times(3, () => rotating(storage)))))
  const ended = await runTogether(
    grants.map((families, index) => ({
      path,
      calls: families.map(({ present }): Task['calls'][number] => ['rotateRefresh', present(0)]),
      atOnce: true,
      killAt: { point: points[index] ?? 'before_commit', visit: 1 },
    })),
  )
  expect(ended).toEqual(points.map(() => ({ reports: [], exit: null, signal: 'SIGKILL' })))
  expect(await storage.findViolations()).toEqual([])
  for (const [index, families] of grants.entries()) {
    const isCommitted = points[index] === 'after_commit'
    for (const { present } of families) {
      // The agent received no successor. It presents the same token again, and gets the one that it would have received.
      const again = await storage.rotateRefresh(present(0))
      expect(again).toMatchObject({ outcome: isCommitted ? 'repeated' : 'rotated', generation: 1 })
      expect(await storage.rotateRefresh(present(1))).toMatchObject({ outcome: 'rotated', generation: 2 })
    }
  }
  await storage.close()
})

test('a process killed during a decision leaves the request open before the commit, and decided after (F2)', async () => {
  const path = temporaryFile()
  const storage = sqliteStorage(path, untimed)
  const bound = await Promise.all(points.map(() => boundRequest(storage)))
  const ended = await runTogether(
    points.map((point, index) => ({
      path,
      calls: [['decideRequest', bound[index]?.decision ?? {}]],
      killAt: { point, visit: 1 },
    })),
  )
  expect(ended).toEqual(points.map(() => ({ reports: [], exit: null, signal: 'SIGKILL' })))
  expectWhole(path)
  for (const [index, { decision, tokenHash, user }] of bound.entries()) {
    const decided = points[index] === 'after_commit'
    expect(await storage.findAuthRequest(tokenHash)).toMatchObject({ status: decided ? 'allowed' : 'open' })
    expect(await storage.listGrants({ userId: user.id, agent })).toHaveLength(decided ? 1 : 0)
    expect(await storage.decideRequest(decision)).toMatchObject({ outcome: 'allowed', first: !decided })
  }
  expectWhole(path)
  await storage.close()
})

const commits = ['before_commit', 'after_commit'] as const

test('a process killed during the decision for an agent binds the agent and grants access, or does neither', async () => {
  const path = temporaryFile()
  const storage = sqliteStorage(path, untimed)
  const bots = commits.map((point) => ({ edition: 'january', agent, delegate: point }))
  const bound = await Promise.all(bots.map((bot) => boundRequest(storage, { ...bot, bindsAgent: true })))
  const ended = await runTogether(
    commits.map((point, index) => ({
      path,
      calls: [['decideRequest', bound[index]?.decision ?? {}]],
      killAt: { point, visit: 1 },
    })),
  )
  expect(ended).toEqual(commits.map(() => ({ reports: [], exit: null, signal: 'SIGKILL' })))
  for (const [index, { decision, user }] of bound.entries()) {
    const bot = bots[index] ?? expect.fail()
    const isDecided = bot.delegate === 'after_commit'
    expect((await storage.findBinding(bot))?.userId).toBe(isDecided ? user.id : undefined)
    expect(await storage.listGrants({ userId: user.id, agent })).toHaveLength(isDecided ? 1 : 0)
    expect(await storage.decideRequest(decision)).toMatchObject({ outcome: 'allowed', first: !isDecided })
  }
  expect(await storage.findViolations()).toEqual([])
  await storage.close()
})

test('a revocation is sent in the end, whenever the processes that revoke and send it are killed', async () => {
  const path = temporaryFile()
  let now = 0
  const storage = sqliteStorage(path, { ...untimed, now: () => now })
  const claim = { edition: 'january', limit: 10, lease: 60 }
  for (const point of commits) {
    now = Math.floor(Date.now() / 1000)
    const { user, grantId, redemption } = await rememberedGrant(storage)
    await storage.redeemCode({ ...redemption, tokenLifetime: 3600, isTracked: true })
    const revocation = { grantId, by: user.id }
    await runTogether([{ path, calls: [['revokeGrant', revocation]], killAt: { point, visit: 1 } }])
    expect(await storage.revokeGrant(revocation)).toBe(point === 'before_commit')
    const [killed] = await runTogether([{ path, calls: [['claimDeliveries', claim]], killAt: { point, visit: 1 } }])
    expect(killed).toMatchObject({ signal: 'SIGKILL' })
    const isClaimed = point === 'after_commit'
    expect(await storage.claimDeliveries(claim)).toHaveLength(isClaimed ? 0 : 1)
    now += 1800
    const [delivery] = await storage.claimDeliveries(claim)
    expect(delivery).toMatchObject({ attempt: 2 })
    expect(await storage.settleDelivery({ id: delivery?.id ?? '', attempt: 2, outcome: 'delivered' })).toBe(true)
    expect(await storage.listDeliveries({ userId: user.id })).toMatchObject([{ outcome: 'delivered', attempts: 2 }])
  }
  expect(await storage.findViolations()).toEqual([])
  await storage.close()
})

test('counted attempts and claimed nonces survive a process that is killed right after', async () => {
  const path = temporaryFile()
  const attempt = { key: freshHash(), window: 600 }
  const claim = { key: freshHash(), source: { agent, thumbprint: 'key', network: '192.0.2.0' }, lifetime: 600 }
  const calls: Task['calls'] = [
    ['countAttempt', attempt],
    ['countAttempt', attempt],
    ['claimNonce', claim],
  ]
  const [ended] = await runTogether([{ path, calls, killAt: { point: 'after_commit', visit: 3 } }])
  expect(ended).toMatchObject({ signal: 'SIGKILL' })
  const storage = sqliteStorage(path, untimed)
  expect(await storage.countAttempt(attempt)).toMatchObject({ count: 3 })
  expect(await storage.claimNonce(claim)).toBe(false)
  await storage.close()
})
