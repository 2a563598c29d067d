import { afterEach, expect, it } from 'vitest'
import { createSpool } from '../../src/bodies/buffered-upload.js'

const spool = createSpool(() => ({ uploads: 100, memory: 100 }))
afterEach(() => spool.close())

it('has room on disk for the share of each sender', () => {
  const isRefused = (bytes: number, share: 0.5 | 1) => {
    const refused = expect.objectContaining({ code: 'unavailable', retryAfter: 5 })
    expect(() => spool.take(bytes, share)).toThrow(refused)
  }
  spool.take(50, 0.5)
  isRefused(1, 0.5)
  spool.take(50, 1)
  isRefused(1, 1)
  spool.free(30)
  isRefused(31, 1)
  spool.take(30, 1)
  spool.free(100)
  isRefused(101, 1)
  spool.take(100, 1)
})

it('has room in memory for the share of each sender, half of which only messages use', () => {
  expect([spool.hold(26, 0.5, false), spool.hold(25, 0.5, false), spool.hold(1, 0.5, false)]).toEqual([
    false,
    true,
    false,
  ])
  expect([spool.hold(26, 0.5, true), spool.hold(25, 0.5, true)]).toEqual([false, true])
  expect([spool.hold(50, 1, true), spool.hold(1, 1, true)]).toEqual([true, false])
  spool.release(60)
  expect([spool.hold(11, 1, false), spool.hold(10, 1, false)]).toEqual([false, true])
})
