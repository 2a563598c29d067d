import { afterAll, beforeAll, describe, expect } from 'vitest'
import { type Allowed, allow, type OpenRequest, openRequest, redeem, type Viewer, view } from '../attacks/flow.js'
import { isLong } from '../long.js'
import { openPostgres, type PostgresServer } from '../storage/postgres/postgres-server.js'
import { type Fault, type FaultStage, openFaultStage, points } from './fault-stage.js'
import { itIf, report, rounds } from './report.js'

let server: PostgresServer

beforeAll(async () => {
  server = await openPostgres()
})
afterAll(() => server?.close())

/** On SQLite, one transaction at a time can be at a point; on PostgreSQL, as many as there are connections. */
const engines = [
  { engine: 'SQLite', held: 1, times: rounds(1, 200), database: async () => undefined },
  {
    engine: 'PostgreSQL',
    held: rounds(3, 8),
    times: rounds(1, 25),
    database: async () => (await server.createDatabase()).url,
  },
]

/** Starting a server takes most of the time. At every commit, it is therefore killed only at the points where the outcome differs. */
const tried = isLong ? points : (['before_commit', 'before_write'] as const)
const patience = { timeout: isLong ? 3_600_000 : 120_000 }

/**
 * Sends requests until the server is killed at a point, and starts it again. Returns the responses, and how many requests reached the
 * point.
 */
async function endAt(stage: FaultStage, fault: Fault, requests: () => Promise<Response | undefined>[]) {
  const [instance] = stage.instances
  stage.arm(fault)
  const answers = await Promise.all(requests().map((sent) => sent.catch(() => undefined)))
  const { status } = (await instance?.process.finished) ?? {}
  expect(status).toBe(null)
  const hits = stage.disarm()
  expect(hits).toBeGreaterThan(0)
  await instance?.start()
  return { answers, hits }
}

describe.each(engines)('a server on $engine that is killed', ({ engine, held, times, database }) => {
  itIf(isLong || engine === 'PostgreSQL')(
    'during an exchange issues at most one token for a code, and the code works until it has (F1)',
    patience,
    async () => {
      const url = await database()
      const stage = await openFaultStage({ ...(url && { database: url }), isPatient: true })
      const counts = {
        kills: 0,
        'exchanges at the point': 0,
        'codes that worked afterwards': 0,
        'codes used before the kill': 0,
      }
      const lost: string[] = []
      const viewer = await view(stage, await openRequest(stage))
      for (let round = 0; round < times; round += 1) {
        for (const point of tried) {
          const codes: Allowed[] = []
          for (let code = 0; code < held; code += 1)
            codes.push(await allow(stage, undefined, {}, { user: viewer.user }))
          const { answers, hits } = await endAt(stage, { point, target: 'exchange', held }, () =>
            codes.map((code) => redeem(stage, code)),
          )
          counts.kills += 1
          counts['exchanges at the point'] += hits
          const isCommitted = point === 'after_commit' || point === 'before_write'
          let before = 0
          for (const [index, code] of codes.entries()) {
            const again = await redeem(stage, code)
            if (answers[index]?.status === 200 && again.status === 200) lost.push(`${point}: two tokens`)
            if (again.status === 200) counts['codes that worked afterwards'] += 1
            else if (again.status === 400) before += 1
            else lost.push(`${point}: ${again.status} ${await again.text()}`)
          }
          counts['codes used before the kill'] += before
          const unanswered = before - answers.filter((answer) => answer?.status === 200).length
          expect(
            isCommitted ? unanswered >= hits : unanswered === 0,
            `${point}: ${before} codes used, ${hits} exchanges at the point`,
          ).toBe(true)
        }
      }
      await stage.expectWhole()
      const grants = await stage.storage.listGrants()
      if (grants.some(({ revokedAt }) => revokedAt !== null)) lost.push('a grant')
      report(`F1 on ${engine}`, counts, lost)
    },
  )

  itIf(isLong || engine === 'SQLite')(
    'during a decision never loses one that it has shown, and the page continues where it was (F2)',
    patience,
    async () => {
      const url = await database()
      const stage = await openFaultStage({ ...(url && { database: url }), isPatient: true })
      const counts = {
        kills: 0,
        'decisions at the point': 0,
        'decided before the kill': 0,
        'decided after the kill': 0,
      }
      const lost: string[] = []
      const { user } = await view(stage, await openRequest(stage))
      for (let round = 0; round < times; round += 1) {
        for (const point of tried) {
          const shown: (Viewer & { opened: OpenRequest })[] = []
          for (let request = 0; request < held; request += 1) {
            const opened = await openRequest(stage)
            shown.push({ ...(await view(stage, opened, user)), opened })
          }
          const { answers, hits } = await endAt(stage, { point, target: 'decision', held }, () =>
            shown.map(({ page, opened }) => user.submit(page, opened.url, { consent: 'grant' })),
          )
          counts.kills += 1
          counts['decisions at the point'] += hits
          for (const [index, { page, opened }] of shown.entries()) {
            const reloaded = await user.open(opened.url)
            const text = await reloaded.text()
            const isOpen = text.includes('data-state="consent-')
            const wasShown = answers[index]?.status === 303
            if (wasShown && isOpen) lost.push(`${point}: a decision that was shown`)
            counts[isOpen ? 'decided after the kill' : 'decided before the kill'] += 1
            const decided = await user.submit(isOpen ? text : page, opened.url, { consent: 'grant' })
            const code = new URL(decided.headers.get('location') ?? 'x:').searchParams.get('code')
            if (!code)
              lost.push(
                `${point}: ${reloaded.status}, then ${decided.status} ${/data-state="[^"]*"|data-error-code="[^"]*"/.exec(text)?.[0]}`,
              )
            else expect((await redeem(stage, { ...opened, user, page, code, location: '' })).status).toBe(200)
          }
        }
      }
      await stage.expectWhole()
      report(`F2 on ${engine}`, counts, lost)
    },
  )
})
