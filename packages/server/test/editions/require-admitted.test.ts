import { AAuthError, type CountersignEvent } from 'countersign'
import { describe, expect, it } from 'vitest'
import { orUncount, requireAdmitted, requireRoom } from '../../src/editions/require-admitted.js'

type Context = Parameters<typeof requireAdmitted>[0]
type Policy = ReturnType<Context['policy']>
interface Attempt {
  key: string
  window: number
  of?: string
}

const now = 1_800_000_000
const agent = { agent: 'https://agent.example', delegate: null, remoteAddress: '192.0.2.1' } as Parameters<
  typeof requireAdmitted
>[1]
const access = { resource: 'https://api.example', scope: ['data.read'] }

/** The rates of a request, in the order in which they are counted. */
const rates = ['address', 'agent', 'hour', 'day', 'small', 'unknown'] as const
type Rate = (typeof rates)[number]

/** A server with these counts, which include the request itself, and an agent that this many users have allowed. */
function open({
  counts = {},
  users = 0,
  decision = 'ask',
  isBlocked = false,
  hasBeenAllowed = true,
  rateFactor = 1,
  isOneUser = false,
  resetIn = 10,
}: {
  counts?: Partial<Record<Rate, number>>
  users?: number
  decision?: Policy
  isBlocked?: boolean
  hasBeenAllowed?: boolean
  rateFactor?: number
  /** Whether all grants are from the same user. */
  isOneUser?: boolean
  /** Seconds until the first window ends. */
  resetIn?: number
} = {}) {
  const attempts: Attempt[] = []
  const forgiven: string[] = []
  const pages: (string | undefined)[] = []
  const events: Partial<CountersignEvent>[] = []
  const nameOf = (key: string) => rates[attempts.findIndex((attempt) => attempt.key === key)]
  const context = {
    policy: () => decision,
    rateFactor,
    maxOpenRequests: 100,
    now: () => now,
    tell: (event: CountersignEvent) => void events.push(event),
    storage: {
      async countRequest(request: { attempts: Attempt[] }) {
        attempts.push(...request.attempts)
        const all = attempts.map((_, at) => ({ count: counts[rates[at] as Rate] ?? 1, resetAt: now + resetIn + at }))
        return { isBlocked, hasBeenAllowed, counts: all }
      },
      forgiveAttempts: async (keys: string[]) => void forgiven.push(...keys.map((key) => nameOf(key) ?? 'other')),
      async listGrants({ limit, after }: { limit: number; after?: string }) {
        pages.push(after)
        const from = after === undefined ? 0 : Number(after) + 1
        return Array.from({ length: Math.max(0, Math.min(limit, users - from)) }, (_, at) => ({
          id: String(from + at),
          userId: `user ${isOneUser ? 0 : from + at}`,
        }))
      },
    },
  } as never
  const admit = () => requireAdmitted(context, agent, access)
  const enter = async () => requireRoom(context, agent, await admit())
  return { context, attempts, forgiven, pages, events, admit, enter }
}

const code = async (work: Promise<unknown>) =>
  work.then(
    () => 'admitted',
    (error: unknown) => (error instanceof AAuthError ? error.code : String(error)),
  )

describe('a request is counted', () => {
  it('by address and agent per minute, and by agent and network for longer', async () => {
    const { admit, attempts } = open()
    await admit()
    expect(attempts.map(({ window, of }) => [window, of])).toEqual([
      [60, undefined],
      [60, undefined],
      [3600, 'allowed'],
      [86_400, 'allowed'],
      [3600, 'allowed'],
      [3600, 'unknown'],
    ])
    expect(new Set(attempts.map(({ key }) => key)).size).toBe(6)
  })

  it('without an address, only by agent', async () => {
    const { context, attempts } = open()
    await requireAdmitted(context, { ...agent, remoteAddress: undefined }, access)
    expect(attempts.map(({ window, of }) => [window, of])).toEqual([
      [60, undefined],
      [3600, 'allowed'],
      [86_400, 'allowed'],
    ])
  })

  it('only per minute if a policy decides', async () => {
    const { admit, attempts } = open({ decision: { grant: 'nightly' } })
    expect(await admit()).toMatchObject({ policy: 'nightly', lasting: [] })
    expect(attempts.map(({ window }) => window)).toEqual([60, 60])
  })
})

describe('the limits per minute', () => {
  it.each<[Rate, number]>([
    ['address', 1000],
    ['agent', 300],
  ])('%s: %i requests', async (rate, most) => {
    expect(await code(open({ counts: { [rate]: most } }).admit())).toBe('admitted')
    expect(await code(open({ counts: { [rate]: most + 1 } }).admit())).toBe('too_many_requests')
    expect(await code(open({ counts: { [rate]: 2 * most }, rateFactor: 2 }).admit())).toBe('admitted')
    expect(await code(open({ counts: { [rate]: 2 * most + 1 }, rateFactor: 2 }).admit())).toBe('too_many_requests')
  })

  it('refuse until the window ends, and do not count toward the other limits', async () => {
    const { admit, forgiven } = open({ counts: { agent: 301 } })
    await expect(admit()).rejects.toMatchObject({ retryAfter: 11 })
    expect(forgiven).toEqual(['address', 'hour', 'day', 'small', 'unknown'])
  })

  it('do not include the longer limits, which are enforced later', async () => {
    const counts = { hour: 9999, day: 9999, small: 9999, unknown: 9999 }
    expect(await code(open({ counts }).admit())).toBe('admitted')
    expect(await code(open({ counts }).enter())).toBe('too_many_requests')
  })
})

describe('the longer limits', () => {
  it.each<[Rate, number]>([
    ['hour', 300],
    ['day', 1500],
    ['small', 3000],
    ['unknown', 1000],
  ])('%s: %i requests', async (rate, most) => {
    expect(await code(open({ counts: { [rate]: most } }).enter())).toBe('admitted')
    expect(await code(open({ counts: { [rate]: most + 1 } }).enter())).toBe('too_many_requests')
  })

  it.each<[Rate, number, number]>([
    ['hour', 300, 20],
    ['day', 1500, 100],
  ])('%s: %i requests, and %i more for each user who allowed the agent', async (rate, most, perUser) => {
    expect(await code(open({ counts: { [rate]: most + perUser }, users: 1 }).enter())).toBe('admitted')
    expect(await code(open({ counts: { [rate]: most + perUser + 1 }, users: 1 }).enter())).toBe('too_many_requests')
    expect(await code(open({ counts: { [rate]: most + 2 * perUser }, users: 2 }).enter())).toBe('admitted')
  })

  it('do not apply to an agent that 500 users have allowed', async () => {
    expect(await code(open({ counts: { hour: 1_000_000 }, users: 500 }).enter())).toBe('admitted')
    expect(await code(open({ counts: { hour: 1_000_000 }, users: 499 }).enter())).toBe('too_many_requests')
  })

  it('read at most ten pages of 500 grants', async () => {
    const busy = open({ counts: { hour: 320 }, users: 1 })
    await busy.enter()
    expect(busy.pages).toEqual([undefined])
    const repeated = open({ counts: { hour: 1_000_000 }, users: 1_000_000, isOneUser: true })
    expect(await code(repeated.enter())).toBe('too_many_requests')
    expect(repeated.pages).toEqual([undefined, '499', '999', '1499', '1999', '2499', '2999', '3499', '3999', '4499'])
  })

  it('of the network are not charged for an agent that exceeds its own but has enough users', async () => {
    const { enter, forgiven } = open({ counts: { hour: 301, small: 9999, unknown: 9999 }, users: 5 })
    expect(await code(enter())).toBe('admitted')
    expect(forgiven).toEqual(['small', 'unknown'])
  })

  it('refuse for at least a second, and do not count toward the other limits', async () => {
    const { enter, forgiven } = open({ counts: { day: 1501 } })
    await expect(enter()).rejects.toMatchObject({ code: 'too_many_requests', retryAfter: 13 })
    const ended = open({ counts: { day: 1501 }, resetIn: -3 })
    await expect(ended.enter()).rejects.toMatchObject({ retryAfter: 1 })
    expect(forgiven).toEqual(['hour', 'small', 'unknown'])
  })
})

it.each([
  [true, 100],
  [false, 20],
])('an agent that has been allowed something (%s) may have %i open requests', async (hasBeenAllowed, most) => {
  expect(await open({ hasBeenAllowed }).enter()).toBe(most)
})

it('refuses a blocked agent before it counts anything against it', async () => {
  expect(await code(open({ isBlocked: true, counts: { agent: 9999 } }).admit())).toBe('agent_blocked')
})

it('refuses a request for nothing that can be granted', async () => {
  const { context, attempts } = open()
  for (const scope of [['profile'], ['profile', 'email'], []])
    expect(await code(requireAdmitted(context, agent, { ...access, scope }))).toBe('scope_invalid')
  expect(attempts).toEqual([])
  expect(await code(requireAdmitted(context, agent, { ...access, scope: ['openid'] }))).toBe('admitted')
})

it.each<[Policy, object]>([
  ['ask', { outcome: 'asked', rule: undefined }],
  [{ grant: 'nightly' }, { outcome: 'allowed', rule: 'nightly' }],
  [{ deny: 'no-robots' }, { outcome: 'denied', rule: 'no-robots' }],
])('reports the decision %j of the policy', async (decision, expected) => {
  const { admit, events } = open({ decision })
  expect(await code(admit())).toBe(typeof decision === 'object' && 'deny' in decision ? 'policy_denied' : 'admitted')
  expect(events).toEqual([
    {
      kind: 'decision',
      by: 'policy',
      agent: 'https://agent.example',
      delegate: undefined,
      resource: 'https://api.example',
      scope: 'data.read',
      ...expected,
    },
  ])
})

it('does not count a request that a later check refuses', async () => {
  const { context, forgiven, admit } = open()
  const admission = await admit()
  expect(await orUncount(context, admission, async () => 'ok')).toBe('ok')
  expect(forgiven).toEqual([])
  const refused = orUncount(context, admission, () => Promise.reject(new Error('refused')))
  await expect(refused).rejects.toThrow('refused')
  expect(forgiven).toEqual(['hour', 'day', 'small', 'unknown'])
})

it('gives each rate back only once, even if a refusal gave some of them back already', async () => {
  for (const counts of [{ hour: 301 }, { hour: 301, small: 9999 }]) {
    const { context, forgiven, admit } = open({ counts, users: 'small' in counts ? 5 : 0 })
    const admission = await admit()
    const refused = orUncount(context, admission, async () => {
      await requireRoom(context, agent, admission)
      throw new Error('refused later')
    })
    await expect(refused).rejects.toThrow()
    expect(forgiven.toSorted()).toEqual(['day', 'hour', 'small', 'unknown'])
  }
})

describe('one of many agents that another vouches for', () => {
  const one = { ...agent, delegate: 'aauth:one@agent.example', member: 'known' } as const
  /** Counts of its rates: address, its own, all; own hour, all hour, own day, all day, small, unknown. */
  function member(counts: readonly number[], of: Parameters<typeof requireAdmitted>[1] = one, users = 0) {
    const keys: string[] = []
    const base: { storage: object } = open({ users }).context
    const context = {
      ...base,
      storage: {
        ...base.storage,
        async countRequest(request: { attempts: Attempt[] }) {
          keys.push(...request.attempts.map(({ key }) => key))
          return {
            isBlocked: false,
            hasBeenAllowed: true,
            counts: request.attempts.map((_, at) => ({ count: counts[at] ?? 1, resetAt: now + 10 })),
          }
        },
        forgiveAttempts: async () => undefined,
      },
    } as never
    return {
      keys,
      enter: async () => requireRoom(context, of, await requireAdmitted(context, of, access)),
    }
  }

  it('has its own rates, and shares those of all', async () => {
    const first = member([])
    const second = member([], { ...one, delegate: 'aauth:two@agent.example' })
    const alone = open()
    for (const { enter } of [first, second, alone]) await enter()
    expect(first.keys.flatMap((key, at) => (key === second.keys[at] ? [at] : []))).toEqual([0, 2, 4, 6, 7, 8])
    const ofAgents = new Set(alone.attempts.slice(1, 4).map(({ key }) => key))
    expect(first.keys.filter((key) => ofAgents.has(key))).toEqual([])
  })

  it.each<[string, number[], string]>([
    ['its own rate per minute', [1, 301], 'too_many_requests'],
    ['its own rate per hour', [1, 1, 1, 301], 'too_many_requests'],
    ['its own rate per day', [1, 1, 1, 1, 1, 1501], 'too_many_requests'],
    ['the rate of all per minute and its share', [1, 300, 3001], 'too_many_requests'],
    ['the rate of all per hour and its share', [1, 1, 1, 31, 301], 'too_many_requests'],
    ['the rate of all per day and its share', [1, 1, 1, 1, 1, 151, 1501], 'too_many_requests'],
    ['only the rates of all', [1, 30, 99_999, 30, 99_999, 150, 99_999], 'admitted'],
    ['the rate of its network', [1, 1, 1, 1, 1, 1, 1, 3001], 'too_many_requests'],
  ])('exceeds %s', async (_what, counts, expected) => {
    expect(await code(member(counts.map((count) => count ?? 1)).enter())).toBe(expected)
  })

  it('has its own rates even if many users have allowed the others', async () => {
    const many = [1, 1, 1, 300, 99_999, 1, 99_999, 99_999]
    expect(await code(member(many, one, 500).enter())).toBe('admitted')
    expect(await code(member([...many.slice(0, 3), 301, ...many.slice(4)], one, 500).enter())).toBe('too_many_requests')
  })

  it('is limited by its network while it is new', async () => {
    const newOne = { ...one, member: 'new' } as const
    const first = member([], newOne)
    const second = member([], { ...newOne, delegate: 'aauth:two@agent.example' })
    const elsewhere = member([], { ...newOne, remoteAddress: '198.51.100.7' })
    for (const { enter } of [first, second, elsewhere]) await enter()
    expect(first.keys).toEqual(second.keys)
    expect(first.keys.flatMap((key, at) => (key === elsewhere.keys[at] ? [at] : []))).toEqual([2, 4, 6])
    expect(await code(member([1, 1, 1, 99_999, 1, 99_999], newOne).enter())).toBe('admitted')
    expect(await code(member([1, 1, 1, 31, 301], newOne).enter())).toBe('too_many_requests')
  })
})
