import { expect, it } from 'vitest'
import { HostRates, RateLimit } from '../../src/admission/rate-limit.js'

const start = 1_800_000_000

/** A clock that stands until it is set. */
function openClock() {
  const clock = { at: start, now: () => clock.at }
  return clock
}

const repeated = (times: number, count: () => number | undefined) => Array.from({ length: times }, count)

it('a limit is reached until the window of the first occurrence has ended, for each key', () => {
  const clock = openClock()
  const limit = new RateLimit({ window: 60, most: 2 }, clock.now)
  expect(limit.count('a')).toBeUndefined()
  clock.at = start + 10
  expect([limit.count('a'), limit.count('a'), limit.count('b')]).toEqual([undefined, 50, undefined])
  clock.at = start + 59.5
  expect(limit.count('a')).toBe(1)
  clock.at = start + 60
  expect([limit.count('a'), limit.count('a'), limit.count('a')]).toEqual([undefined, undefined, 60])
})

it('a window also ends if the clock is set back, so that no one waits longer than a window', () => {
  const clock = openClock()
  const limit = new RateLimit({ window: 60, most: 1 }, clock.now)
  expect([limit.count('a'), limit.count('a')]).toEqual([undefined, 60])
  clock.at = start - 86_400
  expect([limit.count('a'), limit.count('a')]).toEqual([undefined, 60])
})

it('a host may be asked for 120 documents a minute, and 20 for one source, whatever the port', () => {
  const rates = new HostRates(openClock().now)
  const count = (source?: string, url = 'https://a.example/x') => rates.count(url, source)
  expect(repeated(20, () => count('alice')).every((each) => each === undefined)).toBe(true)
  expect(repeated(5, () => count('alice', 'https://a.example:8443/y'))).toEqual(Array(5).fill(60))
  expect(repeated(100, () => count(undefined)).every((each) => each === undefined)).toBe(true)
  expect([count(undefined), count('bob'), count(undefined, 'https://a.example:8443/')]).toEqual([60, 60, 60])
  expect(count('alice', 'https://b.example/')).toBeUndefined()
})

it('the 20,000 keys that were counted last are remembered', () => {
  const limit = new RateLimit({ window: 60, most: 1 }, openClock().now)
  const others = (count: number, name: string) => {
    for (let at = 0; at < count; at++) limit.count(`${name} ${at}`)
  }
  limit.count('a')
  others(19_999, 'b')
  expect(limit.count('a')).toBe(60)
  others(20_000, 'c')
  expect(limit.count('a')).toBeUndefined()
})
