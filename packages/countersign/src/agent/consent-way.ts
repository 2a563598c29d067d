import type { ConsentCallback, OpenConsent } from '../editions/agent-protocol.js'
import type { MaybePromise } from '../lib/maybe-promise.js'

/**
 * A way to one person and back that is open only while they decide, such as `loopbackConsent()` of `countersign/node`: the
 * agent then needs no server of its own.
 */
export interface ConsentWay {
  /** Whether a person can be asked here at all: requests that need one reject with `consent_required` otherwise. */
  readonly canAsk: boolean
  /** Where the browser comes back to, as the agent's document lists it: on loopback without a port, which stands for any (W24). */
  readonly redirectUri: string
  /**
   * Opens the way for one consent, before an auth server is asked. What it rejects with, the request rejects with. If the
   * `redirectUri` of what it returns is not that of the callback of a pending consent, the agent starts a new consent.
   *
   * @param answer takes what the browser brings back, and returns the page to show
   */
  open(answer: (request: Request) => Promise<Response>, callback: ConsentCallback): MaybePromise<OpenConsent>
}
