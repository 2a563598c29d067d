import type { ConsentCallback, ConsentRequest, OpenConsent } from '../editions/agent-protocol.js'
import type { MaybePromise } from '../lib/maybe-promise.js'

/**
 * A way to one user and back that is open only while they decide, such as `loopbackConsent()` of `countersign/node`: the
 * agent then needs no server.
 */
export interface ConsentWay {
  /** Whether the user can be prompted here; otherwise requests that need their consent reject with `consent_required`. */
  readonly canAsk: boolean
  /** Where the browser comes back to, as the agent's document lists it: on loopback without a port, which stands for any (W24). */
  readonly redirectUri: string
  /**
   * Opens the way for one consent, before an auth server is asked. What it rejects with, the request rejects with. If the
   * `redirectUri` of what it returns is not that of the callback of a pending consent, the agent starts a new consent.
   *
   * @param answer handles the callback, and returns the page to show
   */
  open(answer: (request: Request) => Promise<Response>, callback: ConsentCallback): MaybePromise<OpenConsent>
}

/** How the users behind owners are prompted, and where they come back to. */
export interface WayToOwners extends Pick<ConsentWay, 'canAsk' | 'redirectUri'> {
  open(
    owner: string,
    answer: (request: Request) => Promise<Response>,
    callback: ConsentCallback,
  ): MaybePromise<OpenConsent>
}

/** Users are prompted by a function, and come back to the agent's handler. */
export function askBy(
  onConsent: ((consent: ConsentRequest, owner: string) => void | Promise<void>) | undefined,
  redirectUri: string,
): WayToOwners {
  if (onConsent !== undefined && typeof onConsent !== 'function')
    throw new TypeError('onConsent must be a function that shows the user the url')
  return {
    canAsk: onConsent !== undefined,
    redirectUri,
    // Also where another process of the agent listens: it completes the consent through the store.
    open: (owner, _answer, { redirectUri: at = redirectUri }) => ({
      redirectUri: at,
      ask: (consent) => onConsent?.(consent, owner),
      close: () => undefined,
    }),
  }
}

/** The one user is prompted by a way that is opened for each consent. */
export function askThrough(way: ConsentWay): WayToOwners {
  if (typeof way?.open !== 'function')
    throw new TypeError('consent must prompt the user, such as loopbackConsent() of countersign/node')
  const { canAsk, redirectUri } = way
  return {
    canAsk,
    redirectUri,
    open: (_owner, answer, callback) => way.open(answer, callback),
  }
}
