import type { CountersignEvent } from 'countersign'
import { expect, it } from 'vitest'
import { createPasswords, hashPassword } from '../../src/secrets/passwords.js'
import { quickHash } from '../quick-hash.js'

const passwordHash = await quickHash('right')

it('hashes passwords with what OWASP recommends', async () => {
  expect(await hashPassword('right')).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$[\w+/]{22}\$[\w+/]{43}$/)
})

it('checks passwords in turn by share, and refuses the share with the most waiting', async () => {
  const told: Pick<CountersignEvent, 'kind'>[] = []
  const passwords = createPasswords((event) => told.push(event))
  const order: string[] = []
  // Two are computed at once, and either may finish first: only the order in which they start matters.
  const mayCompare = async (share: string) => order.push(share) > 0
  const check = (share: string) =>
    passwords.verify(passwordHash, 'right', [share], () => mayCompare(share)).catch((error: Error) => error)
  const flood = Array.from({ length: 70 }, () => check('flood'))
  const others = ['a', 'b', 'a'].map(check)
  expect(await Promise.all(others)).toEqual([true, true, true])
  expect(order.filter((share) => share !== 'flood')).toEqual(['a', 'b', 'a'])
  expect(order.indexOf('b'), 'within a round').toBeLessThan(20)
  const outcomes = await Promise.all(flood)
  expect(outcomes.filter((outcome) => outcome === true)).toHaveLength(63)
  const refused = outcomes.filter((outcome) => outcome instanceof Error)
  expect(refused).toHaveLength(7)
  expect(refused).toContainEqual(expect.objectContaining({ code: 'unavailable', retryAfter: 2 }))
  expect(told.filter((event) => 'outcome' in event && event.outcome === 'unavailable')).toHaveLength(7)
})

it('matches no password without a hash, at the same cost', async () => {
  const check = async (hash?: string) => createPasswords().verify(hash, '', ['a'], async () => true)
  expect(await check()).toBe(false)
  expect(await check(await hashPassword(''))).toBe(true)
})

it('serves 256 waiting shares with one password each, and refuses the next', async () => {
  const passwords = createPasswords()
  const shares = Array.from({ length: 2 + 256 + 1 }, (_, share) => [`${share}`])
  const checks = shares.map((share) => passwords.verify(passwordHash, 'wrong', share, async () => true))
  const outcomes = (await Promise.allSettled(checks)).map(({ status }) => status)
  expect(outcomes.indexOf('rejected')).toBe(outcomes.length - 1)
})

it('reports how long each computation waited and took, and how many wait after it', async () => {
  const told: object[] = []
  const passwords = createPasswords((event) => told.push(event))
  const fails = async () => Promise.reject(new Error('the database is down'))
  const started = performance.now()
  const checks = Array.from({ length: 2 + 64 + 1 }, async (_, at) =>
    passwords.verify(passwordHash, 'wrong', ['a'], at === 2 ? fails : async () => true),
  )
  const outcomes = await Promise.allSettled(checks)
  const passed = (performance.now() - started) / 1000
  expect(outcomes[2]).toMatchObject({ reason: { message: 'the database is down' } })
  const seconds = { waited: expect.any(Number), duration: expect.any(Number) }
  const event = (outcome: string, waiting: number) => ({ kind: 'password', outcome, ...seconds, waiting })
  expect(told[0]).toEqual({ ...event('unavailable', 64), duration: 0 })
  expect(told).toHaveLength(checks.length)
  expect(told.filter((each) => JSON.stringify(each).includes('failed'))).toEqual([event('failed', expect.any(Number))])
  expect(told.at(-1)).toEqual(event('ok', 0))
  for (const { waited, duration } of told as { waited: number; duration: number }[]) {
    expect(Math.min(waited, duration)).toBeGreaterThanOrEqual(0)
    expect(waited + duration).toBeLessThanOrEqual(passed)
  }
})

it('skips a waiting password that may no longer be checked, and serves the next', async () => {
  const passwords = createPasswords()
  let limitIsReached = false
  const check = () => passwords.verify(passwordHash, 'right', ['a'], async () => !limitIsReached)
  const [first, second, late, later] = [check(), check(), check(), check()]
  limitIsReached = true
  expect(await Promise.all([first, second, late, later])).toEqual([true, true, undefined, undefined])
  expect(await check(), 'one that does not wait').toBe(true)
})
