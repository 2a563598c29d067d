import { setTimeout as sleep } from 'node:timers/promises'
import { FairQueue } from '../admission/fair-queue.js'

interface WorkLaneOptions {
  /** How much work starts in a minute at most; half of it may start at once. */
  perMinute: number
  /** Unix seconds. */
  now: () => number
  /** Called when work rejects. */
  onError: (error: unknown) => void
}

/** Work of a lane. */
export interface LaneWork {
  /** Whether there is anything to do, asked when it is its turn. */
  claim: () => Promise<boolean>
  run: () => Promise<void>
}

/** Work that is done in sequence, and dropped when too much of it waits. */
interface WorkLane {
  /** Adds work for the share that a path names; the shares are served in turn. */
  add(work: LaneWork, share: readonly string[]): void
}

/** How much work may wait, and of how many shares one each. */
const limits = { capacity: 16, most: 64 }

/**
 * How much longer than its work a lane rests. Work can go on to cost after it was given up: a name that is looked up
 * slowly holds one of the two threads of the process that look names up.
 */
const rest = 4

/** Milliseconds after which a lane without starts left looks at the clock again. */
const patience = 200

export function createWorkLane({ perMinute, now, onError }: WorkLaneOptions): WorkLane {
  const queue = new FairQueue<LaneWork>()
  const most = perMinute / 2
  let starts = { left: most, at: now() }
  let isBusy = false

  function mayStart(): boolean {
    const at = now()
    const earned = (Math.max(0, at - starts.at) * most) / 60
    starts = { left: Math.min(most, starts.left + earned), at }
    return starts.left >= 1
  }

  async function workOff(): Promise<void> {
    isBusy = true
    while (queue.size > 0) {
      if (!mayStart()) await sleep(patience, undefined, { ref: false })
      else await doNext().catch(onError)
    }
    isBusy = false
  }

  async function doNext(): Promise<void> {
    const work = queue.shift()
    if (!work || !(await work.claim())) return
    starts.left--
    const began = performance.now()
    try {
      await work.run()
    } finally {
      await sleep(rest * (performance.now() - began), undefined, { ref: false })
    }
  }

  return {
    add(work, share) {
      queue.push(work, { path: share }, limits)
      if (!isBusy) void workOff()
    },
  }
}
