import { expect, it } from 'vitest'
import { createFetchBudget } from '../../src/discovery/fetch-budget.js'

type FetchCause = Parameters<ReturnType<typeof createFetchBudget>['begin']>[0]

/** A budget with clocks controlled by the test. */
function createWorld() {
  const clock = { now: 1_768_786_017, elapsed: 5 }
  const budget = createFetchBudget(
    {},
    () => clock.now,
    () => clock.elapsed,
  )
  const begin = (host: string, cause: Partial<FetchCause> = {}) =>
    budget.begin({ source: undefined, known: true, url: `https://${host}`, ...cause })
  const fetchFor = (host: string, milliseconds: number) => {
    const place = begin(host)
    clock.elapsed += milliseconds
    if ('end' in place) place.end()
  }
  /** How many of these get a slot; they release it when `leave` is called. */
  const occupy = (hosts: readonly string[], sourceOf: (index: number) => string | undefined = () => undefined) => {
    const places = hosts
      .map((host, index) => begin(host, { source: sourceOf(index) }))
      .filter((place) => 'end' in place)
    return {
      count: places.length,
      leave: () => {
        for (const { end } of places) end()
      },
    }
  }
  return { clock, begin, fetchFor, occupy }
}

const slowHosts = Array.from({ length: 32 }, (_, index) => `slow-${index}.example`)
const quickHosts = Array.from({ length: 32 }, (_, index) => `quick-${index}.example`)

it('K22, K25: agents whose documents were slow share eight slots, and others have the rest', () => {
  const { begin, fetchFor, occupy } = createWorld()
  for (const host of slowHosts) fetchFor(host, 1000)
  const { count, leave } = occupy(slowHosts)
  expect(count).toBe(8)
  expect(occupy(quickHosts).count).toBe(16)
  expect(begin('new.example', { known: false, source: '192.0.2.1' })).toHaveProperty('end')
  leave()
  expect(occupy(slowHosts).count, 'all slots were released').toBe(8)
})

it('one source has two of these', () => {
  const { fetchFor, occupy } = createWorld()
  for (const host of slowHosts) fetchFor(host, 2500)
  expect(occupy(slowHosts, () => '198.51.100.7').count).toBe(2)
  expect(occupy(slowHosts, (index) => `203.0.113.${index}`).count).toBe(6)
})

it('a host that was never slow is not limited to them', () => {
  const { fetchFor, occupy } = createWorld()
  for (const host of slowHosts) fetchFor(host, 999)
  expect(occupy(slowHosts).count).toBe(24)
})

it('a single fast response does not lift the limit; ten minutes do', () => {
  const { clock, fetchFor, occupy } = createWorld()
  for (const host of slowHosts) fetchFor(host, 1000)
  for (const host of slowHosts) fetchFor(host, 10)
  clock.now += 599
  const slow = occupy(slowHosts)
  expect(slow.count).toBe(8)
  slow.leave()
  clock.now += 1
  expect(occupy(slowHosts).count).toBe(24)
})

it('the number of tracked hosts is bounded: the oldest are evicted', () => {
  const { fetchFor, occupy } = createWorld()
  for (const host of slowHosts) fetchFor(host, 1000)
  for (let index = 0; index < 10_000; index++) fetchFor(`other-${index}.example`, 1000)
  expect(occupy(slowHosts).count).toBe(24)
})
