import type { Algorithm } from 'countersign'
import { createGuardedFetch } from 'countersign/node'
import {
  algorithmNames,
  createDiscovery,
  createKeyRenewer,
  createKeyResolver,
  type Discovery,
  type IdentifierOptions,
  isLoopbackIdentifier,
  type KeyRenewer,
  type MaybePromise,
  metadataUrl,
  type NetworkOptions,
  type ParsedSignatureKey,
  parseEitherSignatureKey,
  parseSignatureKey,
  type ResolvedKey,
  requireIdentifier,
  type SignatureKey,
} from 'countersign/wire'
import { recordSparingly } from './audit/record-sparingly.js'
import type { Refusal } from './audit/refusal.js'
import { createRefusalRecorder, type RefusalRecorder } from './audit/refusal-recorder.js'
import { createMintedSecrets, type MintedSecrets } from './keys/minted-secrets.js'
import { requireOwnKeys, type ServerKeys } from './keys/server-keys.js'
import { createLogoKeeper, type LogoKeeper } from './logos/logo-keeper.js'
import type { AuthServerOptions, Interop } from './options.js'
import type { Duration, PageFooter } from './pages/models.js'
import type { Brands } from './policy/default-brands.js'
import { askAlways, type Policy } from './policy/policy.js'
import { isRiskPattern, type RiskPatterns } from './policy/risk.js'
import {
  createIdentityProviderClient,
  type IdentityProvider,
  type IdentityProviderClient,
} from './sign-in/provider/identity-provider.js'
import { type BackgroundWork, createBackgroundWork } from './storage/background-work.js'
import { systemClock } from './storage/engines/system-clock.js'
import type { Storage } from './storage/storage.js'

/** Seconds. */
export interface Lifetimes {
  requestToken: number
  code: number
  authToken: number
  refreshIdle: number
  refresh: number
  sessionIdle: number
  session: number
}

/** Where passkeys belong (WebAuthn: relying party). */
export interface PasskeySettings {
  /** The host that passkeys are bound to. */
  rpId: string
  rpName: string
  origin: string
}

/** What every endpoint works with; made once from the options and never changed. */
export interface ServerContext {
  issuer: string
  /** The server's name on its pages. */
  name: string
  keys: ServerKeys
  secrets: MintedSecrets
  storage: Storage
  discovery: Discovery
  resolveKey: (signatureKey: SignatureKey, remoteAddress: string | undefined) => MaybePromise<ResolvedKey>
  renewKey: KeyRenewer
  policy: Policy
  risks: RiskPatterns
  /** Besides the built-in ones. */
  brands: Brands
  interop: Interop
  parseSignatureKey: (text: string) => ParsedSignatureKey
  identifiers: IdentifierOptions
  algorithms: readonly Algorithm[]
  lifetimes: Lifetimes
  maxOpenRequests: number
  /** How many live sessions one person may have. */
  maxSessions: number
  /** How long a person may allow something for, shortest first; the first is preset. */
  durations: readonly [Duration, ...Duration[]]
  /** Whether people may make accounts themselves. */
  signUp: boolean
  passkeys: PasskeySettings | undefined
  /** Identity providers that people may sign in with, by the id in their path. */
  providers: ReadonlyMap<string, IdentityProviderClient>
  background: BackgroundWork
  /** Undefined: pages show no logos, and none is fetched. */
  logos: LogoKeeper | undefined
  footer: PageFooter
  /** Whom people can ask: about what the policy forbids, and for a new password. */
  contact: { name: string; href?: string } | undefined
  nonce: 'optional' | 'required'
  /** Whether a code works only with the key that asked for it. */
  bindCodeToKey: boolean
  now: () => number
  recordRefusal: RefusalRecorder
  /** Told of every answer that refuses. */
  onRefusal: (refusal: Refusal, requestId: string) => void
  /** Told of what is not the caller's fault; the response shows only the id. */
  onError: (error: unknown, requestId: string) => void
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
