import { setTimeout as sleep } from 'node:timers/promises'
import { type FetchDocumentOptions, fetchBytes } from 'countersign/node'
import { FairQueue, networkPath } from '../lib/fair-queue.js'
import type { BackgroundWork } from '../storage/api/background-work.js'
import type { LogoStorage } from '../storage/api/logo-storage.js'
import type { LogoReEncoder } from './logo-re-encoder.js'

interface LogoKeeperOptions {
  fetch: FetchDocumentOptions['fetch']
  reEncode: LogoReEncoder
  storage: LogoStorage
  /** This server's own identifier, from which nothing is fetched. */
  issuer: string
  logoIdOf: (agent: string, image: Uint8Array) => string
  /** Unix seconds. */
  now: () => number
  /** Runs all background work that uses the storage. */
  background: Pick<BackgroundWork, 'run' | 'ending'>
  onError: (error: unknown) => void
}

/** Keeps agents' logos available for the pages. */
export interface LogoCache {
  /**
   * Fetches the logo in the background. Returns immediately and never throws.
   *
   * @param from the address that the agent's request came from; fetches are shared fairly between networks
   */
  note(agent: string, uri: string | undefined, from: string | undefined): void
}

const limits = { maxBytes: 262_144, timeout: 2500, accept: 'image/png, image/jpeg, image/webp' }

/** Seconds. */
const ages = { maxAge: 86_400, retryAfter: 600 }

/** Logo fetches must not slow down fetches of keys and documents, or burden other sites. */
const perMinute = 20

/** Fetches logos, re-encodes them and stores them (attacks K12, K31). */
export function createLogoCache(options: LogoKeeperOptions): LogoCache {
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
      // Deferred until the agent has received its response.
      setImmediate(() => {
        if (isNamed) lane.add({ claim: () => claim(agent, uri), run: () => renew(agent, uri) }, networkPath(from))
        else background.run(() => forget(agent))
      })
    },
  }
}

interface WorkLaneOptions {
  /** Maximum number of jobs started per minute; half of them may start immediately. */
  perMinute: number
  /** Unix seconds. */
  now: () => number
  /** Called when a job rejects. */
  onError: (error: unknown) => void
}

/** A job in a lane. */
interface LaneWork {
  /** Whether there is anything to do; called when the job's turn comes. */
  claim: () => Promise<boolean>
  run: () => Promise<void>
}

/** Runs jobs one after another, and drops jobs when too many are waiting. */
interface WorkLane {
  /** Adds a job for the share at a path; shares are served in turn. */
  add(work: LaneWork, share: readonly string[]): void
}

/** Maximum number of waiting jobs, and of shares with one job each. */
const laneLimits = { capacity: 16, most: 64 }

/**
 * How long a lane pauses after each job, as a multiple of the job's duration. A job can keep using resources after it has been abandoned: a
 * slow DNS lookup occupies one of the process's two lookup threads.
 */
const rest = 4

/** How long a lane waits after using up its starts before it checks the clock again, in milliseconds. */
const patience = 200

/** Creates a lane that runs at most `perMinute` jobs a minute. Half of them may start one after another without a pause. */
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
