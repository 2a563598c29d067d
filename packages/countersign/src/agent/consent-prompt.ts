import type { ConsentCallback, ConsentRequest, OpenConsent } from '../editions/agent-protocol.js'
import type { MaybePromise } from '../lib/maybe-promise.js'

/**
 * A way to prompt one user and receive the redirect, open only while the user is deciding, such as `loopbackConsent()` from
 * `countersign/node`. The agent then needs no server.
 */
export interface ConsentPrompt {
  /** Whether the user can be prompted here. Otherwise, requests that need consent reject with `consent_required`. */
  readonly canPrompt: boolean
  /** The redirect URI as listed in the agent's document. A loopback URI is listed without a port, so that it matches any port (W24). */
  readonly redirectUri: string
  /**
   * Called once per consent, before the agent contacts an auth server. If this rejects, the request rejects with the same error. If the
   * returned `redirectUri` differs from the pending consent's, the agent starts a new consent.
   *
   * @param answer handles the callback and returns the page to show
   */
  open(answer: (request: Request) => Promise<Response>, callback: ConsentCallback): MaybePromise<OpenConsent>
}

/** How the users behind owners are prompted, and where their browsers are redirected. */
export interface OwnerPrompt extends Pick<ConsentPrompt, 'canPrompt' | 'redirectUri'> {
  open(
    owner: string,
    answer: (request: Request) => Promise<Response>,
    callback: ConsentCallback,
  ): MaybePromise<OpenConsent>
}

/** Prompts users through a function; the redirect brings them back to the agent's handler. */
export function promptBy(
  onConsent: ((consent: ConsentRequest, owner: string) => void | Promise<void>) | undefined,
  redirectUri: string,
): OwnerPrompt {
  if (onConsent !== undefined && typeof onConsent !== 'function')
    throw new TypeError('onConsent must be a function that shows the user the url')
  return {
    canPrompt: onConsent !== undefined,
    redirectUri,
    // This also applies when another process of the agent is listening there: it completes the consent through the store.
    open: (owner, _answer, { redirectUri: at = redirectUri }) => ({
      redirectUri: at,
      ask: (consent) => onConsent?.(consent, owner),
      close: () => undefined,
    }),
  }
}

/** Prompts the only user through a {@link ConsentPrompt}, which is opened for each consent. */
export function promptThrough(way: ConsentPrompt): OwnerPrompt {
  if (typeof way?.open !== 'function')
    throw new TypeError('consent must be a prompt, such as loopbackConsent() from countersign/node')
  const { canPrompt, redirectUri } = way
  return {
    canPrompt,
    redirectUri,
    open: (_owner, answer, callback) => way.open(answer, callback),
  }
}
