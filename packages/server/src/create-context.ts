import type { Algorithm, AllowedNetwork, FetchDocument } from 'countersign'
import { createGuardedFetch } from 'countersign/node'
import {
  algorithmNames,
  type CertificateFinder,
  createDiscovery,
  createKeyRenewer,
  createKeyResolver,
  type DiscoveryLimits,
  isLoopbackIdentifier,
  metadataUrl,
  type NetworkOptions,
  parseEitherSignatureKey,
  parseSignatureKey,
  requireIdentifier,
} from 'countersign/wire'
import type { Brands } from './consent/default-brands.js'
import { askAlways, type Policy } from './consent/policy.js'
import { isRiskPattern, type RiskPatterns } from './consent/risk.js'
import type { Interop, Lifetimes, ServerContext } from './context.js'
import { createBackgroundWork } from './http/background-work.js'
import { recordSparingly } from './http/record-sparingly.js'
import type { Refusal } from './http/refusal.js'
import { createRefusalRecorder } from './http/refusal-recorder.js'
import { createMintedSecrets } from './keys/minted-secrets.js'
import { requireOwnKeys, type ServerKeys } from './keys/server-keys.js'
import { createLogoKeeper } from './logos/logo-keeper.js'
import type { Duration } from './pages/models.js'
import type { PasskeySettings } from './sign-in/passkeys.js'
import {
  createIdentityProviderClient,
  type IdentityProvider,
  type IdentityProviderClient,
} from './sign-in/provider/identity-provider.js'
import { systemClock } from './storage/engines/system-clock.js'
import type { Storage } from './storage/storage.js'

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

/** Checks the options and makes the context of them. @throws TypeError naming the option */
export function createContext(options: AuthServerOptions): ServerContext {
  const { issuer, storage, now: clock = systemClock } = options
  const now = () => Math.floor(clock())
  const { allowInsecureLoopback = false, allowPath = false } = options
  const identifiers = { allowInsecureLoopback, allowPath }
  requireIdentifier('issuer', issuer, { ...identifiers, allowPath: false })
  if (options.allowInsecureLoopback && issuer.startsWith('https:')) {
    throw new TypeError('allowInsecureLoopback is for development on loopback: an https issuer must not set it')
  }
  const name = options.name ?? new URL(issuer).host
  const lifetimes: Lifetimes = {
    requestToken: options.requestTokenLifetime ?? 600,
    code: options.codeLifetime ?? 60,
    authToken: options.authTokenLifetime ?? 600,
    refreshIdle: 90 * 86_400,
    refresh: 365 * 86_400,
    sessionIdle: 86_400,
    session: 14 * 86_400,
  }
  if (lifetimes.authToken > 86_400)
    throw new TypeError('authTokenLifetime must be at most a day: resources refuse more')
  for (const [name, seconds] of Object.entries(lifetimes)) {
    if (!Number.isInteger(seconds) || seconds <= 0)
      throw new TypeError(`the lifetime ${name} must be a whole number of seconds above 0`)
  }
  const onError =
    options.onError ??
    ((error: unknown, requestId: string) => process.emitWarning(`request ${requestId} failed: ${String(error)}`))
  const background = createBackgroundWork((error) => onError(error, '-'))
  const keys = requireOwnKeys(options.keys, issuer, background)
  const { allowNetworks = [], egressProxy } = options
  const network = { allowNetworks, ...(egressProxy === undefined ? {} : { egressProxy }) }
  const fetch = options.fetch ?? createGuardedFetch({ ...identifiers, ...network })
  const secrets = createMintedSecrets(keys.secret)
  const discovery = createDiscovery({
    ...identifiers,
    ...options.discovery,
    fetch,
    now,
    local: ownDocuments(issuer, keys),
    onPrivateKey: (jwksUri, kid, ip) => {
      const data = { jwks_uri: jwksUri, kid: kid ?? null }
      const event = { event: 'agent.private_key_published', data, ...(ip === undefined ? {} : { ip }) } as const
      background.run(() => recordSparingly({ storage }, event))
    },
  })
  const resolveKey = createKeyResolver({
    ...identifiers,
    discovery,
    audience: issuer,
    now,
    authTokenIssuers: [issuer],
    absentWellKnown: 'aauth-agent',
    certificates: options.certificates,
  })
  return {
    issuer,
    name,
    keys,
    secrets,
    storage,
    discovery,
    resolveKey,
    renewKey: createKeyRenewer(discovery),
    policy: options.policy ?? askAlways,
    risks: requireRisks(options.risks ?? []),
    brands: options.brands ?? {},
    interop: { redirectUrisOptional: [], unsignedBodies: [], ...options.interop },
    parseSignatureKey: options.signatureKeyForm === 'both' ? parseEitherSignatureKey : parseSignatureKey,
    identifiers,
    algorithms: options.algorithms ?? algorithmNames,
    lifetimes,
    maxOpenRequests: options.maxOpenRequests ?? 20,
    maxSessions: requireMaxSessions(options.maxSessions),
    nonce: options.nonce ?? 'optional',
    bindCodeToKey: options.bindCodeToKey ?? false,
    durations: options.durations ?? [3600, 30 * 86_400, 'until-removed'],
    signUp: options.signUp ?? false,
    passkeys: passkeySettings(options, name),
    providers: new Map(
      (options.identityProviders ?? []).map((provider) => [provider.id, providerClient(provider, issuer, network)]),
    ),
    logos:
      (options.logos ?? true)
        ? createLogoKeeper({
            fetch,
            storage,
            issuer,
            logoIdOf: (agent, image) => secrets.logoIdOf(agent, image),
            now,
            background,
            onError: (error) => onError(error, '-'),
          })
        : undefined,
    footer: options.footer ?? {},
    contact: options.contact,
    background,
    now,
    recordRefusal: createRefusalRecorder({ storage, now }),
    onRefusal: options.onRefusal ?? (() => undefined),
    onError,
  }
}

function requireRisks(risks: RiskPatterns): RiskPatterns {
  for (const [pattern] of risks) {
    if (!isRiskPattern(pattern)) {
      throw new TypeError(`risks: ${pattern} can fit nothing: write a word such as delet*, or a whole name without *`)
    }
  }
  return risks
}

// Nothing is fetched from ourselves: this server is an issuer, and neither an agent nor a resource (attacks K28).
function ownDocuments(issuer: string, keys: ServerKeys): ReadonlyMap<string, () => Promise<readonly object[]>> {
  return new Map([
    [metadataUrl(issuer, 'aauth-issuer'), () => keys.publicKeys()],
    [metadataUrl(issuer, 'aauth-agent'), async () => []],
    [metadataUrl(issuer, 'aauth-resource'), async () => []],
  ])
}

function requireMaxSessions(most = 50): number {
  if (!Number.isInteger(most) || most < 1) throw new TypeError('maxSessions must be a whole number above 0')
  return most
}

// Passkeys are bound to a host name; an address can have none.
function passkeySettings({ issuer, passkeys }: AuthServerOptions, rpName: string): PasskeySettings | undefined {
  const { hostname: rpId, origin } = new URL(issuer)
  const possible = !/^[\d.]+$|^\[/.test(rpId)
  if (passkeys && !possible) throw new TypeError('passkeys need an issuer whose host is a name')
  return (passkeys ?? possible) ? { rpId, rpName, origin } : undefined
}

function providerClient(provider: IdentityProvider, issuer: string, network: NetworkOptions): IdentityProviderClient {
  if (!/^[a-z0-9-]{1,32}$/.test(provider.id)) {
    throw new TypeError(`identityProviders: the id ${provider.id} must be of lower-case letters, digits and hyphens`)
  }
  const { allowInsecureLoopback, issuer: at, id } = provider
  if (!URL.canParse(at)) throw new TypeError(`identityProviders: the issuer of ${id} must be a URL`)
  if (allowInsecureLoopback && !(URL.canParse(at) && isLoopbackIdentifier(new URL(at).origin))) {
    throw new TypeError(
      `identityProviders: allowInsecureLoopback of ${id} is for an issuer on loopback, in development`,
    )
  }
  return createIdentityProviderClient(provider, `${issuer}/account/with/${provider.id}/callback`, network)
}
