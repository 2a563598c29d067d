import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { startRetention } from '../../../src/storage/verbs/retention.js'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

interface Sweep {
  resolve: (rows: number | undefined) => void
  reject: (error: unknown) => void
}

/** Sweeps that end when they are told to. */
function start(options: Parameters<typeof startRetention>[1] = {}) {
  const sweeps: Sweep[] = []
  const sweep = () => new Promise<number | undefined>((resolve, reject) => sweeps.push({ resolve, reject }))
  return { sweeps, stop: startRetention(sweep, options) }
}

it('sweeps every minute, never twice at the same time, until it is stopped', async () => {
  const onSwept = vi.fn()
  const { sweeps, stop } = start({ onSwept })
  await vi.advanceTimersByTimeAsync(59_999)
  expect(sweeps).toHaveLength(0)
  await vi.advanceTimersByTimeAsync(120_001)
  expect(sweeps).toHaveLength(1)
  sweeps[0]?.resolve(7)
  await vi.advanceTimersByTimeAsync(60_000)
  expect(onSwept.mock.calls).toEqual([[7]])
  expect(sweeps).toHaveLength(2)
  // Another instance is sweeping.
  sweeps[1]?.resolve(undefined)
  await vi.advanceTimersByTimeAsync(60_000)
  expect(onSwept).toHaveBeenCalledTimes(1)
  expect(sweeps).toHaveLength(3)
  stop()
  sweeps[2]?.resolve(1)
  await vi.advanceTimersByTimeAsync(600_000)
  expect(sweeps).toHaveLength(3)
})

it('reports a failure, and sweeps again', async () => {
  const onSweepError = vi.fn()
  const { sweeps, stop } = start({ sweepInterval: 2, onSweepError })
  await vi.advanceTimersByTimeAsync(2000)
  sweeps[0]?.reject(new RangeError('failed'))
  await vi.advanceTimersByTimeAsync(2000)
  expect(onSweepError.mock.calls).toEqual([[new RangeError('failed')]])
  expect(sweeps).toHaveLength(2)
  stop()
})

it('emits a warning about a failure that no one else reports', async () => {
  const emitWarning = vi.spyOn(process, 'emitWarning').mockReturnValue()
  const { sweeps, stop } = start({ sweepInterval: 2 })
  for (const [index, failure] of [new RangeError('failed'), 'a text'].entries()) {
    await vi.advanceTimersByTimeAsync(2000)
    sweeps[index]?.reject(failure)
    await vi.advanceTimersByTimeAsync(0)
    expect(emitWarning).toHaveBeenLastCalledWith(failure, 'RetentionWarning')
  }
  stop()
})

it('does not sweep if the interval is 0', () => {
  start({ sweepInterval: 0 }).stop()
  expect(vi.getTimerCount()).toBe(0)
})
