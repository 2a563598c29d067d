import { setTimeout as sleep } from 'node:timers/promises'
import { type FetchDocumentOptions, fetchBytes } from 'countersign/node'
import { FairQueue } from '../admission/fair-queue.js'
import { networkPath } from '../admission/known-callers.js'
import type { BackgroundWork } from '../storage/api/background-work.js'
import type { LogoStorage } from '../storage/api/logo-storage.js'
import type { LogoReEncoder } from './logo-re-encoder.js'

interface LogoKeeperOptions {
  fetch: FetchDocumentOptions['fetch']
  reEncode: LogoReEncoder
  storage: LogoStorage
  /** This server's own identifier: nothing is fetched from there. */
  issuer: string
  logoIdOf: (agent: string, image: Uint8Array) => string
  /** Unix seconds. */
  now: () => number
  /** All that touches the storage. */
  background: BackgroundWork
  onError: (error: unknown) => void
}

/** Has agents' logos at hand for the pages. */
export interface LogoKeeper {
  /**
   * Fetches the logo in the background; returns at once and never throws.
   *
   * @param from the address that the agent's request came from: fetches are shared by network
   */
  note(agent: string, uri: string | undefined, from: string | undefined): void
}

const limits = { maxBytes: 262_144, timeout: 2500, accept: 'image/png, image/jpeg, image/webp' }

/** Seconds. */
const ages = { maxAge: 86_400, retryAfter: 600 }

/** Neither keys and documents nor other sites may suffer from logos. */
const perMinute = 20

/** Fetches logos, re-encodes them and keeps them in the storage (attacks K12, K31). */
export function createLogoKeeper(options: LogoKeeperOptions): LogoKeeper {
  const { fetch, reEncode, storage, issuer, logoIdOf, now, background, onError } = options
  const lane = createWorkLane({ perMinute, now, onError })

  async function claim(agent: string, uri: string): Promise<boolean> {
    if (background.ending) return false
    return new Promise((resolve, reject) => {
      background.run(() => storage.claimLogo({ agent, uri, ...ages }).then(resolve, reject))
    })
  }

  async function renew(agent: string, uri: string): Promise<void> {
    if (background.ending) return
    const fetched = await fetchBytes(uri, { fetch, ...limits })
    if ('refusal' in fetched) {
      if (!fetched.unreachable) background.run(() => storage.keepLogo({ agent, uri, logo: null }))
      return
    }
    const outcome = await reEncode(fetched.bytes)
    const logo = 'image' in outcome ? { id: logoIdOf(agent, outcome.image), image: outcome.image } : null
    background.run(() => storage.keepLogo({ agent, uri, logo }))
  }

  async function forget(agent: string): Promise<void> {
    if ((await storage.findLogos([agent])).size > 0) await storage.removeLogo(agent)
  }

  return {
    note(agent, uri, from) {
      const isNamed = uri !== undefined && new URL(uri).origin !== issuer
      // Not before the agent has its response.
      setImmediate(() => {
        if (isNamed) lane.add({ claim: () => claim(agent, uri), run: () => renew(agent, uri) }, networkPath(from))
        else background.run(() => forget(agent))
      })
    },
  }
}

interface WorkLaneOptions {
  /** How much work starts in a minute at most; half of it may start at once. */
  perMinute: number
  /** Unix seconds. */
  now: () => number
  /** Called when work rejects. */
  onError: (error: unknown) => void
}

/** Work of a lane. */
interface LaneWork {
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
const laneLimits = { capacity: 16, most: 64 }

/**
 * How much longer than its work a lane rests. Work can go on to cost after it was given up: a name that is looked up
 * slowly holds one of the two threads of the process that look names up.
 */
const rest = 4

/** Milliseconds after which a lane without starts left looks at the clock again. */
const patience = 200

/** A lane for at most `perMinute` works a minute, of which half may start in sequence without a pause. */
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
      queue.push(work, { path: share }, laneLimits)
      if (!isBusy) void workOff()
    },
  }
}
