import { setTimeout as sleep } from 'node:timers/promises'

interface WorkLaneOptions {
  /** How much may wait. */
  waiting: number
  /** How much is taken on in a minute. */
  perMinute: number
  /** Unix seconds. */
  now: () => number
  /** Told when work rejects. */
  onError: (error: unknown) => void
}

/** Work done one after the other, that may be left undone when there is too much of it. */
interface WorkLane {
  /** Whether there is room for more now. */
  hasRoom(): boolean
  /** Does the work when its turn comes; drops it when there is no room. */
  add(work: () => Promise<void>): void
}

/**
 * How much longer than its work a lane rests. Work can go on to cost after it was given up: a name that is looked up
 * slowly holds one of the two threads of the process that look names up.
 */
const rest = 4

export function createWorkLane({ waiting, perMinute, now, onError }: WorkLaneOptions): WorkLane {
  const queue: (() => Promise<void>)[] = []
  let busy = false
  let minute = { since: now(), taken: 0 }

  function hasRoom(): boolean {
    if (now() >= minute.since + 60) minute = { since: now(), taken: 0 }
    return queue.length < waiting && minute.taken < perMinute
  }

  async function workOff(): Promise<void> {
    busy = true
    for (let work = queue.shift(); work; work = queue.shift()) {
      const began = performance.now()
      await work().catch(onError)
      await sleep(rest * (performance.now() - began), undefined, { ref: false })
    }
    busy = false
  }

  return {
    hasRoom,
    add(work) {
      if (!hasRoom()) return
      minute.taken++
      queue.push(work)
      if (!busy) void workOff()
    },
  }
}
