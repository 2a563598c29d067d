import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createWriteBehind } from '../../../src/storage/verbs/write-behind.js'

type Write = Parameters<typeof createWriteBehind>[0]
type Usage = Parameters<Write>[1]

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }))
afterEach(() => void vi.useRealTimers())

/** A buffer whose writes end when they are told to. */
function open(delay: number) {
  const writes: { at: number; end: () => void }[] = []
  const write: Write = (at) =>
    new Promise((resolve) => {
      writes.push({ at, end: resolve })
    })
  const buffer = createWriteBehind(write, { delay, onError: (error) => expect.fail(String(error)) })
  const use = (at = 1) =>
    buffer.note(at, (usage: Usage) => void usage.refreshes.set(1, (usage.refreshes.get(1) ?? 0) + 1))
  return { writes, use }
}

describe('uses that are written with a delay', () => {
  it('are written after it, all at once', async () => {
    const { use, writes } = open(2)
    await use()
    await use(2)
    await vi.advanceTimersByTimeAsync(1999)
    expect(writes).toEqual([])
    await vi.advanceTimersByTimeAsync(1)
    writes[0]?.end()
    await vi.advanceTimersByTimeAsync(0)
    expect(writes.map(({ at }) => at)).toEqual([1, 2])
  })

  it('are written before it if there are 500, and the next 500 wait for that', async () => {
    const { use, writes } = open(3600)
    for (let count = 1; count < 500; count++) await use()
    await vi.advanceTimersByTimeAsync(0)
    expect(writes).toHaveLength(0)
    await use()
    await vi.advanceTimersByTimeAsync(0)
    expect(writes).toHaveLength(1)
    for (let count = 1; count < 500; count++) await use()
    let isOver = false
    const last = use().then(() => {
      isOver = true
    })
    await vi.advanceTimersByTimeAsync(0)
    expect(isOver).toBe(false)
    writes[0]?.end()
    await vi.advanceTimersByTimeAsync(0)
    writes[1]?.end()
    await last
    expect(writes).toHaveLength(2)
  })
})
