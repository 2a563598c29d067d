import type { Algorithm, AllowedNetwork, FetchDocument, OnEvent } from 'countersign'
import type { CertificateFinder, DiscoveryLimits } from 'countersign/discovery'
import type { AgentSelection, RiskPatterns } from 'countersign/editions'
import { problemsOf } from 'countersign/node'
import { algorithmNames } from 'countersign/signatures'
import * as z from 'zod'
import type { Brands } from '../lib/default-brands.js'
import type { Duration, Policy, PolicyRule } from '../lib/policy.js'
import type { SendEmail } from '../outbound/email-sender.js'
import type { IdentityProvider } from '../outbound/identity-provider.js'
import type { LogoReEncoder } from '../outbound/logo-re-encoder.js'
import type { ServerKeys } from '../secrets/server-keys.js'
import type { Storage } from '../storage/api/storage.js'
import {
  agents,
  allowedNetwork,
  durations,
  egressProxy,
  findContradictions,
  functionOf,
  given,
  host,
  identityProvider,
  isObject,
  policyRule,
  risk,
  type ShapeOf,
  text,
  whole,
} from './fields.js'
import { type PageOptions, pageShape } from './page-options.js'
import { type PersonalAgentsOptions, personalAgentsOption } from './personal-agents-settings.js'

/** Lifetimes, in seconds. */
export interface LifetimeOptions {
  /** Lifetime of an auth token, in seconds, at most a day; shown on pages. Issued tokens outlive a revocation. @default 600 */
  authToken?: number | undefined
  /** How long a request waits for the user's decision, in seconds. @default 600 */
  requestToken?: number | undefined
  /** Lifetime of an authorization code, in seconds. @default 60 */
  code?: number | undefined
}

/** Concurrency and rate limits per agent and user. */
export interface LimitOptions {
  /**
   * Maximum number of open requests per agent, delegate and resource; further ones are refused with 429. An agent that no user has allowed
   * yet can have at most 20. @default 1000
   */
  openRequests?: number | undefined
  /**
   * Maximum number of requests processed or queued at once, not counting those that wait for a document or a password. When the queue is
   * full, the network with the most requests in it gets 503 with `Retry-After`. @default 200
   */
  requests?: number | undefined
  /** Maximum number of browsers in which a user can be signed in. A further sign-in ends the oldest session. @default 50 */
  sessions?: number | undefined
  /**
   * Multiplier for the rate limits on access requests per address and per agent, and on approvals per user. Raise it for load tests, or if
   * many users share one address. @default 1
   */
  rateFactor?: number | undefined
}

const secondFactorRules = ['optional', 'for-risk', 'required'] as const

/** Who must have a second factor. */
export type SecondFactorRule = (typeof secondFactorRules)[number]

/** How users get an account and sign in. */
export interface AccountOptions {
  /** Whether users can create accounts themselves. @default false */
  signUp?: boolean | undefined
  /** Whether users can sign in with passkeys. @default true if the issuer's host is a name, not an address */
  passkeys?: boolean | undefined
  /**
   * Who must enter a code from an authenticator app in addition to the password: users who set that up (`optional`); also every user who
   * allows something risky (`for-risk`); every user (`required`). A passkey, or an identity provider, counts as both. @default 'optional'
   */
  secondFactor?: SecondFactorRule | undefined
  /** OpenID Connect providers that users can sign in with. @default none */
  identityProviders?: readonly IdentityProvider[] | undefined
}

/** Exceptions for agents that use another variant of the protocol. Each exception is weaker than the default. */
export interface InteropOptions {
  /**
   * Identifiers of agents whose document need not list redirect URIs. Weaker: the response may then go to any page on the agent's own
   * origin (W12). @default none
   */
  redirectUrisOptional?: AgentSelection | undefined
  /**
   * Identifiers of agents whose signatures need not cover the body. Weaker: anyone between the agent and the server can change the body
   * (W6). @default none
   */
  unsignedBodies?: AgentSelection | undefined
}

/** The settings of an auth server, in code, in a configuration file or in the environment. */
export interface AuthServerSettings {
  /** The `https` URL that identifies this server to users and agents (W10). It is part of every token, so it must never change. */
  issuer: string
  /** The server's name on its pages. @default the issuer's host */
  name?: string | undefined
  lifetimes?: LifetimeOptions | undefined
  /**
   * The durations for which a user can allow something, in seconds, from shortest to longest; `"until-removed"` means no expiry. The page
   * preselects one by risk. @default an hour, a day, 30 days, until removed
   */
  durations?: readonly [Duration, ...Duration[]] | undefined
  accounts?: AccountOptions | undefined
  /** Rules that prompt the user, or deny or grant a request without a page; the first match decides. @default prompt */
  policies?: readonly PolicyRule[] | undefined
  /** The risks of permissions, by words or full names. The built-in list covers all other words. @default none */
  risks?: RiskPatterns | undefined
  /**
   * Brand names that users trust, with the hosts they belong to, in addition to the built-in ones. The consent page warns if an agent uses
   * such a name at another host. `["*"]` disables a built-in name. @default none
   */
  brands?: Brands | undefined
  pages?: PageOptions | undefined
  interop?: InteropOptions | undefined
  /** `required`: token requests must carry a nonce (S§10.5), so agents that send none are refused. @default 'optional' */
  nonce?: 'optional' | 'required' | undefined
  /**
   * Whether a code works only with the key that requested it. An agent that rotates its key in between must start a new request. @default
   * false
   */
  bindCodeToKey?: boolean | undefined
  /** Signature algorithms accepted from agents. @default all supported algorithms */
  algorithms?: readonly Algorithm[] | undefined
  limits?: LimitOptions | undefined
  discovery?: DiscoveryLimits | undefined
  /**
   * Private networks that documents and logos may be fetched from, as `[{ "cidr": "10.0.0.0/8", "hosts": ["*.corp.example"] }]` (W28).
   * Identity providers do not need this setting: they can be at any address.
   * @default none
   */
  allowNetworks?: readonly AllowedNetwork[] | undefined
  /** The HTTP proxy for outbound requests, if the server has no direct internet access. @default none */
  egressProxy?: string | undefined
  /** Accepts agents and resources whose identifiers have a path, as `https://host/~agent`; pages show host and path. @default false */
  allowPath?: boolean | undefined
  /** Accepts `http` on loopback hosts with a port, for development on one machine; refused for an `https` issuer. @default false */
  allowInsecureLoopback?: boolean | undefined
}

/** The options of an auth server: its settings, and values that can only be given in code. */
export interface AuthServerOptions extends AuthServerSettings {
  /** Signs auth tokens, and derives codes and form values: `fixedKeys({ signer, secret })`, or keys from the storage. */
  keys: ServerKeys
  storage: Storage
  /** Lets users connect their devices. @default off */
  personalAgents?: PersonalAgentsOptions | undefined
  /** Decides on requests that match no rule in `policies`. @default the user is prompted */
  policy?: Policy | undefined
  /** Accepts agents with `scheme=x509`: see `createCertificateFinder` in `countersign/x509`. @default refused */
  certificates?: CertificateFinder | undefined
  /**
   * Re-encodes agents' logos for pages: use the re-encoder from `countersign-server/logos`. `pages.logos` disables it.
   * @default pages show a letter from the host, and no logo is fetched
   */
  reEncodeLogo?: LogoReEncoder | undefined
  /**
   * Sends emails to users, such as links for a forgotten password: `smtpSender` from `countersign-server/email`, or your own function.
   * @default no emails; pages refer users to `pages.contact`
   */
  sendEmail?: SendEmail | undefined
  /**
   * Fetches documents and logos, and sends revocations (with a method and a body); `allowNetworks` and `egressProxy` then apply to identity
   * providers only.
   * @default a guarded fetch
   */
  fetch?: FetchDocument | undefined
  /** Unix seconds. @default the system clock */
  now?: (() => number) | undefined
  /**
   * Called with an event for each request, refusal, lookup, decision, storage operation and password, for logs, metrics and traces. A
   * refusal event carries more than the response does, such as the rule that denied the request or why an agent's lookup failed.
   * `countersign/log` and `countersign/metrics` provide a logger and metrics. @default no events
   */
  onEvent?: OnEvent | undefined
  /** Called for failures that are not the caller's fault, with the id that the caller was shown. @default a process warning */
  onError?: ((error: unknown, requestId: string) => void) | undefined
}

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
  durations: durations.default([3600, 86_400, 30 * 86_400, 'until-removed']),
  accounts: z
    .strictObject({
      signUp: z.boolean().default(false),
      passkeys: z.boolean().optional(),
      secondFactor: z.enum(secondFactorRules).default('optional'),
      identityProviders: z.array(identityProvider).readonly().default([]),
    } satisfies ShapeOf<AccountOptions>)
    .prefault({}),
  policies: z.array(policyRule).readonly().default([]),
  risks: z.array(risk).readonly().default([]),
  brands: z.record(text(64), z.array(host).min(1).readonly()).readonly().default({}),
  pages: pageShape,
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
  keys: given<ServerKeys>(isObject, 'must be fixedKeys({ signer, secret }) or await storedKeys({ … })'),
  storage: given<Storage>(isObject, "must be a storage, such as sqliteStorage('auth.db')"),
  personalAgents: personalAgentsOption.optional(),
  policy: functionOf<Policy>().optional(),
  certificates: functionOf<CertificateFinder>().optional(),
  reEncodeLogo: functionOf<LogoReEncoder>().optional(),
  sendEmail: functionOf<SendEmail>().optional(),
  fetch: functionOf<FetchDocument>().optional(),
  now: functionOf<() => number>().optional(),
  onEvent: functionOf<OnEvent>().optional(),
  onError: functionOf<NonNullable<AuthServerOptions['onError']>>().optional(),
} satisfies ShapeOf<AuthServerOptions>)

/** Validated options with their defaults. */
export type CheckedOptions = z.output<typeof optionsSchema>

/** @throws TypeError naming every invalid or unknown option */
export function checkOptions(options: AuthServerOptions): CheckedOptions {
  const parsed = optionsSchema.safeParse(options satisfies z.input<typeof optionsSchema>, { reportInput: true })
  const problems = parsed.success
    ? findContradictions(parsed.data)
    : problemsOf(parsed.error.issues, optionsSchema.shape)
  if (parsed.success && problems.length === 0) return parsed.data
  const list = problems.map(({ setting, problem }) => `${setting}: ${problem}`)
  throw new TypeError(`createAuthServer: ${list.join('; ')}`)
}
