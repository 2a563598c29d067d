import { requireRedirectUri } from '../agent/agent-options.js'
import type { DelegateStore, StoredDelegate } from '../agent/delegate-store.js'
import type { FetchDocument } from '../discovery/fetch-document.js'
import type { NetworkOptions } from '../discovery/network-options.js'
import type { AgentDescription } from '../editions/agent-protocol.js'
import type { AgentServerEdition } from '../editions/agent-server-edition.js'
import type { ClaimNonce } from '../httpsig/nonces.js'
import type { PublicJwk } from '../lib/algorithms.js'
import type { OnEvent } from '../lib/events.js'
import { type Signer, showsSecret } from '../lib/jwk.js'
import type { MaybePromise } from '../lib/maybe-promise.js'
import { requireKnownOptions, warnOnce } from '../lib/options.js'
import { isIdentifier, requireIdentifier } from '../protocol/documents.js'
import type { RateLimit } from '../resource/rate-limit.js'
import { requireOwnSigner } from '../tokens/issue-token.js'
import { maxTokenLifetime } from './delegate-tokens.js'
import { type BindPlatformToken, requireWorkloads, type Workload } from './workloads.js'

/** An installation that requests enrollment. It has proven only that it holds the key. */
export interface EnrollmentRequest {
  /** What the installation sent for you to recognize it by, such as a one-time code. At most about 64 KiB. */
  credential: string | undefined
  /** RFC 7638 thumbprint of its key. If a platform attests the installation, check that the attestation is for this key. */
  thumbprint: string
  jwk: PublicJwk
  /** The headers of the request. The signature does not cover cookies or `Authorization`. */
  headers: Headers
  /** The client's address, if the platform provides it. */
  remoteAddress: string | undefined
}

/** An installation that you recognize. */
export interface Enrollment {
  /**
   * The delegate's name, which auth servers use to tell your installations apart, and which users see: 1 to 255 printable ASCII characters.
   * Derive it from what you have checked. Never let the installation choose any name: what users allowed a name, its holder can use.
   */
  name: string
  /**
   * Replaces the key of an installation with this name. Set this only if you have checked that this is the same installation: the new key
   * can use everything that users allowed this name. A revoked name stays revoked. @default false: the enrollment is refused
   */
  replace?: boolean | undefined
}

export interface AgentServerOptions extends NetworkOptions {
  /** The edition of AAuth, such as `draft11AgentServer`. Installations use the same edition. @default January 2026 */
  edition?: AgentServerEdition | undefined
  /** The agent's identifier, where this server publishes its document and keys (W10). */
  id: string
  /** Signs the agent tokens. */
  signer: Signer
  /**
   * More public keys to publish. When you change the `signer`, list its predecessor's `jwk` here until the last token that it signed has
   * expired. @default none
   */
  otherKeys?: readonly PublicJwk[] | undefined
  /**
   * The redirect URIs of all installations: loopback without a port (`http://127.0.0.1/callback`), an app's own scheme
   * (`com.example.app:/callback`), or an `https` URL.
   */
  redirectUris: readonly string[]
  /** How the agent describes itself in its document. */
  about?: AgentDescription | undefined
  /** Stores the delegates. A store in memory forgets revocations on restart. */
  delegates: DelegateStore
  /**
   * Your check of an installation that wants to be enrolled, such as a sign-in, a one-time code or an attestation. Returns its name, or
   * undefined to refuse it. A credential that works more than once lets anyone who copies it enroll another installation.
   */
  enroll: (request: EnrollmentRequest) => MaybePromise<Enrollment | undefined>
  /**
   * Programs without a user, such as CI jobs and pods, that get agent tokens for their platforms' OIDC tokens. They are not enrolled or
   * listed, and cannot be revoked one by one: remove the entry. @default none
   */
  workloads?: readonly Workload[] | undefined
  /**
   * Binds each platform token to one key. With several instances, use a shared store, such as `redisPlatformTokens`.
   * @default memory
   */
  bindPlatformToken?: BindPlatformToken | undefined
  /**
   * The recipients for which an installation can get tokens: resources and auth servers, as a list of identifiers or as a function. Each
   * token is for one recipient. In editions whose tokens are for every party: the auth servers that tokens may name. @default all
   */
  audiences?: readonly string[] | ((audience: string, delegate: StoredDelegate) => MaybePromise<boolean>) | undefined
  /**
   * Lifetime of an agent token, in seconds; those of workloads also expire with the platform's token. A revoked delegate keeps its identity for at most this long, except at auth servers that were
   * notified of the revocation. @default 3600
   */
  lifetime?: number | undefined
  /**
   * Limits requests: each installation and each workload as an `identity`, by name; keys that are not enrolled, and exchanges that are
   * refused, by network and by key. Use a shared limit if there are several instances. @default 100 requests per minute for each
   * installation, each workload and each network
   */
  rateLimit?: RateLimit | undefined
  /**
   * Stores nonces, so that each request works only once. With several instances, use a shared store.
   * @default memory
   */
  claimNonce?: ClaimNonce | undefined
  /** Receives an event for each request and refusal. @default none */
  onEvent?: OnEvent | undefined
  /** Returns the current time in Unix seconds. @default the system clock */
  now?: (() => number) | undefined
  /** Accepts `http` on literal loopback hosts with a port, for development. @default false */
  allowInsecureLoopback?: boolean | undefined
  /** Accepts identifiers with a path (W10). @default false */
  allowPath?: boolean | undefined
  /** Sends revocations to auth servers, at URLs that others choose, and fetches the keys of platforms. @default a guarded fetch */
  fetch?: FetchDocument | undefined
}

const agentServerOptions = {
  edition: true,
  id: true,
  signer: true,
  otherKeys: true,
  redirectUris: true,
  about: true,
  delegates: true,
  enroll: true,
  workloads: true,
  bindPlatformToken: true,
  audiences: true,
  lifetime: true,
  rateLimit: true,
  claimNonce: true,
  onEvent: true,
  now: true,
  allowInsecureLoopback: true,
  allowPath: true,
  allowNetworks: true,
  egressProxy: true,
  fetch: true,
} as const satisfies Record<keyof AgentServerOptions, true>

/** @throws TypeError that names the invalid option */
export function requireAgentServerOptions(options: AgentServerOptions): void {
  requireKnownOptions('createAgentServer', options, agentServerOptions)
  const { id, signer, otherKeys = [], redirectUris, delegates, enroll, audiences, lifetime = 3600 } = options
  requireIdentifier('id', id, options)
  requireOwnSigner('signer', signer, id)
  if (options.allowInsecureLoopback)
    warnOnce(id, 'allowInsecureLoopback', 'any program on this machine can impersonate this agent server.')
  for (const jwk of otherKeys)
    if (showsSecret(jwk)) throw new TypeError('otherKeys contains a private key: list public keys only')
  if (!Array.isArray(redirectUris))
    throw new TypeError("redirectUris must be a list, such as ['http://127.0.0.1/callback']")
  for (const uri of redirectUris) requireRedirectUri(uri)
  if (typeof delegates?.enroll !== 'function')
    throw new TypeError(
      "delegates is required: use fileDelegates from countersign/node, or your database's DelegateStore",
    )
  if (typeof enroll !== 'function')
    throw new TypeError('enroll is required: a function that checks an installation and returns its name')
  if (!(lifetime >= 60 && lifetime <= maxTokenLifetime))
    throw new TypeError(`lifetime must be from 60 to ${maxTokenLifetime} seconds`)
  requireWorkloads(options.workloads, options)
  if (audiences === undefined || typeof audiences === 'function') return
  if (!Array.isArray(audiences))
    throw new TypeError("audiences must be a list, such as ['https://api.example'], or a function")
  for (const audience of audiences as readonly unknown[])
    if (!isIdentifier(audience, options))
      throw new TypeError(`audiences must contain identifiers such as https://api.example, not ${String(audience)}`)
}
