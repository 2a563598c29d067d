import { type Algorithm, systemClock } from 'countersign'
import { createDiscovery, type Discovery, type IdentifierOptions } from 'countersign/discovery'
import type { ResourceEdition } from 'countersign/editions'
import { createEmitter, createGuardedFetch, type Emit, type FetchDocument, type GuardedFetch } from 'countersign/node'
import { type BoundedRecorder, createBoundedRecorder } from '../admission/bounded-audit-recorder.js'
import { createKnownCallers, type KnownCallers } from '../admission/known-callers.js'
import { RateLimit } from '../admission/rate-limit.js'
import { createWorkload, type Workload } from '../admission/workload.js'
import { type AuthServerOptions, type CheckedOptions, checkOptions, type SecondFactorRule } from '../config/options.js'
import { deviceKeysOf, ownDocuments, type PersonalAgents, personalAgentsOf } from '../config/personal-agents.js'
import type { Brands } from '../lib/default-brands.js'
import {
  createPermissionReader,
  type Duration,
  type Policy,
  policyOfRules,
  type ReadPermission,
} from '../lib/policy.js'
import type { SendEmail } from '../outbound/email-sender.js'
import { type IdentityProviderClient, openIdentityProvider } from '../outbound/identity-provider.js'
import { createLogoCache, type LogoCache } from '../outbound/logo-cache.js'
import { type Brand, createBrand } from '../pages/brand.js'
import type { NameCaution, PageFooter } from '../pages/models/models.js'
import { createPasswords, type Passwords } from '../secrets/passwords.js'
import {
  createMintedSecrets,
  type MintedSecrets,
  requireKeysOfEditions,
  type SigningKeys,
} from '../secrets/server-keys.js'
import { type BackgroundWork, createBackgroundWork } from '../storage/api/background-work.js'
import { observeStorage, type Storage } from '../storage/api/storage.js'
import { ConsentTransports, type CreateTransport } from './consent-transport.js'

/** Seconds. */
interface Lifetimes {
  requestToken: number
  code: number
  authToken: number
  refreshIdle: number
  refresh: number
  sessionIdle: number
  session: number
}

/** The WebAuthn relying party. */
export interface PasskeySettings {
  /** The host that passkeys are bound to. */
  rpId: string
  rpName: string
  origin: string
}

/** Checks the name that an agent gives itself or its delegate. The second parameter is the agent's identifier. */
export type CheckName = (name: string, agent: string) => NameCaution | undefined

/** @param known.brands brands in addition to the built-in ones; each replaces the built-in brand with the same name, if any */
export type CreateJudgeName = (known: { issuer: string; serverName: string; brands: Brands }) => CheckName

/** The state shared by all endpoints; created once from the options and never changed. */
export interface ServerContext {
  issuer: string
  /** The server's name on its pages. */
  name: string
  /** The signing keys of each edition in which agents sign their requests, by its name. */
  signingKeys: ReadonlyMap<string, SigningKeys>
  /** Undefined if users cannot connect devices. */
  personalAgents: PersonalAgents | undefined
  secrets: MintedSecrets
  passwords: Passwords
  storage: Storage
  discovery: Discovery
  /** Fetches documents of other parties, within the limits of the guard. */
  fetch: FetchDocument
  /** Sends requests to other parties, within the same limits. */
  send: GuardedFetch
  /** Limits on the fetches that callers can cause. */
  fetchLimits: CheckedOptions['discovery']
  /** How users get to a request, and how agents learn of the decision. */
  transports: ConsentTransports
  /** Whether tokens of an edition belong to families of refresh tokens. */
  hasFamilies: boolean
  /** The editions whose revocations are sent to resources, and not listed. */
  unlistedEditions: readonly string[]
  policy: Policy
  readRisk: ReadPermission
  judgeName: CheckName
  interop: CheckedOptions['interop']
  identifiers: IdentifierOptions
  algorithms: readonly Algorithm[]
  /** The roots under which agents may sign with certificates; undefined if they may not. */
  certificates: CheckedOptions['certificates']
  lifetimes: Lifetimes
  /** The longest lifetime of the tokens of an edition, or of all of them, in seconds. */
  longestToken: (edition?: string) => number
  maxOpenRequests: number
  /** Maximum number of live sessions per user. */
  maxSessions: number
  /** Multiplier for the rates of requests and decisions. */
  rateFactor: number
  /** Limits the pages of each user, because one about many agents takes long, and any user can run some. */
  views: RateLimit
  /** The durations for which a user can allow something, shortest first. */
  durations: readonly [Duration, ...Duration[]]
  /** Whether users can create accounts themselves. */
  signUp: boolean
  passkeys: PasskeySettings | undefined
  /** Who must have a second factor. */
  secondFactor: SecondFactorRule
  /** Identity providers that users can sign in with, by the id in their path. */
  providers: ReadonlyMap<string, IdentityProviderClient>
  background: BackgroundWork
  workload: Workload
  /** The callers for which half of the server's capacity is reserved under overload. */
  knownCallers: KnownCallers
  /** Undefined if pages show no logos; in that case, none are fetched. */
  logos: LogoCache | undefined
  /** Undefined if the server sends no emails. */
  sendEmail: SendEmail | undefined
  footer: PageFooter
  brand: Brand
  /** The contact that users are referred to for requests that the policy forbids and for password resets. */
  contact: CheckedOptions['pages']['contact']
  nonce: 'optional' | 'required'
  /** Whether a code works only with the key that requested it. */
  bindCodeToKey: boolean
  now: () => number
  recorder: BoundedRecorder
  /** Emits an event; undefined if there is no listener. */
  tell: Emit | undefined
  /** Called for errors that are not the caller's fault; the response shows only the id. */
  onError: (error: unknown, requestId: string) => void
}

/** The part of an edition that all endpoints share. */
interface OfferedEdition {
  name: string
  createTransport: CreateTransport
  hasFamilies?: boolean
  sendsRevocations?: boolean
  /** Seconds. @default `lifetimes.authToken` */
  tokenLifetime?: number | undefined
  /** Only if agents sign their requests in this edition. */
  edition?: Pick<ResourceEdition, 'documents'>
  /** @default the server's keys, for the first edition */
  keys?: SigningKeys | undefined
  deviceKeys?: SigningKeys | undefined
}

/** Validates the options and creates the context from them. @throws TypeError naming the option */
export function createContext(
  given: AuthServerOptions,
  editions: readonly OfferedEdition[],
  createJudgeName: CreateJudgeName,
): ServerContext {
  const options = checkOptions(given)
  const { issuer, accounts, pages, limits, interop, now: clock, reEncodeLogo } = options
  const now = clock ? () => Math.floor(clock()) : systemClock
  const { allowInsecureLoopback, allowPath, allowNetworks, egressProxy } = options
  const identifiers = { allowInsecureLoopback, allowPath }
  const tell = createEmitter('authServer', issuer, options.onEvent)
  const storage = tell ? observeStorage(options.storage, tell) : options.storage
  const name = options.name ?? new URL(issuer).host
  const lifetimes: Lifetimes = {
    ...options.lifetimes,
    refreshIdle: 90 * 86_400,
    refresh: 365 * 86_400,
    sessionIdle: 86_400,
    session: 14 * 86_400,
  }
  const onError =
    options.onError ??
    ((error: unknown, requestId: string) => process.emitWarning(`request ${requestId} failed: ${String(error)}`))
  const background = createBackgroundWork((error) => onError(error, '-'))
  const workload = createWorkload(limits.requests)
  const signed = editions.flatMap((each) => (each.edition ? [{ ...each, edition: each.edition }] : []))
  const signingKeys = requireKeysOfEditions(
    signed.flatMap((each, index) => keySetsOf(each, index === 0 ? options : undefined)),
    { issuer, background },
  )
  const network = { allowNetworks, egressProxy }
  const fetch = options.fetch ?? createGuardedFetch({ ...identifiers, ...network })
  const secrets = createMintedSecrets(options.keys.secret)
  const recorder = createBoundedRecorder({ storage, now })
  const lookups = createDiscovery({
    ...identifiers,
    ...options.discovery,
    fetch,
    now,
    local: new Map(signed.flatMap((each) => ownDocuments(each, issuer, signingKeys))),
    onLookup: tell,
    onPrivateKey: (jwksUri, kid, ip) => {
      const data = { jwks_uri: jwksUri, kid: kid ?? null }
      background.run(() => recorder.recordEvent({ event: 'agent.private_key_published', data, ip }))
    },
  })
  const discovery = workload.aside(lookups)
  return {
    issuer,
    name,
    signingKeys,
    personalAgents: personalAgentsOf(options),
    secrets,
    passwords: workload.aside(createPasswords(tell)),
    storage,
    discovery,
    fetch,
    // An injected function gets the method and the body, too.
    send: fetch as GuardedFetch,
    fetchLimits: options.discovery,
    transports: new ConsentTransports(editions.map((each) => [each.name, each.createTransport(issuer, secrets)])),
    hasFamilies: editions.some((each) => each.hasFamilies === true),
    unlistedEditions: editions.filter((each) => each.sendsRevocations).map((each) => each.name),
    policy: policyOfRules(options.policies, options.policy),
    readRisk: createPermissionReader(options.risks),
    judgeName: createJudgeName({ issuer, serverName: name, brands: options.brands }),
    interop,
    identifiers,
    algorithms: options.algorithms,
    certificates: options.certificates,
    lifetimes,
    longestToken: (named) =>
      Math.max(
        ...editions
          .filter((each) => named === undefined || each.name === named)
          .map(({ tokenLifetime = lifetimes.authToken }) => tokenLifetime),
      ),
    maxOpenRequests: limits.openRequests,
    maxSessions: limits.sessions,
    rateFactor: limits.rateFactor,
    views: new RateLimit({ window: 60, most: 120 * limits.rateFactor }, now),
    nonce: options.nonce,
    bindCodeToKey: options.bindCodeToKey,
    durations: options.durations,
    signUp: accounts.signUp,
    passkeys: passkeySettings(options, name),
    secondFactor: accounts.secondFactor,
    providers: new Map(
      accounts.identityProviders.map((provider) => [
        provider.id,
        workload.aside(openIdentityProvider(provider, issuer, network)),
      ]),
    ),
    logos:
      pages.logos && reEncodeLogo
        ? createLogoCache({
            fetch,
            reEncode: reEncodeLogo,
            storage,
            issuer,
            logoIdOf: (agent, image) => secrets.logoIdOf(agent, image),
            now,
            background,
            onError: (error) => onError(error, '-'),
          })
        : undefined,
    sendEmail: options.sendEmail,
    footer: pages.footer,
    brand: createBrand(pages),
    contact: pages.contact,
    background,
    workload,
    knownCallers: createKnownCallers({ secrets, now }),
    now,
    recorder,
    tell,
    onError,
  }
}

/** The signing keys of an edition, and those for its agent tokens of users' devices. @param first the options, for the first edition */
function keySetsOf(
  { name, edition: { documents }, keys, deviceKeys }: OfferedEdition & { edition: Pick<ResourceEdition, 'documents'> },
  first: CheckedOptions | undefined,
) {
  const ofDevices = deviceKeys ?? first?.personalAgents?.keys
  return [
    { name, keys: keys ?? first?.keys, jose: documents.authServer.jose },
    ...(ofDevices ? [{ name: deviceKeysOf(name), keys: ofDevices, jose: documents.agent.jose }] : []),
  ]
}

// Passkeys are bound to a host name, so an issuer at an IP address cannot have any.
function passkeySettings({ issuer, accounts }: CheckedOptions, rpName: string): PasskeySettings | undefined {
  const { hostname: rpId, origin } = new URL(issuer)
  const possible = !/^[\d.]+$|^\[/.test(rpId)
  if (accounts.passkeys && !possible)
    throw new TypeError('accounts.passkeys: require an issuer whose host is a name, not an address')
  return (accounts.passkeys ?? possible) ? { rpId, rpName, origin } : undefined
}
