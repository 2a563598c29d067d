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

it('skips a waiting password that may no longer be checked, and serves the next', async () => {
  const passwords = createPasswords()
  let limitIsReached = false
  const check = () => passwords.verify(passwordHash, 'right', ['a'], async () => !limitIsReached)
  const [first, second, late, later] = [check(), check(), check(), check()]
  limitIsReached = true
  expect(await Promise.all([first, second, late, later])).toEqual([true, true, undefined, undefined])
  expect(await check(), 'one that does not wait').toBe(true)
})
