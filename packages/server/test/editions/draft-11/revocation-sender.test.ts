import { createSigner, generatePrivateJwk } from 'countersign'
import { expect, it } from 'vitest'
import { startRevocationSender } from '../../../src/editions/draft-11/revocation-sender.js'

const signer = await createSigner(await generatePrivateJwk())
const endpoint = 'https://api.example/revoked'

interface Due {
  id: string
  resource: string
  userId: string
  dueAt: number
}

/** A sender whose storage has so many due revocations, each of another user and resource. */
function open(count: number) {
  const all = Array.from({ length: count }, (_, at): Due => {
    const id = String(at).padStart(6, '0')
    return { id, resource: `https://api${at}.example`, userId: `u${at}`, dueAt: at }
  })
  const searches: object[] = []
  const claims: object[] = []
  const settled: object[] = []
  const told: object[] = []
  const sent: object[] = []
  const state = {
    published: { found: { revocation_endpoint: endpoint } } as object,
    status: 200,
    attempt: 1,
    isTaken: (_id: string) => false,
    isEnding: false,
    isClaiming: false,
    onClaim: (): void => undefined,
  }
  const running = new Set<Promise<unknown>>()
  let look: () => Promise<unknown> = async () => undefined
  const context = {
    issuer: 'https://auth.example',
    identifiers: {},
    now: () => 1_800_000_000,
    keys: { signer: () => signer },
    tell: (event: object) => told.push(event),
    send: async (to: string) => {
      sent.push([to])
      return new Response(null, { status: state.status })
    },
    discovery: { findMetadata: async () => state.published },
    background: {
      get ending() {
        return state.isEnding
      },
      run(work: () => Promise<unknown>) {
        const done: Promise<unknown> = work().finally(() => running.delete(done))
        running.add(done)
      },
      repeat(seconds: number, work: () => Promise<unknown>) {
        expect(seconds).toBe(10)
        look = work
      },
    },
    storage: {
      async findDueDeliveries(search: { after?: Due; limit: number }) {
        searches.push(search)
        const from = search.after ? Number(search.after.id) + 1 : 0
        return all.slice(from, from + search.limit)
      },
      async claimDeliveries(claim: { ids: string[] }) {
        claims.push(claim)
        expect(state.isClaiming, 'one claim at a time').toBe(false)
        state.isClaiming = true
        await new Promise(setImmediate)
        state.isClaiming = false
        state.onClaim()
        const claimed = claim.ids.filter((id) => !state.isTaken(id))
        return claimed.map((id) => ({ ...all[Number(id)], attempt: state.attempt, jti: id, expiresAt: 1 }))
      },
      async settleDelivery(settlement: object) {
        settled.push(settlement)
        return true
      },
    },
  } as unknown as Parameters<typeof startRevocationSender>[0]
  startRevocationSender(context)
  const run = async () => {
    await look()
    while (running.size > 0) await Promise.all(running)
  }
  return { all, searches, claims, settled, told, sent, state, run }
}

it('claims what it sends for a minute, and tells how it ended', async () => {
  const { all, searches, claims, settled, told, sent, run } = open(1)
  await run()
  expect(searches).toEqual([{ edition: 'draft-11', after: undefined, limit: 500 }])
  expect(claims).toEqual([{ edition: 'draft-11', ids: ['000000'], limit: 1, lease: 60 }])
  expect(sent).toEqual([[endpoint]])
  expect(settled).toEqual([{ id: '000000', attempt: 1, outcome: 'delivered' }])
  const [event] = told as { duration: number }[]
  expect(event).toEqual({
    kind: 'revocation',
    outcome: 'delivered',
    resource: all[0]?.resource,
    attempt: 1,
    duration: event?.duration,
  })
  expect(event?.duration).toBeGreaterThanOrEqual(0)
  expect(event?.duration).toBeLessThan(30)
})

it.each<[string, object, number, number, string, string]>([
  ['has no document', { failure: { reason: 'unreachable' } }, 200, 1, 'failed', 'failed'],
  ['has no document at last', { failure: { reason: 'unreachable' } }, 200, 3, 'failed', 'given_up'],
  ['has no document before', { failure: { reason: 'unreachable' } }, 200, 2, 'failed', 'failed'],
  ['has no endpoint', { found: {} }, 200, 3, 'unsupported', 'unsupported'],
  [
    'has an unusable endpoint',
    { found: { revocation_endpoint: 'http://10.0.0.1/' } },
    200,
    1,
    'unsupported',
    'unsupported',
  ],
  ['does not answer', { found: { revocation_endpoint: endpoint } }, 503, 1, 'failed', 'failed'],
])('a resource %s', async (_what, published, status, attempt, outcome, said) => {
  const { settled, told, state, run } = open(1)
  Object.assign(state, { published, status, attempt })
  await run()
  expect(settled).toEqual([{ id: '000000', attempt, outcome }])
  expect(told).toMatchObject([{ outcome: said }])
})

it('sends all that are due, and leaves those that another instance claimed', async () => {
  const { claims, settled, state, run } = open(30)
  state.isTaken = (id) => id === '000003'
  await run()
  expect(settled).toHaveLength(29)
  // A later look sends what was left.
  state.isTaken = () => false
  const before = claims.length
  await run()
  expect(claims.slice(before).flatMap((claim) => (claim as { ids: string[] }).ids)).toContain('000003')
})

it('reads 40 pages at a time, and goes on where it stopped', async () => {
  const { all, searches, state, run } = open(20_100)
  state.isTaken = () => true
  await run()
  expect(searches).toHaveLength(40)
  expect(searches.at(-1)).toMatchObject({ after: all[19_499] })
  await run()
  expect(searches.slice(40)).toMatchObject([{ after: all[19_999], limit: 500 }])
  await run()
  expect(searches[41]).toMatchObject({ after: undefined })
})

it('sends nothing more once the server closes', async () => {
  const { searches, claims, state, run } = open(1)
  state.isEnding = true
  await run()
  expect([searches, claims]).toEqual([[], []])
  const closing = open(30)
  closing.state.onClaim = () => (closing.state.isEnding = true)
  await closing.run()
  expect([closing.claims.length, closing.sent]).toEqual([1, []])
})
