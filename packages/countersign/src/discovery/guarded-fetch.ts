import type { NetworkOptions } from './network-options.js'

export interface GuardedFetchOptions extends NetworkOptions {
  /** Exempts `http` on literal loopback hosts with a port, and nothing else. @default false */
  allowInsecureLoopback?: boolean | undefined
  /**
   * An origin that the operator configured, such as `https://auth.example`, for fetches that no stranger caused: it may be at
   * any address, but for those that are never connected to. URLs at other origins are judged as a stranger's. @default none
   */
  configuredOrigin?: string
}

/** What a guarded fetch takes of the second argument of `fetch`. */
export interface GuardedInit {
  /** @default 'GET' */
  method?: string
  headers?: Readonly<Record<string, string>>
  body?: string | Uint8Array
  signal?: AbortSignal
  /** Redirects are not followed, whether it says so or not. */
  redirect?: 'manual'
}

/** Fetches a URL that someone else chose. Rejects with `AddressRefused` if its host is in a network that is not allowed. */
export type GuardedFetch = (url: string, init?: GuardedInit) => Promise<Response>
