import { describe, expect, it, vi } from 'vitest'
import { createWorkLane } from '../../src/outbound/logo-cache.js'

function laneOf(perMinute = 40) {
  const clock = { now: 1000 }
  const started: string[] = []
  const done: string[] = []
  const failed: unknown[] = []
  const lane = createWorkLane({ perMinute, now: () => clock.now, onError: (error) => failed.push(error) })
  const gates: (() => void)[] = []
  const add = (name: string, share = 'a') => {
    const run = async () => {
      started.push(name)
      await new Promise<void>((open) => gates.push(open))
      done.push(name)
    }
    lane.add({ claim: async () => true, run }, [share])
  }
  /** Ends the work that started, and all that follows. */
  async function finish(count: number): Promise<void> {
    for (let ended = 0; ended < count; ended++) {
      await vi.waitFor(() => expect(gates.length).toBeGreaterThan(ended), patience)
      gates[ended]?.()
    }
    await vi.waitFor(() => expect(done).toHaveLength(count), patience)
  }
  return { clock, lane, started, done, failed, gates, add, finish }
}

const patience = { timeout: 30_000, interval: 5 }

describe('a work lane', () => {
  it('does one thing after the other, and drops what would wait behind too much', async () => {
    const { started, done, add, finish } = laneOf()
    for (let number = 0; number < 20; number++) add(String(number))
    await vi.waitFor(() => expect(started).toHaveLength(1), patience)
    await finish(17)
    expect(done).toEqual(Array.from({ length: 17 }, (_, number) => String(number)))
  })

  it('serves the shares in turn, and drops the work of the one that has most', async () => {
    const { done, add, finish } = laneOf()
    for (let number = 0; number < 20; number++) add(`flood ${number}`, 'flood')
    add('honest', 'honest')
    await finish(17)
    expect(done.indexOf('honest')).toBeLessThanOrEqual(2)
  })

  it('starts no more than half of its work at once, and the rest over the minute', async () => {
    const { clock, started, add, gates, finish } = laneOf(6)
    for (let number = 0; number < 7; number++) add(String(number))
    await finish(3)
    clock.now += 19
    await new Promise((resolve) => setTimeout(resolve, 300))
    expect(started).toHaveLength(3)
    clock.now += 1
    await vi.waitFor(() => expect(started).toHaveLength(4), patience)
    gates[3]?.()
    clock.now += 600
    await vi.waitFor(() => expect(started).toHaveLength(5), patience)
    await finish(7)
  })

  it('passes over work that is not claimed, which counts for nothing', async () => {
    const { lane, started, add, finish } = laneOf(2)
    for (let number = 0; number < 10; number++)
      lane.add({ claim: async () => false, run: () => Promise.reject(new Error('not claimed')) }, ['a'])
    add('claimed')
    await finish(1)
    expect(started).toEqual(['claimed'])
  })

  it('rests four times as long as it worked', async () => {
    const { lane } = laneOf()
    const at: number[] = []
    const run = async () => {
      await new Promise((resolve) => setTimeout(resolve, 50))
      at.push(performance.now())
    }
    lane.add({ claim: async () => true, run }, ['a'])
    lane.add({ claim: async () => true, run }, ['a'])
    await vi.waitFor(() => expect(at).toHaveLength(2), patience)
    expect((at[1] as number) - (at[0] as number)).toBeGreaterThan(240)
  })

  it('reports work that failed, and goes on', async () => {
    const { lane, done, failed, add, finish } = laneOf()
    const noDatabase = new Error('no database')
    const refusal = new Error('refused')
    lane.add({ claim: () => Promise.reject(noDatabase), run: async () => undefined }, ['a'])
    lane.add({ claim: async () => true, run: () => Promise.reject(refusal) }, ['a'])
    add('after')
    await finish(1)
    expect(done).toEqual(['after'])
    expect(failed).toEqual([noDatabase, refusal])
  })
})
