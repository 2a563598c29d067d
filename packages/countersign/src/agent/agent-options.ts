import type { FetchDocument } from '../discovery/fetch-document.js'
import type { AllowedNetwork } from '../discovery/network-options.js'
import type { AgentDescription, AgentInterop } from '../editions/agent-protocol.js'
import type { AgentEdition } from '../editions/edition.js'
import type { AuthClaims } from '../editions/verified-request.js'
import type { OnEvent } from '../lib/events.js'
import type { Signer } from '../lib/jwk.js'
import type { MaybePromise } from '../lib/maybe-promise.js'
import { requireKnownOptions, warnOnce } from '../lib/options.js'
import {
  type EndpointOrigins,
  type IdentifierOptions,
  requireEndpointOrigins,
  requireIdentifier,
} from '../protocol/documents.js'
import { ownAnswerParameter, type RedirectKind, redirectKind } from '../protocol/parameters.js'
import { requireOwnSigner } from '../tokens/issue-token.js'
import type { AgentStore } from './agent-store.js'
import type { CallbackOutcome } from './callback-messages.js'

/** The option names of `interop`. */
const agentInterop = {
  introduce: true,
  signatureEncoding: true,
  nonce: true,
  stateOptional: true,
} as const satisfies Record<keyof AgentInterop, true>

/** Options that all agents share. */
export interface SharedAgentOptions {
  /** The AAuth edition to use. @default January 2026 */
  edition?: AgentEdition | undefined
  /** The agent's identifier: the `https` URL under which its document and keys are published (W10). */
  id: string
  /** Signs every request. */
  signer: Signer
  /**
   * The auth servers that the agent accepts: a list of identifiers, or a function that returns whether a given identifier is accepted.
   * There is no default, because users type their passwords there (W21).
   */
  authServers: readonly string[] | ((authServer: string) => MaybePromise<boolean>)
  /** How the agent describes itself in its document. */
  about?: AgentDescription | undefined
  /**
   * Returns an agent token, which makes this process a delegate of `id` (S§5): see `createDelegate` in `countersign/delegate`. If absent,
   * the signing key must be one that `id` publishes.
   *
   * @param url the URL of the request that carries the token; undefined in editions whose agent tokens are not for one recipient
   */
  agentToken?: ((url?: string) => MaybePromise<string>) | undefined
  /**
   * Responds to the callback instead of the built-in page. `detail` explains, in the browser's language, why a response was refused. The
   * URL of `request` contains the code, so redirect away from it or send `Referrer-Policy: no-referrer`.
   */
  callbackResponse?:
    | ((outcome: CallbackOutcome, detail: string | undefined, request: Request) => MaybePromise<Response>)
    | undefined
  /**
   * Additional origins that an auth server's endpoints (and, in editions that restrict this, its keys) may use, by auth server, such as `{
   * 'https://auth.example': ['https://login.example'] }`. Users then type their passwords at those origins.
   * @default none: endpoints must be at their auth server's origin
   */
  endpointOrigins?: EndpointOrigins | undefined
  /** Relaxed rules for peers that implement an older form of the protocol. @default none */
  interop?: AgentInterop | undefined
  /**
   * Stores tokens and pending consents. With `fileStore` from `countersign/node`, users are not prompted again for something they have
   * already decided, even after a restart. @default memory
   */
  store?: AgentStore | undefined
  /**
   * Called when a user has allowed access and the token is stored, before waiting requests proceed: in the process that received the
   * decision, even if the request was made by another one or before a restart. Not called for access that needed no decision.
   *
   * @param session the web agent's session; the empty string for an agent of one user
   * @param scope space-separated; empty if the token has no scope
   */
  onAllowed?: ((session: string, resource: string, scope: string) => MaybePromise<void>) | undefined
  /**
   * How long to wait for the user, in seconds. Users can keep a request open for longer than the server first announced. @default three
   * hours, or as long as the server first announced if that is longer
   */
  consentTimeout?: number | undefined
  /** Sends requests, and fetches documents unless `fetchDocument` is set. @default `globalThis.fetch`, and a guarded fetch for documents */
  fetch?: typeof globalThis.fetch | undefined
  /** Fetches the documents of auth servers. @default `fetch` if set, otherwise a guarded fetch */
  fetchDocument?: FetchDocument | undefined
  /**
   * Private networks from which documents may be fetched (W28). Auth servers listed in `authServers` need no entry for documents at their
   * own origin. An entry is needed for auth servers that only a function accepts, and for keys at another origin. @default none
   */
  allowNetworks?: readonly AllowedNetwork[] | undefined
  /** Receives an event for each request, refusal and lookup, for use in logs, metrics and traces. @default none */
  onEvent?: OnEvent | undefined
  /** Returns the current time in Unix seconds. @default the system clock */
  now?: (() => number) | undefined
  /** Accepts `http` on literal loopback hosts with a port, for development. @default false */
  allowInsecureLoopback?: boolean | undefined
  /**
   * Accepts identifiers with a path, for this agent and for others (W10). `https://host/~someone` and `https://host` are then different
   * identifiers. @default false
   */
  allowPath?: boolean | undefined
}

/** The names of the options that all agents share. */
export const sharedAgentOptions = {
  edition: true,
  id: true,
  signer: true,
  authServers: true,
  about: true,
  agentToken: true,
  callbackResponse: true,
  endpointOrigins: true,
  interop: true,
  store: true,
  onAllowed: true,
  consentTimeout: true,
  fetch: true,
  fetchDocument: true,
  allowNetworks: true,
  onEvent: true,
  now: true,
  allowInsecureLoopback: true,
  allowPath: true,
} as const satisfies Record<keyof SharedAgentOptions, true>

export interface SignInRequest {
  authServer: string
  /**
   * Space-separated scopes. `openid`, `profile` and `email` are claims about the user; any other scope is access to the agent's own API.
   * @default 'openid'
   */
  scope?: string | undefined
  signal?: AbortSignal | undefined
}

/** A summary of a stored token, without the token itself. */
export interface TokenSummary {
  /** The resource that accepts the token. */
  resource: string
  authServer: string
  scope: readonly string[]
  /** When the agent stops using the token, in Unix seconds: in draft -11 up to five minutes before the token expires. */
  expiresAt: number
  /** Whether the agent can obtain the next token without prompting the user, while the user's consent lasts. */
  isRenewable: boolean
}

/** An agent's operations on behalf of one owner of tokens. */
export interface AgentActions {
  /**
   * `fetch`, with signed requests and automatic handling of challenges; a call may therefore wait for a user. Redirects are not followed.
   * Resolves to the last response if a challenge repeats. Rejects with `AgentError` if authorization fails, and with a TypeError for plain
   * http, except on loopback with a port if `allowInsecureLoopback` is set.
   */
  readonly fetch: typeof globalThis.fetch
  /**
   * Resolves to the headers with which to open a WebSocket at a `wss` or `https` URL: the token, and the signature of the handshake, which
   * is a GET request. First sends a GET request to that URL and handles its challenges as `fetch` does, so the call may wait for a user.
   * Connect at once: resources accept a signature for about a minute. Rejects as `fetch` does. If the resource still refuses access, the
   * handshake also fails.
   */
  readonly signedHeaders: (
    url: string | URL,
    options?: { signal?: AbortSignal | undefined },
  ) => Promise<Record<string, string>>
  /**
   * Signs a user in to the agent itself and obtains access to the agent's own API, with a single token (S§3.5). Resolves to the verified
   * claims of the token; `iss` and `sub` together identify the user. Rejects with `AgentError`.
   */
  signIn(request: SignInRequest): Promise<AuthClaims>
  /** Lists the stored tokens that can be used, newest first. */
  tokens(): Promise<readonly TokenSummary[]>
}

/**
 * Checks the options at creation rather than at the first challenge, and throws a TypeError that names the invalid option. Warns about
 * `allowInsecureLoopback`.
 *
 * `authServers` determines where users type their passwords. A string instead of a list would match each of its substrings.
 */
export function requireAgentOptions(
  { id, signer, authServers, onAllowed, consentTimeout, endpointOrigins = {}, interop = {} }: SharedAgentOptions,
  identifiers: IdentifierOptions,
): void {
  if (identifiers.allowInsecureLoopback)
    warnOnce(
      id,
      'allowInsecureLoopback',
      'any program on this machine can impersonate this agent. Use it for development only.',
    )
  requireKnownOptions('interop', interop, agentInterop)
  requireIdentifier('id', id, identifiers)
  requireOwnSigner('signer', signer, id)
  if (authServers === undefined)
    throw new TypeError('authServers is required: list the auth servers this agent may use')
  if (typeof authServers !== 'function') {
    if (!Array.isArray(authServers))
      throw new TypeError(`authServers must be a list, such as ['https://auth.example'], or a function`)
    for (const [index, authServer] of authServers.entries())
      requireIdentifier(`authServers[${index}]`, authServer, identifiers)
  }
  requireEndpointOrigins(
    endpointOrigins,
    identifiers,
    (authServer) => typeof authServers === 'function' || authServers.includes(authServer),
  )
  if (onAllowed !== undefined && typeof onAllowed !== 'function') throw new TypeError('onAllowed must be a function')
  if (consentTimeout !== undefined && !(consentTimeout > 0))
    throw new TypeError('consentTimeout must be more than 0 seconds')
}

/** Returns the kind of the configured redirect URI. @throws TypeError with the reason if it is invalid */
export function requireRedirectUri(redirectUri: string): RedirectKind {
  const own = URL.canParse(redirectUri) ? ownAnswerParameter(redirectUri) : undefined
  if (own !== undefined)
    throw new TypeError(
      `redirectUri must not contain the parameter ${own}: remove it, because the auth server adds it to the redirect`,
    )
  const kind = redirectKind(redirectUri)
  if (kind !== undefined) return kind
  throw new TypeError(
    'redirectUri must be a URL such as https://agent.example/callback, http://127.0.0.1:8080/callback or ' +
      'com.example.app:/callback, in ASCII and without a fragment: ' +
      String(redirectUri).slice(0, 200),
  )
}
