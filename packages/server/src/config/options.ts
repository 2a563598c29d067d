import type { Algorithm, AllowedNetwork, FetchDocument, OnEvent } from 'countersign'
import type { CertificateFinder, DiscoveryLimits } from 'countersign/discovery'
import type { AgentSelection } from 'countersign/editions'
import { problemsOf } from 'countersign/node'
import { algorithmNames } from 'countersign/signatures'
import * as z from 'zod'
import type { IdentityProvider } from '../outbound/identity-provider.js'
import type { LogoReEncoder } from '../outbound/logo-re-encoder.js'
import type { Brands } from '../policy/default-brands.js'
import type { Duration, Policy, PolicyRule } from '../policy/policy.js'
import type { RiskPatterns } from '../policy/risk.js'
import type { ServerKeys } from '../secrets/server-keys.js'
import type { Storage } from '../storage/api/storage.js'
import {
  agents,
  allowedNetwork,
  contradictionsOf,
  durations,
  egressProxy,
  functionOf,
  given,
  host,
  identityProvider,
  link,
  policyRule,
  risk,
  text,
  whole,
} from './fields.js'

/** How long things are good for, in seconds. */
export interface LifetimeOptions {
  /** Seconds that an auth token lives, at most a day; pages show it. A removal stops new tokens, and not those. @default 600 */
  authToken?: number | undefined
  /** Seconds that a request waits for a person. @default 600 */
  requestToken?: number | undefined
  /** Seconds that an authorization code lives. @default 60 */
  code?: number | undefined
}

/** How much one agent or person may have at once, and how often. */
export interface LimitOptions {
  /**
   * How many requests of one agent, delegate and resource may be open at once; one more is refused with 429. Of an agent that
   * nobody has allowed anything yet, 20 at most. @default 1000
   */
  openRequests?: number | undefined
  /**
   * Requests that are worked on or queued at once, not counting those that wait for a document or a password. When the queue is
   * full, the network that holds most of it gets 503 with `Retry-After`. @default 200
   */
  requests?: number | undefined
  /** In how many browsers one person may be signed in at once; signing in in one more ends the oldest session. @default 50 */
  sessions?: number | undefined
  /**
   * Multiplies how often one address or agent may ask for access, and one person allow something, before they are told to wait.
   * Raise it for load tests, or where many come from one address. @default 1
   */
  rateFactor?: number | undefined
}

/** How people get an account and sign in. */
export interface AccountOptions {
  /** Whether people may make accounts themselves. @default false */
  signUp?: boolean | undefined
  /** Whether people may sign in with passkeys. @default true where the issuer's host is a name, and no address */
  passkeys?: boolean | undefined
  /** OpenID Connect providers that people may sign in with. @default none */
  identityProviders?: readonly IdentityProvider[] | undefined
}

/** What people see. */
export interface PageOptions {
  /**
   * Whether agents' logos are fetched, re-encoded and shown. Otherwise pages show a letter of the agent's host.
   * @default true
   */
  logos?: boolean | undefined
  footer?: FooterOptions | undefined
  contact?: ContactOptions | undefined
}

/** Links at the foot of the pages: an `https:` or `mailto:` URL, or a path. */
export interface FooterOptions {
  /** The link at the foot of the pages to where people find help. @default none */
  help?: string | undefined
  /** The link on pages about an agent to where it is reported. @default none */
  report?: string | undefined
  /** The link at the foot of the pages to what you say about privacy. @default none */
  privacy?: string | undefined
}

/** Whom people can ask. */
export interface ContactOptions {
  /**
   * Whom people can ask about what the policies forbid, and for a new password.
   * @default the pages say "your administrator"
   */
  name: string
  /** The link to reach them. @default none */
  href?: string | undefined
}

/** What is accepted from agents that speak another form of the protocol; each member is weaker than its default. */
export interface InteropOptions {
  /**
   * Agents, by their identifiers, whose document may list no redirect URIs. Weaker: the answer may then go to any page of
   * the agent's own origin (W12). @default none
   */
  redirectUrisOptional?: AgentSelection | undefined
  /**
   * Agents, by their identifiers, whose signatures may leave the body out. Weaker: anyone on the way may change the body
   * (W6). @default none
   */
  unsignedBodies?: AgentSelection | undefined
}

/** The settings of an auth server: in code, in a configuration file or in the environment. */
export interface AuthServerSettings {
  /** The `https` URL that people and agents know this server by (W10). It is part of every token, so it never changes. */
  issuer: string
  /** The server's name on its pages. @default the issuer's host */
  name?: string | undefined
  lifetimes?: LifetimeOptions | undefined
  /**
   * For how long a person may allow something: seconds, from the shortest to the longest, and `"until-removed"` for no end.
   * The first is preset. @default an hour, 30 days, until removed
   */
  durations?: readonly [Duration, ...Duration[]] | undefined
  accounts?: AccountOptions | undefined
  /** Rules that say who is asked, refused, or let in without a person; the first that fits decides. @default a person is asked */
  policies?: readonly PolicyRule[] | undefined
  /** What permissions can do, by words or whole names. For other words the built-in list decides. @default none */
  risks?: RiskPatterns | undefined
  /**
   * Names that people trust, and the hosts they belong to, besides the built-in ones. The consent page warns of an agent
   * that uses such a name at another host. `["*"]` leaves a built-in name out. @default none
   */
  brands?: Brands | undefined
  pages?: PageOptions | undefined
  interop?: InteropOptions | undefined
  /** `required`: token requests must carry a nonce (S§10.5), so agents that send none are refused. @default 'optional' */
  nonce?: 'optional' | 'required' | undefined
  /**
   * Whether a code works only with the key that asked for it. An agent that changes its key in between must ask again. @default false
   */
  bindCodeToKey?: boolean | undefined
  /** The signature algorithms that are accepted from agents. @default all that are known */
  algorithms?: readonly Algorithm[] | undefined
  limits?: LimitOptions | undefined
  discovery?: DiscoveryLimits | undefined
  /**
   * Private networks that documents and logos may be fetched from, as
   * `[{ "cidr": "10.0.0.0/8", "hosts": ["*.corp.example"] }]` (W28). Identity providers may be at any address without it.
   * @default none
   */
  allowNetworks?: readonly AllowedNetwork[] | undefined
  /** The HTTP proxy to fetch by, if there is no direct way to the internet. @default none */
  egressProxy?: string | undefined
  /** Accepts agents and resources whose identifiers have a path, as `https://host/~agent`; pages show host and path. @default false */
  allowPath?: boolean | undefined
  /** Accepts `http` on loopback hosts with a port, for development on one machine; refused for an `https` issuer. @default false */
  allowInsecureLoopback?: boolean | undefined
}

/** What an auth server is made of: its settings, and what only a program can give. */
export interface AuthServerOptions extends AuthServerSettings {
  /** Signs auth tokens, and derives codes and form values: `fixedKeys({ signer, secret })`, or keys from the storage. */
  keys: ServerKeys
  storage: Storage
  /** Decides where none of `policies` fits. @default a person is asked */
  policy?: Policy | undefined
  /** Accepts agents with `scheme=x509`: see `createCertificateFinder` in `countersign/x509`. @default refused */
  certificates?: CertificateFinder | undefined
  /**
   * Makes the pictures that pages show of agents' logos: the one of `countersign-server/logos`. `pages.logos` turns it off.
   * @default pages show a letter of the host, and no logo is fetched
   */
  reEncodeLogo?: LogoReEncoder | undefined
  /**
   * Fetches documents and logos; `allowNetworks` and `egressProxy` then count for identity providers only.
   * @default a guarded fetch
   */
  fetch?: FetchDocument | undefined
  /** Unix seconds. @default the system clock */
  now?: (() => number) | undefined
  /**
   * Told each request, refusal, lookup, decision, verb of the storage and password: logs, metrics and traces are made of it.
   * A refusal says more than the answer does, such as the rule that denied it or why an agent could not be looked up.
   * `countersign/observability` has a log and metrics. @default nobody is
   */
  onEvent?: OnEvent | undefined
  /** Told of failures that are not the caller's, with the id the caller was shown. @default a process warning */
  onError?: ((error: unknown, requestId: string) => void) | undefined
}

/** A schema for each member; does not compile where it takes what the interface does not allow. */
export type ShapeOf<T> = { [Name in keyof T]-?: z.ZodType<unknown, T[Name]> }

export const limitShape = {
  openRequests: whole(1, 10_000).default(1000),
  requests: whole(2, 1_000_000).default(200),
  sessions: whole(1, 10_000).default(50),
  rateFactor: whole(1, 1_000_000).default(1),
} satisfies ShapeOf<LimitOptions>

export const settingShape = {
  issuer: z.string(),
  name: text(64).optional(),
  lifetimes: z
    .strictObject({
      authToken: whole(10, 86_400).default(600),
      requestToken: whole(1, 86_400).default(600),
      code: whole(5, 600).default(60),
    } satisfies ShapeOf<LifetimeOptions>)
    .prefault({}),
  durations: durations.default([3600, 30 * 86_400, 'until-removed']),
  accounts: z
    .strictObject({
      signUp: z.boolean().default(false),
      passkeys: z.boolean().optional(),
      identityProviders: z.array(identityProvider).readonly().default([]),
    } satisfies ShapeOf<AccountOptions>)
    .prefault({}),
  policies: z.array(policyRule).readonly().default([]),
  risks: z.array(risk).readonly().default([]),
  brands: z.record(text(64), z.array(host).min(1).readonly()).readonly().default({}),
  pages: z
    .strictObject({
      logos: z.boolean().default(true),
      footer: z
        .strictObject({
          help: link.optional(),
          report: link.optional(),
          privacy: link.optional(),
        } satisfies ShapeOf<FooterOptions>)
        .prefault({}),
      contact: z.strictObject({ name: text(128), href: link.optional() } satisfies ShapeOf<ContactOptions>).optional(),
    } satisfies ShapeOf<PageOptions>)
    .prefault({}),
  interop: z
    .strictObject({
      redirectUrisOptional: agents.default([]),
      unsignedBodies: agents.default([]),
    } satisfies ShapeOf<InteropOptions>)
    .prefault({}),
  nonce: z.enum(['optional', 'required']).default('optional'),
  bindCodeToKey: z.boolean().default(false),
  algorithms: z
    .array(z.enum([...algorithmNames]))
    .min(1)
    .readonly()
    .default(algorithmNames),
  limits: z.strictObject(limitShape).prefault({}),
  discovery: z
    .strictObject({
      fetchesPerMinute: whole(0, 1_000_000).default(3000),
      fetchesPerSource: whole(0, 1_000_000).default(300),
      failureAge: whole(0, 3600).default(30),
      renewalInterval: whole(1, 3600).default(60),
      failureTime: z.enum(['equal', 'shortest']).default('equal'),
    } satisfies ShapeOf<DiscoveryLimits>)
    .prefault({}),
  allowNetworks: z.array(allowedNetwork).readonly().default([]),
  egressProxy: egressProxy.optional(),
  allowPath: z.boolean().default(false),
  allowInsecureLoopback: z.boolean().default(false),
} satisfies ShapeOf<AuthServerSettings>

const optionsSchema = z.strictObject({
  ...settingShape,
  keys: given<ServerKeys>(isObject, 'is missing; it must be fixedKeys({ signer, secret }) or storedKeys({ … })'),
  storage: given<Storage>(isObject, "is missing; it must be a storage, such as sqliteStorage('auth.db')"),
  policy: functionOf<Policy>().optional(),
  certificates: functionOf<CertificateFinder>().optional(),
  reEncodeLogo: functionOf<LogoReEncoder>().optional(),
  fetch: functionOf<FetchDocument>().optional(),
  now: functionOf<() => number>().optional(),
  onEvent: functionOf<OnEvent>().optional(),
  onError: functionOf<NonNullable<AuthServerOptions['onError']>>().optional(),
} satisfies ShapeOf<AuthServerOptions>)

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null
}

/** Options that were checked, with their defaults. */
export type CheckedOptions = z.output<typeof optionsSchema>

/** @throws TypeError naming every wrong or unknown option */
export function checkOptions(options: AuthServerOptions): CheckedOptions {
  const parsed = optionsSchema.safeParse(options satisfies z.input<typeof optionsSchema>, { reportInput: true })
  const problems = parsed.success ? contradictionsOf(parsed.data) : problemsOf(parsed.error.issues, optionsSchema.shape)
  if (parsed.success && problems.length === 0) return parsed.data
  const list = problems.map(({ setting, problem }) => `${setting}: ${problem}`)
  throw new TypeError(`createAuthServer: ${list.join('; ')}`)
}
