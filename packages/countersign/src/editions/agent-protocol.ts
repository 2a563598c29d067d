import type { Discovery } from '../discovery/discovery.js'
import type { SignRequestOptions } from '../httpsig/sign-request.js'
import type { ConsentDetails, ConsentReason } from '../lib/agent-error.js'
import type { Signer } from '../lib/jwk.js'
import type { MaybePromise } from '../lib/maybe-promise.js'
import type { Challenge } from '../protocol/challenge.js'
import type { EndpointOrigins, IdentifierOptions, OwnDocument } from '../protocol/documents.js'
import type { AuthClaims } from './verified-request.js'

/** Agent behavior for peers that implement an older form of the protocol. Each setting is weaker than its default. */
export interface AgentInterop {
  /**
   * `key`: the first request proves only the key, for peers that reject any other scheme until they have sent a challenge. Until then, a
   * resource cannot tell which agent is calling. @default 'agent'
   */
  introduce?: 'agent' | 'key' | undefined
  /**
   * `base64url` for peers that can decode `Signature` only in that encoding (W2). Receivers that follow RFC 8941 reject it.
   * @default 'base64'
   */
  signatureEncoding?: 'base64' | 'base64url' | undefined
  /**
   * `never` for peers that reject the `Nonce` header (W9). Anyone who copies a request can then replay it while its signature is fresh.
   * @default 'automatic'
   */
  nonce?: 'automatic' | 'never' | undefined
  /**
   * Auth servers that drop `state`. A callback without it is accepted if the browser's owner has exactly one pending consent (W13). Another
   * site can then forge a callback. @default none
   */
  stateOptional?: readonly string[] | undefined
}

/** The agent's description in its document. */
export interface AgentDescription {
  name?: string
  logo_uri?: string
  policy_uri?: string
  tos_uri?: string
  homepage?: string
}

/** The decision for which the user is prompted, and the page on which to make it. */
export interface ConsentRequest extends ConsentDetails {
  /** Aborts when the request stops waiting for the decision because the request was aborted, timed out, or failed. */
  signal: AbortSignal
}

/** A channel to the user and back, opened for one consent. */
export interface OpenConsent {
  /** The URL to which the user's browser returns. */
  readonly redirectUri: string
  /**
   * Prompts the user. If this rejects before the user has decided, the request rejects with the same error, and the consent is withdrawn.
   * The exception is an `AgentError` with `consent_required`: the user may still decide, for a later request.
   */
  ask(consent: ConsentRequest): void | Promise<void>
  /**
   * Closes everything that was opened for the consent, because the consent has ended or a decision is no longer needed. Called at most
   * once, and never for a consent whose request was aborted: the user may still decide that consent until it expires.
   */
  close(): void
}

/** A token that an agent holds. */
export interface HeldToken {
  jwt: string
  /** The resource for which the token is valid. */
  resource: string
  scope: readonly string[]
  /** Unix seconds. */
  expiresAt: number
  /** Unix time in seconds from which refreshing is worthwhile, if there is a refresh token. */
  refreshAt: number
  authServer: string
  refreshToken: string | undefined
  /** Whether another token can be requested without a prompt while the user's consent lasts. @default if there is a refresh token */
  isRenewable?: boolean | undefined
  /** The edition's name for what the token proves. A token never replaces one of another kind. */
  kind?: string | undefined
  /** Identifies the only call for which the token can be used, once. @default any call */
  call?: string | undefined
  /** The name under which the agent obtained the token, if it has one for each owner. */
  agentName?: string | undefined
  /** Where the token's user is unique. @default the auth server */
  userScope?: string | undefined
  /** How the auth server identifies the user to this agent. @default the token's `sub` */
  user?: unknown
}

/** What a request proves: a key, the agent's identity, or the claims of a token that the agent holds. */
export type Credential =
  | { scheme: 'key' }
  /** The owner for whom the agent acts, or one of the names that it has for its owners. */
  | { scheme: 'agent'; owner?: string | undefined; agentName?: string | undefined }
  | { scheme: 'token'; held: HeldToken }

/** The next step after a refusal. */
export type Step = 'identify' | 'refresh' | 'dropToken' | 'authorize'

/** What a response reports about the request it refuses. */
export interface ReadRefusal {
  challenge?: Challenge | undefined
  /** The server found no key for the agent, or rejected the signature itself. */
  problem?: 'key_unknown' | 'signature_refused' | undefined
}

/** A token that an agent needs. */
export interface TokenNeed {
  resource: string
  authServer: string
  /** Space-separated, if known. */
  scope: string | undefined
  /** The resource's token, already checked (W21). If absent, the agent requests what needs none, such as access to itself. */
  resourceToken?: string | undefined
  /** The token that was presented when the resource required a different one. */
  presented?: HeldToken | undefined
  /** The kind of the required token. */
  kind?: string | undefined
  /** Identifies the refused call, if the user can allow only this one. */
  call?: string | undefined
}

/** A request to a resource, as it was sent. */
export interface SentRequest {
  request: Request
  url: string
  credential: Credential
  owner: string
  signal: AbortSignal
  /** Called before a user is prompted. If it rejects, no one is prompted. */
  beforeConsent: () => MaybePromise<void>
}

/** A consent that the user has not decided yet, as stored by an edition: JSON, looked up by its `id` among the owner's consents. */
export interface KeptConsent {
  id: string
  /** Expiry, in Unix seconds. */
  until: number
}

/** The owners' consents in the agent's store. */
export interface ConsentStore {
  /** Whether other processes may use the store at the same time. */
  readonly isShared: boolean
  list(owner: string): Promise<readonly KeptConsent[]>
  /** Stores a consent, replacing any consent with the same id. */
  put(owner: string, consent: KeptConsent): Promise<void>
  /** Stores a consent unless one with the same id exists. Resolves to the stored consent. */
  add(owner: string, consent: KeptConsent): Promise<KeptConsent>
  /** Removes a consent. Resolves to true if it existed; of several concurrent callers, exactly one gets true. */
  remove(owner: string, id: string): Promise<boolean>
  /**
   * Acquires the lease on a consent, by the consent's state, until a time in Unix seconds. Resolves to the current holder if another
   * process holds an unexpired lease.
   *
   * @param overdue a holder whose lease counts as expired, regardless of the clock
   */
  lease(owner: string, state: string, until: number, overdue?: string): Promise<Lease | { holder: string }>
}

/** The lease on a consent, which allows only one process at a time to exchange the consent's code. */
export interface Lease {
  /** Unix seconds. */
  until: number
  release: () => Promise<void>
}

/** Timeout of a code exchange, in seconds. */
export const exchangeTime = 15

/** The callback for a consent. */
export interface ConsentCallback {
  /** The `state` that the callback will carry. */
  state: string
  /**
   * Where the callback for an already pending consent will arrive; listen there if possible. The consent may have been started by a process
   * that has since exited. Absent for a new consent.
   */
  redirectUri?: string | undefined
}

/** Why a callback matches no consent. */
export type CallbackProblem = 'unknown' | 'no_owner' | 'other_owner' | 'other_server' | 'malformed'

/** How a consent ended for the agent. `other_user`: the user who decided is not the one whose tokens the agent holds. */
export type ConsentEnd = 'done' | 'failed' | 'other_user'

/** The result of matching a callback to a consent. */
export type CallbackMatch =
  | {
      matched: true
      decision: 'allowed' | 'denied' | 'failed'
      /** Resolves once it is known whether the agent obtained and stored the token. */
      finished: Promise<ConsentEnd>
    }
  | { matched: false; problem: CallbackProblem }

/** The names that a shared agent has for its owners, in editions in which an agent acts for only one user. */
export interface AgentNames {
  list(owner: string, kind: 'agent'): Promise<readonly { id: string; data: unknown }[]>
  /** Stores a name unless there is one. Resolves to the stored name. */
  add(owner: string, name: { kind: 'agent'; id: string }, data: string, until?: number): Promise<unknown>
}

/** What an agent provides to its edition. */
export interface AgentTools extends IdentifierOptions {
  id: string
  signer: Signer
  /** The redirect URL to which users return, as listed in the agent's document. */
  redirectUri: string
  about: AgentDescription | undefined
  /** Returns the agent token that makes this process a delegate of `id`. The URL is absent if no token is for one recipient. */
  agentToken: ((url?: string) => MaybePromise<string>) | undefined
  interop: AgentInterop
  discovery: Discovery
  /** Sends a request, signed with the credential. */
  send: (request: Request, credential: Credential) => Promise<Response>
  /** Whether this agent can prompt a user. */
  canPrompt: boolean
  /** Whether the agent has many owners, so that only an owner's own browser may complete the owner's consents. */
  isShared: boolean
  /** The names that a shared agent has for its owners. */
  records: AgentNames
  /** Opens a channel to the user behind an owner. */
  openConsent: (owner: string, callback: ConsentCallback) => MaybePromise<OpenConsent>
  /** Where consents are stored until the user has decided. */
  consents: ConsentStore
  /**
   * Stores a token for an owner, unless the signal has aborted. The user is not told that it worked until this has resolved.
   *
   * @throws AgentError `other_user`
   */
  keep: (token: HeldToken, owner: string, signal: AbortSignal) => Promise<void>
  /** Returns an owner's unexpired token for the need that this or another process stored after the given time (Unix seconds). */
  storedSince: (need: TokenNeed, owner: string, since: number) => Promise<HeldToken | undefined>
  /** Why a need requires the owner's decision, as far as the store can tell. */
  reasonFor: (need: TokenNeed, owner: string) => Promise<ConsentReason>
  /** Records that an owner denied a need. */
  noteRefusal: (need: TokenNeed, owner: string) => Promise<void>
  /** Removes one of an owner's tokens. */
  discard: (owner: string, token: HeldToken, reason?: ConsentReason) => Promise<unknown>
  /** Obtains what an owner has allowed, with a signal that aborts when the owner is forgotten, or after `exchangeTime`. */
  forOwner: <T extends HeldToken | undefined>(owner: string, work: (signal: AbortSignal) => Promise<T>) => Promise<T>
  /** The auth servers in the agent's own list; empty if a function decides. */
  authServers: readonly string[]
  /** Other origins at which auth servers' endpoints are allowed. */
  endpointOrigins: EndpointOrigins | undefined
  /** How long the user may take to decide, in seconds. If absent, the user has as long as a server may keep the request open. */
  consentTimeout: number | undefined
  now: () => number
}

/** The choices that an edition makes when a request is signed. */
export type SignatureChoices = Pick<SignRequestOptions, 'signatureKey' | 'fields'> &
  Partial<Pick<SignRequestOptions, 'profile'>>

/** An agent's side of the protocol in one edition. */
export interface AgentProtocol {
  /** The agent's published document, served at the path given by its document type. */
  readonly metadata: OwnDocument
  /** The public keys at the document's `jwks_uri`. */
  readonly keys: readonly object[]
  /** How to sign a request. */
  signatureFor(credential: Credential, request: Request): MaybePromise<SignatureChoices>
  readRefusal(response: Response, credential: Credential): ReadRefusal
  /** A token that a request without one is expected to need, if it can be obtained without a prompt. Absent if none is ever expected. */
  expectedToken?(request: Request, owner: string, signal: AbortSignal): Promise<HeldToken | undefined>
  /**
   * Receives each response of a resource. If the response is deferred, waits for the actual one. Resolves to that response and to the
   * request to send if it is refused; to undefined if the response is not deferred. Absent if the edition has no deferred responses.
   */
  receive?(response: Response, sent: SentRequest): Promise<{ response: Response; request: Request } | undefined>
  /** The next step after a refusal: the cheapest one that could help. Undefined if no step would help. */
  stepFor(status: number, challenge: Challenge, credential: Credential): Step | undefined
  /** The token that a challenge requires, if any. @throws AgentError if it does not match this request (W21) or is not supported */
  requiredToken(
    challenge: Challenge,
    asked: Pick<SentRequest, 'url' | 'credential'>,
  ): MaybePromise<TokenNeed | undefined>
  /**
   * Obtains a token from an auth server, with the user's consent if required, and stores it. If the user decides after the signal aborted,
   * their token is still stored, for a later request.
   */
  obtain(need: TokenNeed, owner: string, signal: AbortSignal): Promise<HeldToken>
  /**
   * Waits for the decision on a pending consent's page. Resolves to undefined if no such consent exists. Absent if the edition has no
   * pending consents.
   */
  waitFor?(page: string, owner: string, signal: AbortSignal): Promise<HeldToken | undefined>
  /** Renews a token without prompting the user. Undefined if the token can no longer be renewed. */
  refresh(held: HeldToken, signal: AbortSignal): Promise<HeldToken | undefined>
  /** The verified claims of a token for the agent itself. */
  verifyOwn(token: HeldToken): Promise<AuthClaims>
  /** Processes the query with which a user returns to `redirectUri`. Undefined if the edition has no callbacks. */
  readonly complete:
    | ((parameters: URLSearchParams, owner: string | undefined) => MaybePromise<CallbackMatch>)
    | undefined
}
