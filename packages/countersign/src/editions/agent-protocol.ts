import type { Discovery } from '../discovery/discovery.js'
import type { KeyReference } from '../httpsig/signing-profile.js'
import type { Signer } from '../lib/jwk.js'
import type { MaybePromise } from '../lib/maybe-promise.js'
import type { Challenge } from '../protocol/challenge.js'
import type { EndpointOrigins, IdentifierOptions, OwnDocument } from '../protocol/documents.js'
import type { AuthClaims } from './verified-request.js'

/** What an agent does for peers that speak an older form of the protocol; each member is weaker than its default. */
export interface AgentInterop {
  /**
   * `key`: the first request proves only the key, for peers that read no other scheme before they ask for more. Until
   * then a resource cannot tell which agent it is. @default 'agent'
   */
  introduce?: 'agent' | 'key' | undefined
  /**
   * `base64url` for peers that read `Signature` in no other way (W2); receivers that follow RFC 8941 refuse it.
   * @default 'base64'
   */
  signatureEncoding?: 'base64' | 'base64url' | undefined
  /**
   * `never` for peers that refuse the `Nonce` header (W9): whoever copies a request may then send it again while its
   * signature is fresh. @default 'automatic'
   */
  nonce?: 'automatic' | 'never' | undefined
  /**
   * Auth servers that drop `state`: a callback without it is accepted while the browser's owner has exactly one consent
   * pending (W13). Another site can then make up a callback. @default none
   */
  stateOptional?: readonly string[] | undefined
}

/** What an agent says about itself in its document. */
export interface AgentDescription {
  name?: string
  logo_uri?: string
  policy_uri?: string
  tos_uri?: string
  homepage?: string
}

/** A permission that an agent asks for. */
export interface AskedPermission {
  scope: string
  /**
   * What the resource's own document says of it: one line of at most 200 characters, which may say anything. Escape it for
   * HTML. Undefined where the resource gives none, or its document cannot be had.
   */
  description: string | undefined
}

/** What a person is asked to decide, and where. */
export interface ConsentRequest {
  /** Where the person must go, in the browser that started this. */
  url: string
  /** Show it beside the link: the page of a Countersign auth server shows the same four characters. It proves nothing. */
  code: string
  authServer: string
  resource: string
  /** Space-separated, where the resource token carries a scope. */
  scope: string | undefined
  /** The same, in the words of the resource. */
  permissions: readonly AskedPermission[]
  /**
   * Until when there is time: that which the auth server gives at first, and which the person can prolong there, or the agent's
   * `consentTimeout` where that ends before. Unix seconds.
   */
  expiresAt: number
  /** Aborts when the request stops waiting for the decision: it was given up, its time is over, or it has failed. */
  signal: AbortSignal
}

/** A way to a person and back, open for one consent. */
export interface OpenConsent {
  /** Where their browser comes back to. */
  readonly redirectUri: string
  /**
   * Asks the person; what it rejects with before they decided, the request rejects with. The consent is then taken back, unless that
   * is an `AgentError` with `consent_required`: the person may still decide, for a later request.
   */
  ask(consent: ConsentRequest): void | Promise<void>
  /**
   * The consent has ended, or nobody has to decide after all: closes what was opened for it. Called once at most; never for a
   * consent that was given up, which may still be decided until its time is up.
   */
  close(): void
}

/** A token that an agent holds. */
export interface HeldToken {
  jwt: string
  /** The resource it is for. */
  resource: string
  scope: readonly string[]
  /** Unix seconds. */
  expiresAt: number
  /** From when on it is worth getting a new one, where there is a refresh token. Unix seconds. */
  refreshAt: number
  authServer: string
  refreshToken: string | undefined
}

/** What a request proves: a key, the agent, or what a token that it holds says. */
export type Credential = { scheme: 'key' } | { scheme: 'agent' } | { scheme: 'token'; held: HeldToken }

/** What can be done about a refusal. */
export type Step = 'identify' | 'refresh' | 'dropToken' | 'authorize'

/** What an answer says about the request it refuses. */
export interface ReadRefusal {
  challenge?: Challenge | undefined
  /** The server found no key of the agent, or refused the signature itself. */
  problem?: 'key_unknown' | 'signature_refused' | undefined
}

/** A token that an agent needs. */
export interface TokenNeed {
  resource: string
  authServer: string
  /** Space-separated, where it is known. */
  scope: string | undefined
  /** The resource's, already checked (W21). Absent: the agent asks for access to itself, or for what needs none. */
  resourceToken?: string | undefined
  /** The token that was shown when the resource asked for another. */
  presented?: HeldToken | undefined
}

/** A consent that a person has not decided, as an edition keeps it: JSON, found by its `id` among those of an owner. */
export interface KeptConsent {
  id: string
  /** Unix seconds after which it is of no use. */
  until: number
}

/** The consents of owners, in the agent's store. */
export interface KeptConsents {
  /** Whether other processes may use the store at the same time. */
  readonly isShared: boolean
  list(owner: string): Promise<readonly KeptConsent[]>
  /** Stores a consent, and replaces the one of the same id. */
  put(owner: string, consent: KeptConsent): Promise<void>
  /** Stores a consent unless there is one of its id; resolves to the one that is stored. */
  add(owner: string, consent: KeptConsent): Promise<KeptConsent>
  /** Resolves to true if it was there: for one of several concurrent callers. */
  remove(owner: string, id: string): Promise<boolean>
  /**
   * Takes the lease on a consent, by its state, until a time in Unix seconds; resolves to its holder while another one's has not
   * expired.
   *
   * @param overdue a holder whose lease counts as expired, whatever the clock says
   */
  lease(owner: string, state: string, until: number, overdue?: string): Promise<Lease | { holder: string }>
}

/** The lease on a consent, which lets one process at a time exchange its code. */
export interface Lease {
  /** Unix seconds. */
  until: number
  release: () => Promise<void>
}

/** Seconds that the exchange of a code may take. */
export const exchangeTime = 15

/** The callback of a consent. */
export interface ConsentCallback {
  /** The `state` that it will carry. */
  state: string
  /**
   * Where it will arrive, for a consent that is pending already, perhaps of a process that has ended: take it there if you can.
   * Absent for a new consent.
   */
  redirectUri?: string | undefined
}

/** Why a callback fits nothing. */
export type CallbackProblem = 'unknown' | 'no_owner' | 'other_owner' | 'other_server' | 'malformed'

/** How a consent ended for the agent; `other_person`: it was not the one whose tokens the agent has. */
export type ConsentEnd = 'done' | 'failed' | 'other_person'

/** What a person who comes back brings. */
export type CallbackMatch =
  | {
      matched: true
      decision: 'allowed' | 'denied' | 'failed'
      /** Whether the agent got what it wanted, and keeps it. */
      finished: Promise<ConsentEnd>
    }
  | { matched: false; problem: CallbackProblem }

/** What an agent gives its edition to work with. */
export interface AgentTools extends IdentifierOptions {
  id: string
  signer: Signer
  /** Where people come back to, as the agent's document lists it. */
  redirectUri: string
  about: AgentDescription | undefined
  /** Makes this process a delegate of `id`. */
  agentToken: (() => MaybePromise<string>) | undefined
  interop: AgentInterop
  discovery: Discovery
  /** Sends a request, signed with what it proves. */
  send: (request: Request, credential: Credential) => Promise<Response>
  /** Whether a person can be asked here at all. */
  canAsk: boolean
  /** Opens the way to the user behind an owner. */
  openConsent: (owner: string, callback: ConsentCallback) => MaybePromise<OpenConsent>
  /** Where consents are kept until a person has decided. */
  consents: KeptConsents
  /**
   * Keeps a token for an owner, unless the signal has aborted. The person is told that it worked only after that.
   *
   * @throws AgentError `other_person`
   */
  keep: (token: HeldToken, owner: string, signal: AbortSignal) => Promise<void>
  /** A live token of an owner for what is needed that was kept after a time (Unix seconds), also by another process. */
  heldSince: (need: TokenNeed, owner: string, since: number) => Promise<HeldToken | undefined>
  /** Removes a token of an owner. */
  discard: (owner: string, token: HeldToken) => Promise<void>
  /** Exchanges a code for an owner, with a signal that aborts when the owner is forgotten, or after `exchangeTime`. */
  forOwner: <T>(owner: string, work: (signal: AbortSignal) => Promise<T>) => Promise<T>
  /** The auth servers in the agent's own list; none where a function decides. */
  authServers: readonly string[]
  /** Other origins that endpoints of auth servers may be at. */
  endpointOrigins: EndpointOrigins | undefined
  /** Seconds that a person may take; absent: as long as a server may keep the request open. */
  consentTimeout: number | undefined
  now: () => number
}

/** What an agent says and does in one edition. */
export interface AgentProtocol {
  /** What the agent publishes about itself, at the address that its document type names. */
  readonly metadata: OwnDocument
  /** The public keys at the document's `jwks_uri`. */
  readonly keys: readonly object[]
  /** Names the key of a request. */
  referenceTo(credential: Credential): MaybePromise<KeyReference>
  readRefusal(response: Response): ReadRefusal
  /** The step that a refusal calls for: the cheapest that could help; undefined: none would. */
  stepFor(status: number, challenge: Challenge, credential: Credential): Step | undefined
  /**
   * What to ask an auth server for; undefined if the challenge does not say.
   *
   * @throws AgentError for a challenge that is not about this request (W21), or that asks for what is not done here
   */
  needOf(challenge: Challenge, asked: { url: string; credential: Credential }): TokenNeed | undefined
  /**
   * Gets a token from an auth server, by way of a person where one must decide, and keeps it. What a person decides after the
   * signal aborted is for later: their token is kept as well.
   */
  obtain(need: TokenNeed, owner: string, signal: AbortSignal): Promise<HeldToken>
  /** Waits for the decision on the page of a pending consent; undefined: there is no such consent. Absent: nothing is pending in this edition. */
  waitFor?(page: string, owner: string, signal: AbortSignal): Promise<HeldToken | undefined>
  /** Gets a new token for one that can be renewed without asking anybody; undefined: it cannot any more. */
  refresh(held: HeldToken, signal: AbortSignal): Promise<HeldToken | undefined>
  /** The claims of a token for the agent itself, verified. */
  verifyOwn(token: HeldToken): Promise<AuthClaims>
  /** Takes the query that a person brings back to `redirectUri`; undefined: nobody comes back in this edition. */
  readonly complete:
    | ((parameters: URLSearchParams, owner: string | undefined) => MaybePromise<CallbackMatch>)
    | undefined
}
