import type { ConsentRequest, OpenConsent } from '../editions/agent-protocol.js'
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
   * Opens the way for one consent, before an auth server is asked. What it rejects with, the request rejects with.
   *
   * @param answer takes what the browser brings back, and gives the page it is shown
   * @param before where it comes back to from a page for the same that was left behind, such as by a program that was killed:
   *   listen there again if you can, since the person may decide on that page
   */
  open(answer: (request: Request) => Promise<Response>, before?: string): MaybePromise<OpenConsent>
  /**
   * Says that another process of the agent asks the person already, on its page at `url`, and that this one waits for what they
   * decide there, until the signal aborts. What it rejects with, the request rejects with. Absent: nobody is told.
   */
  tellElsewhere?(consent: ConsentRequest): void | Promise<void>
}
