import { hashPassword } from 'countersign-server'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { isLong } from '../long.js'
import { createScriptedUser, signInToAccount } from '../scripted-user.js'
import { openMapStage, people, type Stage, type StageOptions } from './stage.js'

vi.setConfig({ testTimeout: 180_000 })

/** The username of an existing account, and an unused username of the same length. */
const names = [people.alice.username, 'alicf'] as const

/** Opens the sign-in page in a new browser and returns a function that tries a wrong password. */
async function openBrowser(stage: Stage) {
  const user = createScriptedUser(stage.fetch)
  const url = `${stage.authServer}/account/sign-in`
  const page = await (await user.open(url)).text()
  return {
    user,
    attempt: (username: string) => user.submit(page, url, { username, password: 'wrong', action: 'login' }),
  }
}

async function openStage(options?: StageOptions) {
  const stage = await openMapStage(options)
  onTestFinished(() => stage.close())
  return stage
}

/** The states in which a probe must not reveal whether an account exists, and how to bring each about. */
const states = {
  'a wrong password': {
    status: 401,
    async prepare(stage: Stage) {
      const { attempt } = await openBrowser(stage)
      return async (name: string) => {
        // Move past the window of the previous attempts.
        stage.clock.now += 86_400
        return attempt(name)
      }
    },
  },
  'an account that is locked for this address': {
    status: 429,
    async prepare(stage: Stage) {
      const { attempt } = await openBrowser(stage)
      // Enough attempts to exceed the limit on audit rows for both usernames as well.
      for (const name of names) for (let time = 0; time < 30; time++) await attempt(name)
      return attempt
    },
  },
  'a browser in which another account was signed in': {
    status: 429,
    async prepare(stage: Stage) {
      const { user, attempt } = await openBrowser(stage)
      await signInToAccount(user, stage.authServer, people.bob)
      user.cookies.delete('__Host-countersign-session')
      for (const name of names) for (let time = 0; time < 30; time++) await attempt(name)
      return attempt
    },
  },
} as const

describe('C17: whether an account exists', () => {
  it.each(Object.keys(states) as (keyof typeof states)[])(
    'does not change the sequence of storage calls: %s',
    async (state) => {
      const verbs: string[] = []
      const stage = await openStage({
        wrap: (storage) =>
          new Proxy(storage, {
            get(target, verb) {
              const method: unknown = Reflect.get(target, verb)
              if (typeof method !== 'function') return method
              return (...values: unknown[]): unknown => {
                // The server also notifies users of blocks, whatever a request does.
                if (verb !== 'notifyOfBlocks') verbs.push(String(verb))
                return Reflect.apply(method, target, values)
              }
            },
          }),
      })
      const { attempt } = await openBrowser(stage)
      const ofAttempts = async (name: string, count: number) => {
        verbs.length = 0
        for (let time = 0; time < count; time++) await attempt(name)
        return [...verbs]
      }
      // Covers every phase from the first attempt: compared, throttled with an audit row, and throttled without one.
      stage.clock.now += 86_400
      const [known, unknown] = [await ofAttempts(names[0], 30), await ofAttempts(names[1], 30)]
      expect(known.length).toBeGreaterThan(60)
      expect(unknown).toEqual(known)
      const probe = await states[state].prepare(stage)
      const counted: string[][] = []
      for (const name of names) {
        verbs.length = 0
        expect((await probe(name)).status).toBe(states[state].status)
        counted.push([...verbs])
      }
      expect(counted[0]?.length).toBeGreaterThan(1)
      expect(counted[1]).toEqual(counted[0])
    },
  )

  // Takes half a minute of hashing, but detects leaks that comparing storage calls (above) cannot.
  const timed = (Object.keys(states) as (keyof typeof states)[]).filter(
    (state) => isLong || states[state].status === 429,
  )
  it.each(timed)('cannot be inferred from the response time: %s', async (state) => {
    const stage = await openStage({ hashPassword })
    const probe = await states[state].prepare(stage)
    const accuracies: number[] = []
    // One round of 1,000 probes in fifty exceeds the limit by chance; three in a row is practically impossible.
    while (accuracies.length < 3 && accuracies.every((accuracy) => accuracy > 0.55)) {
      accuracies.push(await accuracyOf(probe, states[state].status))
    }
    expect(accuracies.at(-1), accuracies.join(', ')).toBeLessThanOrEqual(0.55)
  })
})

/**
 * Sends 1,000 interleaved probes, and returns the fraction of the second half that a threshold learned from the first half classifies
 * correctly.
 */
async function accuracyOf(probe: (name: string) => Promise<Response>, status: number): Promise<number> {
  const samples: { isKnown: boolean; took: number }[] = []
  for (let at = 0; at < 1000; at++) {
    // In random order: garbage collection and other periodic work could stay in step with a fixed order.
    const isKnown = Math.random() < 0.5
    const started = performance.now()
    const response = await probe(isKnown ? names[0] : names[1])
    const took = performance.now() - started
    expect(response.status).toBe(status)
    await response.text()
    samples.push({ isKnown, took })
  }
  const [training, testing] = [0, 4].map((from) => samples.filter((_, at) => at % 8 >= from && at % 8 < from + 4))
  const right = (of: typeof samples, threshold: number, isSlower: boolean) =>
    of.filter(({ isKnown, took }) => took > threshold === (isKnown === isSlower)).length / of.length
  const classifiers = (training ?? []).flatMap(({ took }) => [true, false].map((isSlower) => ({ took, isSlower })))
  const [best] = classifiers
    .map((classifier) => ({ ...classifier, score: right(training ?? [], classifier.took, classifier.isSlower) }))
    .toSorted((a, b) => b.score - a.score)
  return best ? right(testing ?? [], best.took, best.isSlower) : 1
}
