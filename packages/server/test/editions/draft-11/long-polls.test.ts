import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { Storage } from 'countersign-server'
import { expect, it } from 'vitest'
import { cancel, openConsent, openPerson, openPersonStage, poll, problemIn } from './person-stage.js'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

function heap(): number {
  collectGarbage()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

/** Counts the calls of some verbs. */
function counting(calls: Record<string, number>) {
  return (storage: Storage): Storage =>
    new Proxy(storage, {
      get(target, name): unknown {
        const found: unknown = Reflect.get(target, name)
        if (typeof found !== 'function') return found
        return (...args: unknown[]): unknown => {
          calls[String(name)] = (calls[String(name)] ?? 0) + 1
          return Reflect.apply(found, target, args)
        }
      },
    })
}

it('four hundred waiting polls need little memory, and one lookup at a time', { timeout: 60_000 }, async () => {
  const calls: Record<string, number> = {}
  const stage = await openPersonStage({ wrap: counting(calls), limits: { requests: 4000, rateFactor: 10 } })
  const agents = Array.from({ length: 50 }, (_, index) => ({ sub: `aauth:bot-${index}@agent.example` }))
  const pending = await Promise.all(
    agents.flatMap((by) => Array.from({ length: 8 }, async () => ({ by, ...(await openPerson(stage, {}, by)) }))),
  )
  const before = heap()
  const claimed = calls.claimNonce ?? 0
  const polls = pending.map(({ by, location }) => poll(stage, location, { ...by, wait: 20 }))
  await expect.poll(() => (calls.claimNonce ?? 0) - claimed, { timeout: 30_000 }).toBe(400)
  const looked = calls.findPolledStates ?? 0
  await expect.poll(() => calls.findPolledStates, { timeout: 5000 }).toBeGreaterThan(looked)
  const used = (heap() - before) / 1e6
  expect(used).toBeLessThan(24)
  expect(calls.findPolledRequest).toBe(400)
  await Promise.all(pending.map(({ by, location }) => cancel(stage, location, by)))
  const answers = await Promise.all(polls)
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([410]))
  // Each lookup covers all waiting polls, so there were far fewer than polls.
  expect(calls.findPolledStates).toBeLessThan(200)
})

it('a server with all its slots taken by waiting polls serves others', async () => {
  const calls: Record<string, number> = {}
  const stage = await openPersonStage({ wrap: counting(calls), limits: { requests: 2 } })
  const locations: string[] = []
  const held: Promise<Response>[] = []
  while (held.length < 10) {
    const { location } = await openPerson(stage)
    const before = calls.claimNonce ?? 0
    held.push(poll(stage, location, { wait: 20 }))
    locations.push(location)
    await expect.poll(() => calls.claimNonce).toBe(before + 1)
  }
  const next = await openPerson(stage, { resource: stage.otherResource.id })
  const shown = await openConsent(stage, next.page)
  expect(shown.html).toContain('data-state="consent-first-time"')
  for (const location of locations) await cancel(stage, location)
  for (const response of await Promise.all(held)) expect((await problemIn(response)).status).toBe(410)
})
