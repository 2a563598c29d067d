import type { DiscoveryLimits } from '../discovery/fetch-budget.js'
import type { FetchDocument } from '../discovery/fetch-document.js'
import type { CertificateFinder } from '../discovery/found-certificate.js'
import type { AllowedNetwork } from '../discovery/network-options.js'
import type { ResourceEdition } from '../editions/edition.js'
import type { RevokedTokens } from '../editions/resource-protocol.js'
import type { ClaimNonce } from '../httpsig/nonces.js'
import type { Algorithm } from '../lib/algorithms.js'
import type { OnEvent } from '../lib/events.js'
import type { Signer } from '../lib/jwk.js'
import { requireKnownOptions, warnOnce } from '../lib/options.js'
import type { AgentSelection } from '../protocol/agent-selection.js'
import { type EndpointOrigins, requireEndpointOrigins, requireIdentifier } from '../protocol/documents.js'
import { parseScope } from '../protocol/parameters.js'
import type { Risk } from '../protocol/risk-order.js'
import { riskOf } from '../protocol/scope-risk.js'
import { requireOwnSigner } from '../tokens/issue-token.js'
import type { RateLimit } from './rate-limit.js'

/** What a resource accepts from agents that implement another form of the protocol. Each setting is weaker than its default. */
export interface ResourceInterop {
  /** Agents whose signatures may omit the body. Anyone between such an agent and you can then change the body (W6). @default none */
  unsignedBodies?: AgentSelection | undefined
}

/** A scope with more than a description. */
export interface ScopeOptions {
  /** For the user who decides. */
  description: string
  /**
   * Whether OAuth access tokens may have the scope. If not, only agents that sign their requests can use it.
   * @default false for scopes whose names indicate deletion, spending or full control: see {@link riskOf}
   */
  oauth?: boolean | undefined
}

/** The auth servers whose tokens are accepted. */
export type AuthServerSelection = readonly string[] | 'any' | ((issuer: string) => boolean)

/** How a request may prove what a user allowed. */
export type AcceptedProof = 'aauth' | 'oauth'

export interface ResourceOptions {
  /** The edition of AAuth to use. @default January 2026 */
  edition?: ResourceEdition | undefined
  /** The resource's identifier: its `https` URL (W10). */
  id: string
  /** Signs resource tokens. */
  signer: Signer
  /** The auth server for which resource tokens are issued. Only its auth tokens are accepted. */
  authServer?: string | undefined
  /**
   * The auth servers whose tokens are accepted, for editions in which agents bring their own: a list, `any`, or a function that decides by
   * identifier. With `any`, anyone can run an auth server and vouch for any number of users: users are then never proof of a person. @default
   * `authServer`
   */
  authServers?: AuthServerSelection | undefined
  /** The scopes of this API, each described for the user who decides. Published as `scope_descriptions`. */
  scopes?: Readonly<Record<string, string | ScopeOptions>> | undefined
  /**
   * How requests may prove what a user allowed: `aauth` by signatures, `oauth` also by OAuth access tokens, which work for anyone who has
   * them. With `oauth`, the whole API is one OAuth resource, whose URL is `id`; for an MCP server, use the same option of `protectMcp`
   * instead. A token suffices only where a scope is required, unless the check of a route has its own `accept`. @default ['aauth']
   */
  accept?: readonly AcceptedProof[] | undefined
  /** Previous public keys, which are published until the tokens that they signed have expired. */
  retiredKeys?: readonly object[] | undefined
  /** Hosts, with their port if any, for which requests may be signed. @default the host of `id` */
  authorities?: readonly [string, ...string[]] | undefined
  /** Accepted signature algorithms. @default all that the library implements */
  algorithms?: readonly Algorithm[] | undefined
  /**
   * Makes the resource its own agent (S§3.5): auth tokens that do not name an agent are for the resource itself and its delegates. @default
   * false
   */
  ownAgent?: boolean | undefined
  /** Weaker rules for agents that implement another form of the protocol. @default none */
  interop?: ResourceInterop | undefined
  /** Maximum body size, in bytes. @default 1 MiB */
  maxBody?: number | undefined
  /**
   * `required`: requests that modify data must carry a nonce (S§10.5). `derived`: those without a nonce are accepted once for each key,
   * second, method and path, so that a copied request cannot be repeated. @default 'optional'
   */
  nonce?: 'optional' | 'required' | 'derived' | undefined
  /**
   * Stores nonces; all instances must share one store. Called after every other check, with the nonce's source, so that it can limit each
   * source: see {@link createMemoryNonces}. @default a bounded store in this process
   */
  claimNonce?: ClaimNonce | undefined
  /**
   * Counts requests after their signature and token have been verified and before anything is issued for them (S§4.5): see
   * `createRateLimit`. If the limit is exceeded, the response is 429 with a challenge for the next level.
   * @default no limit
   */
  rateLimit?: RateLimit | undefined
  /**
   * Sent as `WWW-Authenticate` together with `Agent-Auth` in each 401 response (S§4.7), for clients that authenticate in another way, such
   * as `Bearer realm="api.example"`. The resource does not verify the requests of these clients: handle them before you call {@link
   * Resource.verify}. @default none
   */
  wwwAuthenticate?: string | undefined
  /**
   * Stores the tokens that auth servers revoke at the resource's revocation endpoint, for editions that have one; all instances must share
   * one store, such as `fileRevokedTokens` on one machine, or `redisRevokedTokens`. Refused in editions without one: see `denyList`. @default a bounded store in this process: after a restart,
   * revoked tokens are accepted again until they expire
   */
  revokedTokens?: RevokedTokens | undefined
  /** Accepts `scheme=x509`: see `createCertificateFinder` in `countersign/x509`. @default rejected */
  certificates?: CertificateFinder | undefined
  /**
   * While there is traffic, polls the auth server's revocation list (`revocation_list_uri`), and refuses revoked tokens within 5 seconds.
   * @default tokens remain valid until they expire
   */
  denyList?: DenyListOptions | undefined
  /**
   * Other origins that may serve an auth server's revocation list or, in editions that restrict this, its keys: `{ 'https://auth.example':
   * ['https://lists.example'] }`. @default only the auth server's origin
   */
  endpointOrigins?: EndpointOrigins | undefined
  /** Lifetime of resource tokens, in seconds, 1 to 900. @default 600 */
  resourceTokenLifetime?: number | undefined
  /** Limits on the fetches that clients can cause, and the delay before a failed lookup is reported. */
  discovery?: DiscoveryLimits | undefined
  /**
   * Private networks from which agents' documents may be fetched: `[{ cidr: '10.0.0.0/8', hosts: ['*.corp.example'] }]` (W28). `authServer`
   * may be at any address regardless of this option. @default none
   */
  allowNetworks?: readonly AllowedNetwork[] | undefined
  /**
   * An HTTP proxy for outgoing requests. For the checks that still apply, see `createGuardedFetch` in `countersign/node`. @default direct
   * connections
   */
  egressProxy?: string | undefined
  /**
   * Fetches documents. On platforms without access to sockets, such as Cloudflare Workers, set `fetchWithoutAddressChecks` from
   * `countersign/discovery`, whose documentation names the risk. @default a guarded fetch
   */
  fetch?: FetchDocument | undefined
  /** Called for each request, refusal and lookup, for use in logs, metrics and traces. @default none */
  onEvent?: OnEvent | undefined
  /** Unix seconds. @default the system clock */
  now?: (() => number) | undefined
  /** Accepts `http` on literal loopback hosts with a port, for development. Warns once. @default false */
  allowInsecureLoopback?: boolean | undefined
  /**
   * Accepts identifiers with a path, both for this resource and for other parties (W10): `https://host/~alice` is then different from
   * `https://host`.
   * @default false
   */
  allowPath?: boolean | undefined
}

export interface DenyListOptions {
  /**
   * How requests with an auth token are treated after 30 seconds without the revocation list. `refuse`: they receive 503, so that cutting
   * the connection to the auth server does not allow anyone to keep using a revoked token. `accept`: tokens remain valid until they expire,
   * as without `denyList`, so that the resource stays available when the auth server is down. @default 'refuse'
   */
  whenUnreachable?: 'refuse' | 'accept' | undefined
}

const resourceOptions = {
  edition: true,
  id: true,
  signer: true,
  authServer: true,
  authServers: true,
  revokedTokens: true,
  scopes: true,
  accept: true,
  retiredKeys: true,
  authorities: true,
  algorithms: true,
  ownAgent: true,
  interop: true,
  maxBody: true,
  nonce: true,
  claimNonce: true,
  rateLimit: true,
  wwwAuthenticate: true,
  certificates: true,
  denyList: true,
  endpointOrigins: true,
  resourceTokenLifetime: true,
  discovery: true,
  allowNetworks: true,
  egressProxy: true,
  fetch: true,
  onEvent: true,
  now: true,
  allowInsecureLoopback: true,
  allowPath: true,
} as const satisfies Record<keyof ResourceOptions, true>

/**
 * Validates the options of a resource. Warns once about `allowInsecureLoopback`.
 *
 * @throws TypeError for options that cannot work
 */
export function requireResourceOptions(options: ResourceOptions): void {
  requireKnownOptions('createResource', options, resourceOptions)
  requireKnownOptions('interop', options.interop ?? {}, { unsignedBodies: true })
  requireKnownOptions('denyList', options.denyList ?? {}, { whenUnreachable: true })
  const { id, resourceTokenLifetime: lifetime } = options
  if (options.allowInsecureLoopback)
    warnOnce(
      id,
      'allowInsecureLoopback',
      'any program on this machine can impersonate this resource. Use it for development only.',
    )
  requireIdentifier('id', id, options)
  const listed = requireAuthServers(options)
  requireOwnSigner('signer', options.signer, id)
  requireEndpointOrigins(options.endpointOrigins ?? {}, options, (name) => listed.includes(name))
  requireAccept(options)
  requireScopes(options.scopes)
  if (lifetime !== undefined && !(Number.isInteger(lifetime) && lifetime >= 1 && lifetime <= 900))
    throw new TypeError('resourceTokenLifetime must be whole seconds, 1 to 900')
}

/** The auth servers that the operator listed by name. @throws TypeError for a selection that cannot work */
export function requireAuthServers(options: ResourceOptions): readonly string[] {
  const { authServer, authServers: selection } = options
  if (options.edition ? !authServer === !selection : authServer && selection)
    throw new TypeError('set either authServer or authServers')
  if (selection === undefined) {
    requireIdentifier('authServer', authServer as string, options)
    return [authServer as string]
  }
  if (selection === 'any' || typeof selection === 'function') return []
  if (!Array.isArray(selection) || selection.length === 0)
    throw new TypeError("authServers must be a list such as ['https://auth.example'], 'any', or a function")
  for (const each of selection as readonly string[]) requireIdentifier('authServers', each, options)
  return selection as readonly string[]
}

/** @throws TypeError for an option `accept` that cannot work */
export function requireAccept({ accept = ['aauth'] }: { accept?: readonly AcceptedProof[] | undefined }): void {
  const isKnown = Array.isArray(accept) && accept.every((each) => each === 'aauth' || each === 'oauth')
  if (!isKnown || !accept.includes('aauth')) throw new TypeError("accept must be ['aauth'] or ['aauth', 'oauth']")
}

function requireScopes(scopes: ResourceOptions['scopes'] = {}): void {
  if (Array.isArray(scopes)) throw new TypeError("scopes must be an object: { 'data.read': 'See your data' }")
  for (const [name, given] of Object.entries(scopes)) {
    if (parseScope(name)?.length !== 1)
      throw new TypeError(`scopes: ${JSON.stringify(name)} is not the name of one scope`)
    if (typeof given === 'string') continue
    requireKnownOptions(`scopes: ${name}`, given, { description: true, oauth: true })
    if (typeof given.description !== 'string')
      throw new TypeError(`scopes: ${name} needs a description for the user who decides`)
    if (given.oauth !== undefined && typeof given.oauth !== 'boolean')
      throw new TypeError(`scopes: oauth of ${name} must be true or false`)
  }
}

/** The descriptions of scopes, by name. */
export function scopeDescriptions(scopes: NonNullable<ResourceOptions['scopes']>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(scopes).map(([name, given]) => [name, typeof given === 'string' ? given : given.description]),
  )
}

/** The descriptions of the scopes that OAuth access tokens may have, by name. */
export function scopesForOAuth(scopes: ResourceOptions['scopes'] = {}): Record<string, string> {
  const isAllowed = (name: string, given: string | ScopeOptions) =>
    (typeof given === 'string' ? undefined : given.oauth) ?? harmless.has(riskOf(name))
  const allowed = Object.entries(scopes).filter(([name, given]) => isAllowed(name, given))
  return scopeDescriptions(Object.fromEntries(allowed))
}

const harmless: ReadonlySet<Risk> = new Set<Risk>(['read', 'change'])
