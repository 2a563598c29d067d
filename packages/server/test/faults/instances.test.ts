import { Agent } from 'node:http'
import { setTimeout as wait } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest'
import type { Race } from '../attacks/attack.js'
import { codeRaces } from '../attacks/code-attacks.js'
import { consentRaces } from '../attacks/consent-attacks.js'
import { openRequest, redeem, view } from '../attacks/flow.js'
import { signatureRaces } from '../attacks/signature-attacks.js'
import type { Stage } from '../attacks/stage.js'
import { isLong } from '../long.js'
import { createScriptedUser } from '../scripted-user.js'
import { openPostgres, type PostgresServer } from '../storage/postgres/postgres-server.js'
import { type FaultStage, openFaultStage } from './fault-stage.js'
import { directFetch } from './http-client.js'
import { grantSome, isServed, slowest, startLoad } from './load.js'
import { balance } from './proxy.js'
import { durationLimit, report, rounds } from './report.js'

let server: PostgresServer

let stage: FaultStage
const ends: (() => Promise<void> | void)[] = []

beforeAll(async () => {
  server = await openPostgres()
  const { url } = await server.createDatabase()
  stage = await openFaultStage(
    { database: url, instances: 2, isPatient: true },
    { onTestFinished: (end) => ends.push(end) },
  )
})
afterAll(async () => {
  for (const end of ends.reverse()) await end()
  await server?.close()
})

/** Runs a race, and checks only the number of winners: a busy machine may reject some requests, but a rejected request never wins. */
async function runRace({ id, when, expected }: Race, stage: Stage): Promise<void> {
  const attack = await when(stage)
  const statuses = (await attack()).map(({ status }) => status)
  const [winner, winners] = Object.entries(expected)[0] ?? []
  const won = statuses.filter((status) => String(status) === winner?.split(' ')[0]).length
  expect({ id, won }).toEqual({ id, won: winners })
}

const patience = { timeout: isLong ? 1_200_000 : 120_000 }

it(
  'two instances behind a proxy are stopped in turn under load: no request fails, and each exits within 10 s (F9)',
  patience,
  async () => {
    const front = await balance(stage.instances.map(({ origin }) => origin))
    const agent = new Agent({ keepAlive: true })
    onTestFinished(() => agent.destroy())
    const fronted = {
      ...stage,
      fetch: directFetch((origin) => (origin === stage.authServer ? front : origin), { agent }),
    }
    const load = startLoad(fronted, await grantSome(fronted, 4), { workers: 6, pause: 5 })
    let longest = 0
    const stops = rounds(1, 10)
    for (let stop = 0; stop < 2 * stops; stop += 1) {
      await wait(500)
      const instance = stage.instances[stop % 2]
      const began = performance.now()
      await instance?.end('SIGTERM')
      longest = Math.max(longest, performance.now() - began)
      expect((await instance?.process.finished)?.status).toBe(0)
      await instance?.start()
    }
    await wait(500)
    await load.stop()
    expect(longest).toBeLessThan(durationLimit(10_000))
    const lost = [
      ...load.answers
        .filter((answer) => !isServed(answer))
        .map(({ what, status, text }) => `${what}: ${status} ${text.slice(0, 200)}`),
      ...load.failures.map(({ why }) => why),
    ]
    await stage.expectWhole()
    report(
      'F9',
      {
        stops: 2 * stops,
        requests: load.answers.length,
        'ms for the slowest': slowest(load.answers),
        'ms to stop': Math.round(longest),
      },
      lost,
    )
  },
)

it('an instance is killed between sign-in and consent: the user continues at the other (F10)', patience, async () => {
  const [one, two] = stage.instances
  const times = rounds(1, 20)
  for (let time = 0; time < times; time += 1) {
    const atOne = { ...stage, fetch: stage.fetchAt(one?.origin ?? '') }
    const atTwo = { ...stage, fetch: stage.fetchAt(two?.origin ?? '') }
    const opened = await openRequest(atOne)
    const { user, page } = await view(atOne, opened)
    await one?.end('SIGKILL')
    const other = createScriptedUser(atTwo.fetch)
    for (const [name, value] of user.cookies) other.cookies.set(name, value)
    const decided = await other.submit(page, opened.url, { consent: 'grant' })
    expect(decided.status).toBe(303)
    const location = decided.headers.get('location') ?? ''
    const code = new URL(location).searchParams.get('code') ?? ''
    expect((await redeem(atTwo, { ...opened, user: other, page, code, location })).status).toBe(200)
    await one?.start()
  }
  await stage.expectWhole()
  report('F10', { kills: times })
})

it(
  'races between two instances have one winner: copies of a request, decisions, redemptions (F11)',
  patience,
  async () => {
    const times = rounds(1, 20)
    // A denial holds the agent's further requests back, so the race that may end with one runs last.
    const [allowed, ...mixed] = consentRaces
    const races = [...signatureRaces, ...(allowed ? [allowed] : []), ...codeRaces]
    for (let time = 0; time < times; time += 1) for (const race of races) await runRace(race, stage)
    for (const race of mixed) await runRace(race, stage)
    await stage.expectWhole()
    report('F11', { races: times * races.length + mixed.length })
  },
)
