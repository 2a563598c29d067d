import type { Storage } from 'countersign-server'
import { describe, expect, it } from 'vitest'
import { fetchFrom, openMapStage } from '../../attacks/stage.js'
import { askAuth, askPerson, obtainPerson, openPersonStage, type Sender } from './person-stage.js'

type Stage = Awaited<ReturnType<typeof openPersonStage>>

const other = { sub: 'aauth:other@agent.example' }

/** Sends this many requests that no user is asked about, and counts the responses by status. */
async function flood(stage: Stage, count: number, by?: Sender): Promise<Record<number, number>> {
  const statuses: Record<number, number> = {}
  for (let left = count; left > 0; left--) {
    const { status } = await askPerson(stage, { resource: stage.otherResource.id, prompt: 'none' }, by)
    statuses[status] = (statuses[status] ?? 0) + 1
  }
  return statuses
}

describe('an agent that sends too many requests', () => {
  it('uses up its own rate, and not that of the other agents of its provider', async () => {
    const stage = await openPersonStage()
    await obtainPerson(stage)
    await obtainPerson(stage, {}, other)
    stage.clock.now += 60
    expect(await flood(stage, 310)).toEqual({ 403: 300, 429: 10 })
    expect((await askPerson(stage, {}, other)).status).toBe(200)
    const elsewhere = { ...stage, fetch: fetchFrom(stage, '198.51.100.7') }
    expect((await askPerson(elsewhere)).status).toBe(429)
  })

  it('uses up the rate of the new agents in its network if it is new, and not that of the others', async () => {
    const stage = await openPersonStage()
    await obtainPerson(stage, {}, other)
    stage.clock.now += 60
    expect(await flood(stage, 310)).toEqual({ 403: 300, 429: 10 })
    const third = { sub: 'aauth:third@agent.example' }
    expect((await askPerson(stage, {}, third)).status).toBe(429)
    expect((await askPerson(stage, {}, other)).status).toBe(200)
    const elsewhere = { ...stage, fetch: fetchFrom(stage, '198.51.100.7') }
    expect((await askPerson(elsewhere, {}, third)).status).toBe(202)
  })
})

it('an agent that uses up its nonces takes none from the other agents of its provider', async () => {
  const stage = await openPersonStage({ open: (options) => openMapStage(options, { perAgent: 3 }) })
  for (let left = 3; left > 0; left--) await askPerson(stage)
  expect((await askPerson(stage)).status).toBe(429)
  expect((await askPerson(stage, {}, other)).status).toBe(202)
})

/** Records how often each rate in a window longer than a minute was counted, less how often it was given back. */
function tallying(tally: Map<string, number>) {
  const add = (key: string, by: number) => tally.set(key, (tally.get(key) ?? 0) + by)
  return (storage: Storage): Storage => ({
    ...storage,
    async countRequest(request) {
      const counted = await storage.countRequest(request)
      for (const [at, { key, window }] of request.attempts.entries()) if (window > 60 && counted.counts[at]) add(key, 1)
      return counted
    },
    async forgiveAttempts(keys) {
      for (const key of keys) add(key, -1)
      return storage.forgiveAttempts(keys)
    },
  })
}

/** Sends what `ask` sends, twice. Returns the second response. */
async function replay(stage: Stage, ask: (stage: Stage) => Promise<Response>): Promise<Response> {
  let sent: Request | undefined
  const recording: typeof fetch = async (input, init) => {
    sent = new Request(input, init)
    return stage.fetch(sent.clone())
  }
  await ask({ ...stage, fetch: recording })
  return stage.fetch(sent ?? '')
}

describe('a request that leaves no rows counts only per minute', () => {
  it.each<[string, number, (stage: Stage, person: string) => Promise<Response>]>([
    [
      'because no user may be asked',
      403,
      (stage) => askPerson(stage, { resource: 'https://a.example', prompt: 'none' }),
    ],
    ['because no user can be asked', 403, (stage, person) => askAuth(stage, person, { capabilities: [] })],
    ['because of too many resources', 429, (stage) => askPerson(stage, { resource: 'https://third.example' })],
    ['because a grant allows it', 200, (stage) => askPerson(stage)],
  ])('%s', async (_why, status, ask) => {
    const tally = new Map<string, number>()
    const stage = await openPersonStage({ wrap: tallying(tally), limits11: { resourcesPerDay: 2 } })
    const person = await obtainPerson(stage)
    await askPerson(stage, { resource: stage.otherResource.id })
    tally.clear()
    expect((await ask(stage, person)).status).toBe(status)
    expect(tally.size).toBeGreaterThan(0)
    expect(new Set(tally.values())).toEqual(new Set([0]))
  })

  it('because it is a replay', async () => {
    const tally = new Map<string, number>()
    const stage = await openPersonStage({ wrap: tallying(tally) })
    expect((await replay(stage, askPerson)).status).toBe(401)
    expect(tally.size).toBeGreaterThan(0)
    expect(new Set(tally.values())).toEqual(new Set([1]))
  })
})
