import type { ConsentCallback, ConsentRequest, OpenConsent } from '../editions/agent-protocol.js'
import type { MaybePromise } from '../lib/maybe-promise.js'
import type { ConsentWay } from './consent-way.js'

/** How people are asked, by owner, and where they come back to. */
export interface WayToOwners extends Pick<ConsentWay, 'canAsk' | 'redirectUri'> {
  open(
    owner: string,
    answer: (request: Request) => Promise<Response>,
    callback: ConsentCallback,
  ): MaybePromise<OpenConsent>
}

/** People are asked by a function, and come back to what the agent's handler serves all the time. */
export function askBy(
  onConsent: ((consent: ConsentRequest, owner: string) => void | Promise<void>) | undefined,
  redirectUri: string,
): WayToOwners {
  if (onConsent !== undefined && typeof onConsent !== 'function')
    throw new TypeError('onConsent must be a function: it shows a person the url where they decide')
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

/** The one person is asked by what opens a way each time. */
export function askThrough(way: ConsentWay): WayToOwners {
  if (typeof way?.open !== 'function')
    throw new TypeError('consent must be a way to ask a person, such as loopbackConsent() of countersign/node')
  const { canAsk, redirectUri } = way
  return {
    canAsk,
    redirectUri,
    open: (_owner, answer, callback) => way.open(answer, callback),
  }
}
