import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createChallengeSteps, createOwnerWork } from '../../src/agent/challenge-steps.js'

type Options = Parameters<typeof createChallengeSteps>[0]
type Steps = ReturnType<typeof createChallengeSteps>
type Token = NonNullable<Awaited<ReturnType<Steps['tokenFor']>>>
type Exchange = Parameters<Steps['take']>[2]

const now = 1_800_000_000
const authServer = 'https://auth.example'
const url = 'https://api.example/events'
const { signal } = new AbortController()
const token = (change: Partial<Token> = {}): Token => ({
  jwt: 'held',
  resource: 'https://api.example',
  authServer,
  scope: [],
  expiresAt: now + 600,
  refreshAt: now + 300,
  refreshToken: 'r',
  ...change,
})
const fresh = token({ jwt: 'fresh' })
const challenge = {} as Parameters<Steps['take']>[1]

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }))
afterEach(() => void vi.useRealTimers())

interface Held {
  held?: Token
  other?: Token
  need?: object | undefined
  /** Whether each token may be used. @default all may */
  taken?: boolean[]
}

/** Steps on a cache that holds one token, with a log of what they do. */
function open({ held, other, need = {}, taken = [] }: Held = {}) {
  const log: string[] = []
  let answer: (outcome: Token | undefined | Error) => void = () => undefined
  const answered = () =>
    new Promise<Token | undefined>((resolve, reject) => {
      answer = (outcome) => (outcome instanceof Error ? reject(outcome) : resolve(outcome))
    })
  const options = {
    id: 'https://agent.example',
    now: () => now,
    work: createOwnerWork(),
    isAccepted: async (server: string) => server === authServer,
    held: {
      forRequest: async () => held,
      isLive: ({ expiresAt }: Token) => expiresAt > now,
      satisfying: async () => other,
      take: async () => taken.shift() ?? true,
      add: async (owner: string, { jwt }: Token) => void log.push(`add ${owner} ${jwt}`),
      drop: async (owner: string, { jwt }: Token) => void log.push(`drop ${owner} ${jwt}`),
    },
    protocol: {
      requiredToken: () => need && { resource: url, authServer, scope: 'a', ...need },
      obtain: async (wanted: object, owner: string) => {
        log.push(`obtain ${owner} ${JSON.stringify(wanted)}`)
        return fresh
      },
      refresh: ({ jwt }: Token) => {
        log.push(`refresh ${jwt}`)
        return answered()
      },
    },
  }
  const steps = createChallengeSteps(options as unknown as Options)
  const tokenFor = (mayStream = false) => steps.tokenFor('alice', { method: 'GET', url, mayStream }, signal)
  const exchange = (credential: Exchange['credential']): Exchange => ({
    url,
    credential,
    owner: 'alice',
    signal,
    beforeConsent: async () => {
      await Promise.resolve()
      log.push('before')
    },
  })
  return { steps, log, tokenFor, exchange, answer: (outcome?: Token | Error) => answer(outcome) }
}

describe('the token for a request', () => {
  it.each<[string, Token | undefined]>([
    ['none', undefined],
    ['one that need not be refreshed yet', token({ refreshAt: now + 1 })],
    ['one that cannot be refreshed', token({ refreshAt: now, refreshToken: undefined })],
  ])('is %s, as it is held', async (_what, held) => {
    const { tokenFor, log } = open(held ? { held } : {})
    expect(await tokenFor()).toBe(held)
    expect(await tokenFor(true)).toBe(held)
    expect(log).toEqual([])
  })

  it('is refreshed first if it has ended, and dropped if that is refused', async () => {
    for (const outcome of [fresh, undefined]) {
      const { tokenFor, log, answer } = open({ held: token({ expiresAt: now, refreshAt: now + 1 }) })
      const found = tokenFor()
      await vi.advanceTimersByTimeAsync(0)
      expect(log).toEqual(['refresh held'])
      answer(outcome)
      expect(await found).toBe(outcome)
      expect(log.slice(1)).toEqual([outcome ? 'add alice fresh' : 'drop alice held'])
    }
  })

  it('is used while it is refreshed in the background, even if that fails', async () => {
    for (const outcome of [fresh, new Error('refused')]) {
      const held = token({ refreshAt: now })
      const { tokenFor, log, answer } = open({ held })
      expect(await tokenFor()).toBe(held)
      expect(log).toEqual(['refresh held'])
      answer(outcome)
      await vi.advanceTimersByTimeAsync(0)
      expect(log.slice(1)).toEqual(outcome instanceof Error ? [] : ['add alice fresh'])
    }
  })

  it('is the refreshed one if a stream may begin, unless that takes three seconds', async () => {
    for (const [wait, expected] of [
      [2999, 'fresh'],
      [3000, 'held'],
    ] as const) {
      const { tokenFor, log, answer } = open({ held: token({ refreshAt: now }) })
      const found = tokenFor(true)
      await vi.advanceTimersByTimeAsync(0)
      expect(log).toEqual(['refresh held'])
      await vi.advanceTimersByTimeAsync(wait)
      answer(fresh)
      expect((await found)?.jwt).toBe(expected)
      expect(vi.getTimerCount()).toBe(0)
    }
  })
})

describe('a step', () => {
  const held = token()
  const withToken = { scheme: 'token', held } as const

  it('obtains the token that a challenge requires, after asking whether it may', async () => {
    const { steps, log, exchange } = open()
    const credential = await steps.take('authorize', challenge, exchange({ scheme: 'key' }))
    expect(credential).toEqual({ scheme: 'token', held: fresh })
    expect(log).toEqual(['before', `obtain alice ${JSON.stringify({ resource: url, authServer, scope: 'a' })}`])
  })

  it.each<[string, Held, number]>([
    ['that it obtained', { taken: [false, false] }, 3],
    ['that another process obtained', { other: held, taken: [false] }, 1],
  ])('obtains the next token if another request took the one %s, for its own call', async (_which, options, times) => {
    const { steps, log, exchange } = open(options)
    const credential = await steps.take('authorize', challenge, exchange({ scheme: 'key' }))
    expect(credential).toEqual({ scheme: 'token', held: fresh })
    expect(log.filter((line) => line.startsWith('obtain'))).toHaveLength(times)
  })

  it('takes a token that another process has obtained, but not the one that was refused', async () => {
    const { steps, log, exchange } = open({ other: held })
    expect(await steps.take('authorize', challenge, exchange({ scheme: 'key' }))).toEqual(withToken)
    expect(log).toEqual([])
    expect(await steps.take('authorize', challenge, exchange(withToken))).toEqual({ scheme: 'token', held: fresh })
    const scopeless = open({ other: held, need: { scope: undefined } })
    expect(await scopeless.steps.take('authorize', challenge, scopeless.exchange({ scheme: 'key' }))).toEqual({
      scheme: 'token',
      held: fresh,
    })
  })

  it('does nothing if the challenge requires no token', async () => {
    const steps = createChallengeSteps({ protocol: { requiredToken: () => undefined } } as unknown as Options)
    expect(await steps.take('authorize', challenge, open().exchange({ scheme: 'key' }))).toBeUndefined()
  })

  it('sends no user to an auth server that is not accepted', async () => {
    const other = `https://${'o'.repeat(300)}.example`
    const { steps, log, exchange } = open({ need: { authServer: other } })
    await expect(steps.take('authorize', challenge, exchange({ scheme: 'key' }))).rejects.toMatchObject({
      code: 'auth_server_refused',
      message: `api.example sends users to ${other.slice(0, 200)}, which authServers does not accept: add it if users may type their passwords there.`,
      authServer: other,
    })
    const own = { authServer: other, scope: 'a', owner: 'alice', signal, beforeConsent: () => undefined }
    await expect(steps.requestOwnAccess(own)).rejects.toMatchObject({
      code: 'auth_server_refused',
      message: `authServers does not accept ${other.slice(0, 200)}.`,
    })
    expect(log).toEqual([])
    expect(await steps.requestOwnAccess({ ...own, authServer })).toBe(fresh)
  })

  it('refreshes or drops a token, and otherwise introduces the agent', async () => {
    const introduced = { scheme: 'agent', owner: 'alice' }
    for (const outcome of [fresh, undefined]) {
      const { steps, log, exchange, answer } = open()
      const refreshed = steps.take('refresh', challenge, exchange(withToken))
      await vi.advanceTimersByTimeAsync(0)
      expect(log).toEqual(['refresh held'])
      answer(outcome)
      expect(await refreshed).toEqual(outcome ? { scheme: 'token', held: fresh } : introduced)
    }
    const { steps, log, exchange } = open()
    expect(await steps.take('dropToken', challenge, exchange(withToken))).toEqual(introduced)
    expect(log).toEqual(['drop alice held'])
    for (const step of ['identify', 'refresh', 'dropToken'] as const)
      expect(await steps.take(step, challenge, exchange({ scheme: 'key' }))).toEqual(introduced)
    expect(await steps.take('identify', challenge, exchange(withToken))).toEqual(introduced)
    expect(log).toEqual(['drop alice held'])
  })
})
