import type { NetworkOptions } from './network-options.js'

export interface GuardedFetchOptions extends NetworkOptions {
  /** Permits `http` on literal loopback hosts with a port, and nothing else. @default false */
  allowInsecureLoopback?: boolean | undefined
  /**
   * An origin that the operator configured, such as `https://auth.example`, for fetches that are not caused by a client. It may be at any
   * address except the forbidden ones. URLs at any other origin are treated as untrusted. @default none
   */
  configuredOrigin?: string
}

/** The members of the second `fetch` argument that a guarded fetch supports. */
export interface GuardedInit {
  /** @default 'GET' */
  method?: string
  headers?: Readonly<Record<string, string>>
  body?: string | Uint8Array
  signal?: AbortSignal
  /** Redirects are never followed, regardless of this value. */
  redirect?: 'manual'
}

/** Fetches an untrusted URL. Rejects with `AddressRefused` if its host has an address that is not allowed. */
export type GuardedFetch = (url: string, init?: GuardedInit) => Promise<Response>
