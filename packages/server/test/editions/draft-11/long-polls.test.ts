import { createHash } from 'node:crypto'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { Storage } from 'countersign-server'
import { expect, it } from 'vitest'
import { freshHash, newRequest } from '../../storage/fixtures.js'
import {
  agentToken,
  cancel,
  openConsent,
  openPerson,
  openPersonStage,
  type PersonStage,
  poll,
  problemIn,
  signed,
} from './person-stage.js'

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

/** The hash under which a request is found by the secret in the agent's URL for it. */
function pollHash(secret: string): string {
  return createHash('sha256').update(`draft-11 poll\n${secret}`).digest('base64url')
}

/** Stores copies of a request that was sent, for other agents of its provider: 20 of each, which is the most that it may poll at once. */
async function storeCopies(stage: PersonStage, count: number) {
  const { storage } = stage
  const { location: first } = await openPerson(stage)
  const sent = await storage.findPolledRequest(pollHash(first.slice(first.lastIndexOf('/') + 1)))
  if (!sent) throw new TypeError('the request was not stored')
  const { edition, agent, agentJkt, resource, scope, redirectUri, display, details } = sent
  const copied = { edition, agent, agentJkt, resource, scope, redirectUri, display, details: details ?? undefined }
  const agents = await Promise.all(
    Array.from({ length: count / 20 }, async (_, index) => {
      const sub = `aauth:bot-${index}@agent.example`
      return { sub, jwt: await agentToken(stage, { sub }) }
    }),
  )
  const copies = agents.flatMap((by) => Array.from({ length: 20 }, () => ({ by, secret: `aarq_${freshHash()}` })))
  return Promise.all(
    copies.map(async ({ by, secret }) => {
      const hash = pollHash(secret)
      await storage.createAuthRequest(newRequest({ ...copied, delegate: by.sub, pollHash: hash }))
      return { by, location: new URL(secret, first).href, hash }
    }),
  )
}

it('a thousand waiting polls need less than 60 MB, and one lookup at a time', { timeout: 60_000 }, async () => {
  const calls: Record<string, number> = {}
  let watched = 0
  const stage = await openPersonStage({
    wrap: (storage) =>
      counting(calls)({
        ...storage,
        findPolledStates(hashes) {
          watched = hashes.length
          return storage.findPolledStates(hashes)
        },
      }),
    limits: { requests: 4000 },
  })
  const pending = await storeCopies(stage, 1000)
  const before = heap()
  const claimed = calls.claimNonce ?? 0
  const headers = { prefer: 'wait=20' }
  const requests = await Promise.all(
    pending.map(({ by, location }) => signed(stage, new Request(location, { headers }), by)),
  )
  const polls = requests.map((request) => stage.fetch(request))
  await expect.poll(() => (calls.claimNonce ?? 0) - claimed, { timeout: 30_000 }).toBe(1000)
  await expect.poll(() => watched, { timeout: 30_000 }).toBe(1000)
  const used = (heap() - before) / 1e6
  expect(used).toBeLessThan(60)
  expect(calls.findPolledRequest).toBe(1000)
  await Promise.all(pending.map(({ hash }) => stage.storage.relinquishRequest({ pollHash: hash })))
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
