import { describe, expect, it, vi } from 'vitest'
import { createWorkLane } from '../../src/logos/work-lane.js'

function laneOf(options: Partial<Parameters<typeof createWorkLane>[0]> = {}) {
  const clock = { now: 1000 }
  const done: string[] = []
  const failed: unknown[] = []
  const lane = createWorkLane({
    waiting: 2,
    perMinute: 10,
    now: () => clock.now,
    onError: (error) => failed.push(error),
    ...options,
  })
  const gates: (() => void)[] = []
  const add = (name: string) =>
    lane.add(async () => {
      await new Promise<void>((open) => gates.push(open))
      done.push(name)
    })
  return { clock, lane, done, failed, gates, add }
}

describe('a work lane', () => {
  it('does one thing after the other, and drops what would wait behind too much', async () => {
    const { lane, done, gates, add } = laneOf()
    for (const name of ['a', 'b', 'c', 'd']) add(name)
    expect([gates.length, lane.hasRoom()]).toEqual([1, false])
    for (const count of [1, 2, 3]) {
      await vi.waitFor(() => expect(gates).toHaveLength(count))
      gates[count - 1]?.()
      await vi.waitFor(() => expect(done).toHaveLength(count))
    }
    expect(lane.hasRoom()).toBe(true)
    expect(done).toEqual(['a', 'b', 'c'])
  })

  it('takes no more on than so much a minute', () => {
    const { clock, lane, add } = laneOf({ waiting: 100, perMinute: 3 })
    for (const name of ['a', 'b', 'c']) add(name)
    expect(lane.hasRoom()).toBe(false)
    clock.now += 59
    expect(lane.hasRoom()).toBe(false)
    clock.now += 1
    expect(lane.hasRoom()).toBe(true)
  })

  it('rests four times as long as it worked', async () => {
    const { lane } = laneOf()
    const at: number[] = []
    const work = async () => {
      await new Promise((resolve) => setTimeout(resolve, 50))
      at.push(performance.now())
    }
    lane.add(work)
    lane.add(work)
    await vi.waitFor(() => expect(at).toHaveLength(2))
    expect((at[1] as number) - (at[0] as number)).toBeGreaterThan(240)
  })

  it('tells of work that failed, and goes on', async () => {
    const { lane, done, failed, gates, add } = laneOf()
    const refusal = new Error('no database')
    lane.add(() => Promise.reject(refusal))
    add('after')
    await vi.waitFor(() => expect(gates).toHaveLength(1))
    gates[0]?.()
    await vi.waitFor(() => expect(done).toEqual(['after']))
    expect(failed).toEqual([refusal])
  })
})
