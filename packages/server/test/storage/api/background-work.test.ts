import { StorageError } from 'countersign-server'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { createBackgroundWork } from '../../../src/storage/api/background-work.js'

describe('background work', () => {
  it('ends when all running work has finished, even work that fails', async () => {
    const failed: unknown[] = []
    const background = createBackgroundWork((error) => failed.push(error))
    const gates: (() => void)[] = []
    const gate = () => new Promise<void>((open) => gates.push(open))
    const done: string[] = []
    background.run(async () => {
      await gate()
      done.push('one')
    })
    background.run(async () => {
      await gate()
      throw new TypeError('two')
    })
    const end = background.end().then(() => done.push('end'))
    for (const open of gates) open()
    await end
    expect(done).toEqual(['one', 'end'])
    expect(failed).toEqual([new TypeError('two')])
  })

  it('starts nothing while it is ending', async () => {
    const failed: unknown[] = []
    const background = createBackgroundWork((error) => failed.push(error))
    expect(background.ending).toBe(false)
    await background.end()
    expect(background.ending).toBe(true)
    background.run(() => Promise.reject(new TypeError('begun')))
    await background.end()
    expect(failed).toEqual([])
  })

  it('repeats work without a report while the database does not respond, and reports what else fails', async () => {
    vi.useFakeTimers()
    onTestFinished(() => void vi.useRealTimers())
    const failed: unknown[] = []
    const background = createBackgroundWork((error) => failed.push(error))
    const errors = [
      new StorageError('unavailable', 'the database did not respond'),
      new StorageError('misconfigured', 'wrong'),
    ]
    const left = [...errors]
    background.repeat(2, () => Promise.reject(left.shift() ?? new TypeError('a bug')))
    await vi.advanceTimersByTimeAsync(6000)
    expect(failed).toEqual([errors[1], new TypeError('a bug')])
    await background.end()
  })

  it('reports once in a row of runs that the database has not responded to 30 of them', async () => {
    vi.useFakeTimers()
    onTestFinished(() => void vi.useRealTimers())
    const failed: unknown[] = []
    const background = createBackgroundWork((error) => failed.push(error))
    const outage = new StorageError('unavailable', 'the database did not respond')
    let runs = 0
    background.repeat(2, async () => {
      if (++runs !== 50) throw outage
    })
    await vi.advanceTimersByTimeAsync(2 * 29_000)
    expect(failed).toEqual([])
    await vi.advanceTimersByTimeAsync(2000)
    expect(failed).toEqual([outage])
    await vi.advanceTimersByTimeAsync(2 * 49_000)
    expect([runs, failed]).toEqual([79, [outage]])
    await vi.advanceTimersByTimeAsync(2000)
    expect(failed).toEqual([outage, outage])
    await background.end()
  })

  it('repeats work, one run at a time, until it ends, which aborts its signal', async () => {
    vi.useFakeTimers()
    onTestFinished(() => void vi.useRealTimers())
    const failed: unknown[] = []
    const background = createBackgroundWork((error) => failed.push(error))
    const gates: (() => void)[] = []
    background.repeat(2, async () => {
      await new Promise<void>((open) => gates.push(open))
      throw new TypeError('failed')
    })
    await vi.advanceTimersByTimeAsync(1999)
    expect(gates).toHaveLength(0)
    await vi.advanceTimersByTimeAsync(4001)
    expect(gates).toHaveLength(1)
    gates[0]?.()
    await vi.advanceTimersByTimeAsync(2000)
    expect(gates).toHaveLength(2)
    expect(background.signal.aborted).toBe(false)
    const end = background.end()
    expect(background.signal.aborted).toBe(true)
    gates[1]?.()
    await end
    await vi.advanceTimersByTimeAsync(10_000)
    expect(gates).toHaveLength(2)
    expect(failed).toEqual([new TypeError('failed'), new TypeError('failed')])
    expect(vi.getTimerCount()).toBe(0)
  })
})
