import type { AgentActions } from '../agent/agent-options.js'
import type { CallbackOutcome } from '../agent/callback-messages.js'
import { type Agent, type AgentOptions, createAgent } from '../agent/create-agent.js'
import { createDelegate, type DelegateOptions } from '../delegate/create-delegate.js'
import { requireKnownOptions } from '../lib/options.js'
import { openBrowserDatabase } from './browser-database.js'

export interface BrowserAgentOptions
  extends Pick<
      AgentOptions,
      | 'edition'
      | 'authServers'
      | 'redirectUri'
      | 'onConsent'
      | 'onAllowed'
      | 'consentTimeout'
      | 'endpointOrigins'
      | 'interop'
      | 'onEvent'
      | 'fetch'
      | 'now'
      | 'allowInsecureLoopback'
      | 'allowPath'
    >,
    Pick<DelegateOptions, 'authServer' | 'audienceOf'> {
  /** The agent's identifier, where its agent server is. It has the origin of the page. @default the page's origin */
  id?: string | undefined
  /**
   * Returns what the agent server's `enroll` recognizes this browser by. `enroll` also receives the cookies of the page's origin.
   * @default nothing else
   */
  credential?: DelegateOptions['credential']
  /**
   * The URL to which the auth server redirects the browser, one of the agent server's `redirectUris`. It serves the page, too.
   * @default `${id}/callback`
   */
  redirectUri?: string | undefined
  /**
   * Called when the user must decide: show them `url`, for example with {@link openConsentPopup}. The request waits in the meantime.
   * @default the tab itself opens the consent page, and returns to the page's current URL afterwards
   */
  onConsent?: AgentOptions['onConsent']
  /**
   * The name of the database in which this browser stores its key and tokens. If users sign in to your page, give each user their own, such
   * as `countersign-${user.id}`. @default 'countersign'
   */
  database?: string | undefined
}

/** How the user came back from a consent page. */
export interface BrowserReturn {
  outcome: CallbackOutcome
  /** For `refused`: why the response was not used, in the browser's language. Show it to the user. */
  detail: string | undefined
}

/** An agent in a web page, for the user of this browser. */
export interface BrowserAgent extends AgentActions, Pick<Agent, 'forget'> {
  readonly id: string
  /** Set if the user has just come back from a consent page. */
  readonly returned: BrowserReturn | undefined
}

/** Where a tab's own URL is stored while the tab shows the consent page. */
const placeName = 'countersign-place'

/**
 * An agent in a web page (S§5). The page's origin is the agent, and each browser is one of its delegates, with a key that no script can
 * export: the page's server uses `createAgentServer` from `countersign/agent-server`. Call this once when the page starts, before a router
 * reads the URL. If the user has just come back from a consent page, it completes the consent and removes the code from the URL. It then
 * restores the URL from which the user left or, in a popup, closes the popup.
 *
 * @throws TypeError for invalid options, and if the browser does not let the page use keys or store data
 * @example
 * ```ts
 * const agent = await createBrowserAgent({ authServers: ['https://auth.example'] })
 * const response = await agent.fetch('https://api.example/events')
 * ```
 */
export async function createBrowserAgent(options: BrowserAgentOptions): Promise<BrowserAgent> {
  requireKnownOptions('createBrowserAgent', options, browserAgentOptions)
  const { database = 'countersign', credential = () => '', authServer, audienceOf, ...shared } = options
  const { id = location.origin, redirectUri = `${id}/callback`, onConsent = leaveForConsent } = shared
  // Popups would stay open after the decision.
  if (options.edition && options.onConsent)
    throw new TypeError('Omit onConsent with this edition: the page then redirects to the consent page.')
  requireOwnOrigin('id', id)
  requireOwnOrigin('redirectUri', redirectUri)
  // Read and removed before anything else can store or send the URL.
  const callback = takeCallback(redirectUri)
  // The browser itself limits what a page can fetch.
  const { fetch = (input, init) => globalThis.fetch(input, init), now, allowInsecureLoopback, allowPath } = shared
  const { signer, store } = await openBrowserDatabase(database)
  const delegate = createDelegate({
    id,
    signer,
    credential,
    authServer,
    audienceOf,
    fetch,
    now,
    allowInsecureLoopback,
    allowPath,
  })
  let returned: BrowserReturn | undefined
  const agent = createAgent({
    ...shared,
    ...delegate,
    fetch,
    redirectUri,
    onConsent,
    store,
    // Only this browser's store contains the consents that it started.
    onePerson: true,
    callbackResponse(outcome, detail) {
      returned = { outcome, detail }
      return new Response()
    },
  })
  if (callback) {
    await agent.handler(new Request(callback, { headers: { 'accept-language': navigator.languages.join(', ') } }))
    goBack(returned)
  }
  return { ...agent, returned }
}

/**
 * Opens a consent page in a popup, which cannot reach the page that opens it, and closes once the user has decided. Browsers permit this
 * only shortly after a click: if it returns false, show a button that calls it again.
 */
export function openConsentPopup(url: string): boolean {
  const popup = window.open('', '', 'popup,width=520,height=760')
  if (!popup) return false
  popup.opener = null
  popup.location.replace(url)
  return true
}

function leaveForConsent({ url }: { url: string }): void {
  sessionStorage.setItem(placeName, location.href)
  location.assign(url)
}

/** The URL of a callback, which is removed from the address bar and the history. */
function takeCallback(redirectUri: string): string | undefined {
  const { href, origin, pathname, searchParams } = new URL(location.href)
  const expected = new URL(redirectUri)
  if (origin !== expected.origin || pathname !== expected.pathname || !searchParams.has('state')) return undefined
  history.replaceState(history.state, '', pathname)
  return href
}

function goBack(returned: BrowserReturn | undefined): void {
  const place = sessionStorage.getItem(placeName)
  sessionStorage.removeItem(placeName)
  if (place !== null) history.replaceState(history.state, '', place)
  else if (returned?.outcome !== 'refused') window.close()
}

/** @throws TypeError */
function requireOwnOrigin(option: string, url: string): void {
  if (URL.canParse(url) && new URL(url).origin === location.origin) return
  throw new TypeError(`${option} must have the origin of this page, ${location.origin}: ${url}`)
}

const browserAgentOptions = {
  edition: true,
  id: true,
  authServer: true,
  authServers: true,
  redirectUri: true,
  onConsent: true,
  onAllowed: true,
  consentTimeout: true,
  endpointOrigins: true,
  interop: true,
  credential: true,
  audienceOf: true,
  database: true,
  onEvent: true,
  fetch: true,
  now: true,
  allowInsecureLoopback: true,
  allowPath: true,
} as const satisfies Record<keyof BrowserAgentOptions, true>
