import { draft11AgentSigning } from 'countersign/editions/draft-11'
import { signRequest } from 'countersign/signatures'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  agentToken,
  askPerson,
  decide,
  openConsent,
  openPerson,
  pendingIn,
  poll,
} from '../editions/draft-11/person-stage.js'
import { isLong } from '../long.js'
import type { TestEnd } from '../operators/operator-stage.js'
import { openPostgres, type PostgresServer } from '../storage/postgres/postgres-server.js'
import { type Fault, points } from './fault-stage.js'
import { at, openPersonFaults, seenFrom } from './person-faults.js'
import { report, rounds } from './report.js'

let server: PostgresServer

beforeAll(async () => {
  server = await openPostgres()
})
afterAll(() => server?.close())

const engines = [
  { engine: 'SQLite', database: async () => undefined },
  { engine: 'PostgreSQL', database: async () => (await server.createDatabase()).url },
]

type PersonFaults = Awaited<ReturnType<typeof openPersonFaults>>

/** Starting a server takes most of the time. At every commit, it is therefore killed only at the points where the outcome differs. */
const tried = isLong ? points : (['before_commit', 'before_write'] as const)
const isCommitted = (point: Fault['point']) => point === 'after_commit' || point === 'before_write'
const patience = { timeout: isLong ? 3_600_000 : 240_000 }

/** Two instances, of which the first is killed at a point of a request, and then started again. */
async function openKilled(database: string | undefined, test: TestEnd) {
  const stage = await openPersonFaults({ instances: 2, ...(database !== undefined && { database }) }, test)
  const [one, two] = [at(stage, 0), at(stage, 1)]
  const { by } = stage
  const first = await openPerson(two, {}, by)
  const { user, html, url } = await openConsent(two, first.page)
  await user.submit(html, url, { consent: 'grant' })
  expect((await poll(two, first.location, { ...by, wait: 1 })).status).toBe(200)

  async function killAt(fault: Fault, send: () => Promise<Response>): Promise<void> {
    stage.arm({ held: 1, ...fault })
    await expect(send()).rejects.toThrow()
    expect((await stage.instances[0]?.process.finished)?.status).toBe(null)
    expect(stage.disarm()).toBeGreaterThan(0)
  }
  /** Asks the user again, although they have allowed it before. */
  const ask = () => openPerson(two, { prompt: 'consent' }, by)
  return { stage, one, two, by, user, killAt, ask, restart: () => stage.instances[0]?.start() }
}

const countOf = async ({ storage }: PersonFaults, event: string) =>
  (await storage.listEvents({ event, limit: 1000 })).length

describe.each(engines)('two instances on $engine, of which one is killed', ({ engine, database }) => {
  let killed: Awaited<ReturnType<typeof openKilled>>
  const ends: Parameters<TestEnd['onTestFinished']>[0][] = []

  beforeAll(async () => {
    killed = await openKilled(await database(), { onTestFinished: (end) => void ends.push(end) })
  })
  afterAll(async () => {
    for (const end of ends.reverse()) await end()
  })

  it('during a decision: it is recorded or can be made at the other, and is delivered once', patience, async () => {
    const { stage, one, two, by, user, killAt, ask, restart } = killed
    const counts = { kills: 0, 'decided before the kill': 0, 'decided after the kill': 0 }
    for (let round = 0; round < rounds(1, 10); round += 1)
      for (const point of tried) {
        const { location, page } = await ask()
        const { html, url } = await openConsent(two, page, { user })
        const browser = seenFrom(one, user)
        await killAt({ point, target: 'decision' }, () => browser.submit(html, url, { consent: 'grant' }))
        const reloaded = await (await user.open(url)).text()
        const isOpen = reloaded.includes('data-state="consent-')
        expect(isOpen, point).toBe(!isCommitted(point))
        if (isOpen) expect((await user.submit(reloaded, url, { consent: 'grant' })).status).toBe(200)
        else expect(reloaded).toContain('data-state="return-to-app"')
        const statuses = [await poll(two, location, { ...by, wait: 1 }), await poll(two, location, { ...by, wait: 1 })]
        expect(statuses.map(({ status }) => status)).toEqual([200, 410])
        counts.kills += 1
        counts[isOpen ? 'decided after the kill' : 'decided before the kill'] += 1
        await restart()
      }
    await stage.expectWhole()
    report(`draft -11: decisions on ${engine}`, counts)
  })

  it(
    'during a delivery: the other delivers the decision, or the grant does, and none is used twice',
    patience,
    async () => {
      const { stage, one, two, by, user, killAt, ask, restart } = killed
      const counts = { kills: 0, 'delivered after the kill': 0, 'issued under the grant': 0 }
      for (let round = 0; round < rounds(1, 10); round += 1)
        for (const point of tried) {
          const { location, page } = await ask()
          const { html, url } = await openConsent(two, page, { user })
          await user.submit(html, url, { consent: 'grant' })
          const before = await countOf(stage, 'code.redeemed')
          await killAt({ point, target: 'delivery' }, () => poll(one, location, { ...by, wait: 1 }))
          const again = await poll(two, location, { ...by, wait: 1 })
          expect(again.status, point).toBe(isCommitted(point) ? 410 : 200)
          expect((await poll(two, location, { ...by, wait: 1 })).status).toBe(410)
          expect(await countOf(stage, 'code.redeemed')).toBe(before + 1)
          if (isCommitted(point)) expect((await askPerson(two, {}, by)).status).toBe(200)
          counts.kills += 1
          counts[isCommitted(point) ? 'issued under the grant' : 'delivered after the kill'] += 1
          await restart()
        }
      await stage.expectWhole()
      report(`draft -11: deliveries on ${engine}`, counts)
    },
  )

  it('while it issues a token under a grant: the same message issues one token at most', patience, async () => {
    const { stage, one, two, by, killAt, restart } = killed
    for (let round = 0; round < rounds(1, 10); round += 1)
      for (const point of tried) {
        const body = JSON.stringify({ resource: stage.resource.id })
        const headers = { 'content-type': 'application/json' }
        const signed = await signRequest(
          new Request(`${stage.authServer}/person/token`, { method: 'POST', headers, body }),
          {
            profile: draft11AgentSigning,
            signer: stage.agent.signer,
            signatureKey: { scheme: 'jwt', jwt: await agentToken(stage, by) },
            created: stage.clock.now,
          },
        )
        const before = await countOf(stage, 'token.issued_by_grant')
        await killAt({ point, target: 'issue' }, () => one.fetch(signed.clone()))
        const copy = await two.fetch(signed)
        expect(copy.status, point).toBe(isCommitted(point) ? 401 : 200)
        expect(await countOf(stage, 'token.issued_by_grant')).toBe(before + 1)
        expect((await askPerson(two, {}, by)).status).toBe(200)
        await restart()
      }
    await stage.expectWhole()
    report(`draft -11: tokens under a grant on ${engine}`, { kills: rounds(1, 10) * tried.length })
  })

  it('while polls wait there: the agent polls the other, and of two polls one gets the token', patience, async () => {
    const { stage, one, two, by, user, ask, restart } = killed
    const held = await ask()
    const shown = await openConsent(two, held.page, { user })
    const waiting = poll(one, held.location, { ...by, wait: 20 })
    const failed = expect(waiting).rejects.toThrow()
    // By the time that these are served, the poll is held.
    for (let sent = 0; sent < 3; sent += 1) expect((await askPerson(one, {}, by)).status).toBe(200)
    await stage.instances[0]?.end('SIGKILL')
    await failed
    await user.submit(shown.html, shown.url, { consent: 'grant' })
    expect((await poll(two, held.location, { ...by, wait: 20 })).status).toBe(200)
    await restart()
    const raced = await ask()
    await decide(two, raced.page, 'grant', { user })
    const answers = await Promise.all(
      [one, two, one, two].map((each) => poll(each, raced.location, { ...by, wait: 1 })),
    )
    const statuses = answers.map(({ status }) => status).sort((a, b) => a - b)
    expect(statuses).toEqual([200, 410, 410, 410])
    expect(pendingIn(await askPerson(one, { prompt: 'consent' }, by)).code).not.toBe('')
    await stage.expectWhole()
  })
})
