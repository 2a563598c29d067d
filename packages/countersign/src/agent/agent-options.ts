import type { FetchDocument } from '../discovery/fetch-document.js'
import type { AllowedNetwork } from '../discovery/network-options.js'
import type { AgentDescription, AgentInterop } from '../editions/agent-protocol.js'
import type { AgentEdition } from '../editions/edition.js'
import type { AuthClaims } from '../editions/verified-request.js'
import type { OnEvent } from '../lib/events.js'
import type { Signer } from '../lib/jwk.js'
import type { MaybePromise } from '../lib/maybe-promise.js'
import { requireKnownOptions } from '../lib/options.js'
import {
  type EndpointOrigins,
  type IdentifierOptions,
  requireEndpointOrigins,
  requireIdentifier,
} from '../protocol/documents.js'
import { ownAnswerParameter, type RedirectKind, redirectKind } from '../protocol/parameters.js'
import { requireOwnSigner } from '../tokens/issue-token.js'
import type { AgentStore } from './agent-store.js'
import type { CallbackOutcome } from './callback-page.js'

/** The names of the members of `interop`. */
const agentInterop = {
  introduce: true,
  signatureEncoding: true,
  nonce: true,
  stateOptional: true,
} as const satisfies Record<keyof AgentInterop, true>

/** What every agent is made of. */
export interface SharedAgentOptions {
  /** The edition of AAuth that is spoken. @default January 2026 */
  edition?: AgentEdition | undefined
  /** The agent's identifier: its `https` URL, where its document and keys are (W10). */
  id: string
  /** Signs every request. */
  signer: Signer
  /**
   * The auth servers that the agent accepts, as identifiers or as a function that decides. There is no default, because a
   * person will type a password there (W21).
   */
  authServers: readonly string[] | ((authServer: string) => MaybePromise<boolean>)
  /** What the agent says about itself in its document. */
  about?: AgentDescription | undefined
  /** Returns an agent token, which makes this process a delegate of `id` (S§5). Absent: the key is one that `id` publishes. */
  agentToken?: (() => MaybePromise<string>) | undefined
  /**
   * Answers the callback in place of the built-in page. `detail` says why an answer was refused, in the language of the
   * browser; `request` is its visit, whose URL holds the code: lead it away from there, or send no `Referer`.
   */
  callbackResponse?:
    | ((outcome: CallbackOutcome, detail: string | undefined, request: Request) => MaybePromise<Response>)
    | undefined
  /**
   * Other origins where the endpoints of an auth server may be, by auth server, as in
   * `{ 'https://auth.example': ['https://login.example'] }`: people then type their password there.
   * @default none: endpoints must be at the origin of their auth server
   */
  endpointOrigins?: EndpointOrigins | undefined
  /** Weaker rules for peers that speak an older form of the protocol. @default none */
  interop?: AgentInterop | undefined
  /**
   * Keeps tokens and the consents that people have not decided yet. With `fileStore` of `countersign/node` nothing is asked
   * twice, also after a restart. @default memory
   */
  store?: AgentStore | undefined
  /** Seconds to wait for a person. People can keep a request open for longer than the server says at first. @default three hours */
  consentTimeout?: number | undefined
  /** Sends requests, and fetches documents if `fetchDocument` is absent. @default `globalThis.fetch`, and a guarded fetch for documents */
  fetch?: typeof globalThis.fetch | undefined
  /** Fetches the documents of auth servers. @default `fetch` where it is given, else a guarded fetch */
  fetchDocument?: FetchDocument | undefined
  /**
   * Private networks that documents may be fetched from (W28). Auth servers in the list of `authServers` need no entry for
   * what is at their own origin. Those that only a function accepts do, and so do keys at another origin. @default none
   */
  allowNetworks?: readonly AllowedNetwork[] | undefined
  /** Told each request, refusal and lookup: logs, metrics and traces are made of it. @default nobody is */
  onEvent?: OnEvent | undefined
  /** Unix seconds. @default the system clock */
  now?: (() => number) | undefined
  /** Accepts `http` on literal loopback hosts with a port, for development. @default false */
  allowInsecureLoopback?: boolean | undefined
  /** Accepts identifiers with a path, of its own and of others (W10): `https://host/~someone` is then not `https://host`. @default false */
  allowPath?: boolean | undefined
}

/** The names of the options of every agent. */
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
  /** Space-separated; `openid`, `profile` and `email` are about the person, anything else is access to the agent's own API. @default 'openid' */
  scope?: string | undefined
  signal?: AbortSignal | undefined
}

/** A token that an agent holds, without the token itself. */
export interface TokenSummary {
  /** Where it is shown. */
  resource: string
  authServer: string
  scope: readonly string[]
  /** Unix seconds. */
  expiresAt: number
  /** Whether a new one is got when it has expired, without asking anybody. */
  isRenewable: boolean
}

/** What an agent does for one owner of tokens. */
export interface AgentActions {
  /**
   * `fetch`, with every request signed and challenges answered: it may wait for a person. Redirects are not followed.
   * Resolves to the last response when a challenge repeats. Rejects with `AgentError` when authorization fails, and
   * with a TypeError for plain http, except on loopback with a port where `allowInsecureLoopback` is set.
   */
  readonly fetch: typeof globalThis.fetch
  /**
   * Signs a person in to the agent itself, and gets access to its own API, with one token (S§3.5). Resolves to the
   * token's claims, verified; a person is `iss` and `sub` together. Rejects with `AgentError`.
   */
  signIn(request: SignInRequest): Promise<AuthClaims>
  /** The tokens that are held and can be used, the newest first. */
  tokens(): Promise<readonly TokenSummary[]>
}

/**
 * Throws a TypeError that says which option cannot work, where the mistake is made and not at the first challenge.
 *
 * `authServers` decides where people type passwords: a text instead of the list would match every part of itself.
 */
export function requireAgentOptions(
  { id, signer, authServers, consentTimeout, endpointOrigins = {}, interop = {} }: SharedAgentOptions,
  identifiers: IdentifierOptions,
): void {
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
  if (consentTimeout !== undefined && !(consentTimeout > 0))
    throw new TypeError('consentTimeout must be more than 0 seconds')
}

/** What kind of redirect URI is configured. @throws TypeError that says why it can be none */
export function requireRedirectUri(redirectUri: string): RedirectKind {
  const own = URL.canParse(redirectUri) ? ownAnswerParameter(redirectUri) : undefined
  if (own !== undefined)
    throw new TypeError(`redirectUri has a parameter ${own} of its own: take it out, since the answer is sent in it`)
  const kind = redirectKind(redirectUri)
  if (kind !== undefined) return kind
  throw new TypeError(
    'redirectUri must be a URL of https, such as https://agent.example/callback, of loopback, such as ' +
      'http://127.0.0.1:8080/callback, or of an app, such as com.example.app:/callback, in ASCII and without a fragment: ' +
      String(redirectUri).slice(0, 200),
  )
}
