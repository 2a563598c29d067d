import type { Algorithm, AllowedNetwork, FetchDocument } from 'countersign'
import type { AgentSelection, CertificateFinder, DiscoveryLimits } from 'countersign/wire'
import type { Refusal } from './audit/refusal.js'
import type { ServerKeys } from './keys/server-keys.js'
import type { Duration } from './pages/models.js'
import type { Brands } from './policy/default-brands.js'
import type { Policy } from './policy/policy.js'
import type { RiskPatterns } from './policy/risk.js'
import type { IdentityProvider } from './sign-in/provider/identity-provider.js'
import type { Storage } from './storage/storage.js'

/** What is accepted from named agents that speak an older form of the protocol. */
export interface Interop {
  /** Agents whose document may list no redirect URIs: any on their own origin is then accepted (W12). */
  redirectUrisOptional: AgentSelection
  /** Agents whose signatures may leave the body out: anyone on the way may change it (W6). */
  unsignedBodies: AgentSelection
}

export interface AuthServerOptions {
  /** The server's identifier: its `https` URL (W10). */
  issuer: string
  /** Signs auth tokens, and derives codes and form values: `fixedKeys({ signer, secret })`, or keys from the storage. */
  keys: ServerKeys
  storage: Storage
  /** The server's name on its pages. @default the issuer's host */
  name?: string
  /** Decides what a person is asked at all. @default every request is shown to a person */
  policy?: Policy
  /** What permissions can do, by words or whole names; for words that none fits, the built-in list is asked. @default none */
  risks?: RiskPatterns
  /**
   * Names that people trust and the hosts they belong to, besides the built-in ones: the consent page warns of an agent
   * that uses one and is at none of its hosts. `['*']` leaves a built-in name out.
   * @default none
   */
  brands?: Brands
  /** Seconds that an auth token lives; pages show it. @default 600 */
  authTokenLifetime?: number
  /** Seconds that a request waits for a person. @default 600 */
  requestTokenLifetime?: number
  /** Seconds that an authorization code lives. @default 60 */
  codeLifetime?: number
  /** For how long a person may allow something, in seconds, shortest first; the first is preset. @default an hour, 30 days, until removed */
  durations?: readonly [Duration, ...Duration[]]
  /** Whether people may make accounts themselves. @default false */
  signUp?: boolean
  /** Whether people may sign in with passkeys. @default true where the issuer's host is a name */
  passkeys?: boolean
  /** Identity providers that people may sign in with. @default none */
  identityProviders?: readonly IdentityProvider[]
  /**
   * Whether the logos that agents name are fetched, re-encoded and shown on the pages; else a letter of the host stands
   * for each agent.
   * @default true
   */
  logos?: boolean
  /** Links at the foot of each page. @default none */
  footer?: { help?: string; report?: string; privacy?: string }
  /** Whom people can ask: about what the policy forbids, and for a new password. @default the pages say "your administrator" */
  contact?: { name: string; href?: string }
  /** How many requests of one agent, delegate and resource may be open at once. @default 20 */
  maxOpenRequests?: number
  /** In how many browsers one person may be signed in at once; signing in in one more ends the oldest session. @default 50 */
  maxSessions?: number
  /** @default all that the library knows */
  algorithms?: readonly Algorithm[]
  /** `required`: token requests must carry a nonce (S§10.5). @default 'optional' */
  nonce?: 'optional' | 'required'
  /** Whether a code works only with the key that signed the request it answers: an agent that rotates its key in between asks again (attacks X06). @default false */
  bindCodeToKey?: boolean
  /** Accepts less from named agents; each member is weaker than the default. @default from nobody */
  interop?: Partial<Interop>
  /** Accepts agents with `scheme=x509`: see `createCertificateFinder` in `countersign/node`. @default refused */
  certificates?: CertificateFinder
  /** `both` also reads the later form `sig1=jwks;id="…"` of `Signature-Key` (W1). @default 'january' */
  signatureKeyForm?: 'january' | 'both'
  /** How much is fetched because strangers ask for it, and how they are told that nothing was found. */
  discovery?: DiscoveryLimits
  /**
   * Networks that are not public, where documents and logos may be fetched from all the same, as
   * `[{ cidr: '10.0.0.0/8', hosts: ['*.corp.example'] }]` (W28). The issuers of `identityProviders` may be at any address
   * without it. @default none
   */
  allowNetworks?: readonly AllowedNetwork[]
  /** An HTTP proxy where there is no direct way out: see `createGuardedFetch` in `countersign/node` for what is checked then. */
  egressProxy?: string
  /**
   * Fetches documents and logos; `allowNetworks` and `egressProxy` then count for identity providers only.
   * @default a guarded fetch
   */
  fetch?: FetchDocument
  /** Unix seconds. @default the system clock */
  now?: () => number
  /** Accepts `http` on literal loopback hosts with a port, for development; refused for an `https` issuer. @default false */
  allowInsecureLoopback?: boolean
  /** Accepts agents and resources whose identifiers have a path (W10); pages show host and path. @default false */
  allowPath?: boolean
  /**
   * Told why each request that is refused was, with the id the caller was shown: more than the answer says, such as the rule
   * that denied it or why an agent could not be looked up.
   * @default nobody is
   */
  onRefusal?: (refusal: Refusal, requestId: string) => void
  /** Told of failures that are not the caller's, with the id the caller was shown. @default a process warning */
  onError?: (error: unknown, requestId: string) => void
}
