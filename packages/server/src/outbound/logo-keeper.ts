import { type FetchDocumentOptions, fetchBytes } from 'countersign/node'
import { networkPath } from '../admission/network-path.js'
import type { BackgroundWork } from '../storage/api/background-work.js'
import type { LogoStorage } from '../storage/api/logo-storage.js'
import type { LogoReEncoder } from './logo-re-encoder.js'
import { createWorkLane } from './work-lane.js'

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
