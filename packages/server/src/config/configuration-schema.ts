import type { AllowedNetwork } from 'countersign'
import {
  allowedNetworkProblems,
  egressProxyProblem,
  trustedNetworkProblem,
  trustedNetworksProblem,
} from 'countersign/node'
import { algorithmNames, isIdentifier } from 'countersign/wire'
import * as z from 'zod'
import { risksByStrength } from '../pages/risk-order.js'
import { isRiskPattern } from '../policy/risk.js'

const text = (longest: number) => z.string().min(1).max(longest)
const seconds = (least: number, most: number) => z.int().min(least).max(most)
const port = seconds(1, 65_535)
const address = z.strictObject({ host: text(253).default('127.0.0.1'), port })
const identifiers = z.array(
  z.string().refine((value) => isIdentifier(value, { allowInsecureLoopback: true, allowPath: true }), {
    error: 'must be the identifier of an agent, such as https://agent.example',
  }),
)
const link = z.string().regex(/^(?:https:\/\/|mailto:|\/(?!\/))\S+$/, 'must be an https: or mailto: URL, or a path')
const pattern = text(512)
const party = pattern.refine(isPartyPattern, {
  error: 'can fit no identifier: write https://host as agents and resources do, or * for any',
})

const provider = z.strictObject({
  id: z.string().regex(/^[a-z0-9-]{1,32}$/, 'must be of lower-case letters, digits and hyphens'),
  name: text(64),
  issuer: z.string().regex(/^https?:\/\/\S+$/, 'must be the https: URL of the provider'),
  clientId: text(256),
  clientSecret: text(1024),
  allowInsecureLoopback: z.boolean().optional(),
})

const policy = z
  .strictObject({
    name: z
      .string()
      .regex(/^[a-z0-9-]{1,64}$/, 'must be of lower-case letters, digits and hyphens')
      .optional(),
    agent: party,
    resource: party.default('*'),
    scopes: z.array(pattern).min(1).optional(),
    decision: z.enum(['ask', 'deny', 'grant']),
  })
  .superRefine(({ decision, name, agent, scopes }, context) => {
    if (decision !== 'grant') return
    const refuse = (setting: string, message: string) =>
      context.addIssue({ code: 'custom', path: [setting], message: `${message}: it gives tokens without a person` })
    if (name === undefined) refuse('name', 'a policy that grants needs a name')
    if (agent.includes('*')) refuse('agent', 'a policy that grants names one agent, without *')
    if (!scopes) refuse('scopes', 'a policy that grants says which permissions')
  })

const host = z
  .string()
  .regex(/^(?:\*|[a-z0-9-]+(?:\.[a-z0-9-]+)+)$/, 'must be a host in lower case, such as bank.example, or "*" for any')

const riskPattern = z.tuple([pattern.refine(isRiskPattern), z.enum(risksByStrength)])
const risk = z.custom<z.infer<typeof riskPattern>>((value) => riskPattern.safeParse(value).success, {
  error: `must be a word or a whole name, and one of ${risksByStrength.join(', ')}, as in ["delet*", "delete"] or ["payments.read", "read"]`,
})

const durations = z
  .tuple([duration()], duration())
  .refine((values) => values.every((value, at) => at === 0 || asNumber(values[at - 1]) < asNumber(value)), {
    error: 'must go from the shortest to the longest',
  })

function duration() {
  return z.union([seconds(60, 10 * 366 * 86_400), z.literal('until-removed')], {
    error: 'must be a whole number of seconds, at least 60, or "until-removed"',
  })
}

/** Whether there is an identifier that a pattern of the policies fits: a rule that never fits would let pass what it denies. */
function isPartyPattern(value: string): boolean {
  if (value === '*') return true
  const ported = value.replaceAll(':*', ':1')
  return ['x', 'x.x', '1'].some((some) =>
    isIdentifier(ported.replaceAll('*', some), { allowInsecureLoopback: true, allowPath: true }),
  )
}

function asNumber(value: number | 'until-removed' | undefined): number {
  return typeof value === 'number' ? value : Number.POSITIVE_INFINITY
}

/** A network as `10.0.0.0/8`, or a single address. */
const network = z.string().superRefine((value, context) => {
  const problem = trustedNetworkProblem(value)
  if (problem !== undefined) context.addIssue({ code: 'custom', message: problem })
})

const networks = z.array(network).superRefine((values, context) => {
  if (values.some((value) => trustedNetworkProblem(value) !== undefined)) return
  const problem = trustedNetworksProblem(values)
  if (problem !== undefined) context.addIssue({ code: 'custom', message: problem })
})

const allowedNetwork = z.unknown().superRefine((value, context) => {
  for (const { path, problem } of allowedNetworkProblems(value))
    context.addIssue({ code: 'custom', path: [...path], message: problem })
}) as z.ZodType<AllowedNetwork, AllowedNetwork>

const egressProxy = z.string().superRefine((value, context) => {
  const problem = egressProxyProblem(value)
  if (problem !== undefined) context.addIssue({ code: 'custom', message: problem })
})

function databaseProblem(value: string): string | undefined {
  if (/^postgres(?:ql)?:/i.test(value)) return 'PostgreSQL is not supported yet: name a SQLite file, such as auth.db'
  return /^(?:file|sqlite3?):|:\/\//i.test(value)
    ? 'must be the path of a SQLite file, such as auth.db, not a URL'
    : undefined
}

/** What a configuration may hold. */
export const configurationSchema = z.strictObject({
  issuer: z.string(),
  name: text(64).optional(),
  listen: z.strictObject({ host: text(253).default('127.0.0.1'), port: port.default(8080) }).prefault({}),
  admin: address.optional(),
  database: text(4096).superRefine((value, context) => {
    const problem = databaseProblem(value)
    if (problem !== undefined) context.addIssue({ code: 'custom', message: problem })
  }),
  masterKeyFile: text(4096).optional(),
  masterKey: z.string().optional(),
  certificates: z.strictObject({ roots: z.array(text(4096)).min(1) }).optional(),
  keys: z.strictObject({ rotateAfterDays: seconds(0, 3650).default(90) }).prefault({}),
  lifetimes: z
    .strictObject({
      authToken: seconds(10, 86_400).default(600),
      requestToken: seconds(60, 86_400).default(600),
      code: seconds(5, 600).default(60),
    })
    .prefault({}),
  durations: durations.optional(),
  signUp: z.boolean().default(false),
  passkeys: z.boolean().optional(),
  identityProviders: z.array(provider).default([]),
  policies: z.array(policy).default([]),
  risks: z.array(risk).optional(),
  brands: z.record(text(64), z.array(host).min(1)).optional(),
  pages: z.strictObject({ logos: z.boolean().default(true) }).prefault({}),
  footer: z.strictObject({ help: link.optional(), report: link.optional(), privacy: link.optional() }).prefault({}),
  contact: z.strictObject({ name: text(128), href: link.optional() }).optional(),
  interop: z
    .strictObject({ redirectUrisOptional: identifiers.default([]), unsignedBodies: identifiers.default([]) })
    .prefault({}),
  signatureKeyForm: z.enum(['january', 'both']).default('january'),
  nonce: z.enum(['optional', 'required']).default('optional'),
  bindCodeToKey: z.boolean().default(false),
  algorithms: z
    .array(z.enum([...algorithmNames]))
    .min(1)
    .optional(),
  limits: z
    .strictObject({
      openRequests: seconds(1, 10_000).default(20),
      sessions: seconds(1, 10_000).default(50),
      connections: seconds(1, 1_000_000).default(1024),
      connectionsPerNetwork: seconds(1, 1_000_000).optional(),
      idlePerAddress: seconds(1, 1_000_000).optional(),
      fetchesPerMinute: seconds(1, 1_000_000).default(3000),
      fetchesPerSource: seconds(1, 1_000_000).default(300),
      noncesPerAgent: seconds(1, 1_000_000).default(16_384),
      nonces: seconds(1, 100_000_000).default(1_000_000),
    })
    .prefault({}),
  allowNetworks: z.array(allowedNetwork).default([]),
  egressProxy: egressProxy.optional(),
  trustProxy: networks.default([]),
  allowPath: z.boolean().default(false),
  allowInsecureLoopback: z.boolean().default(false),
})

/**
 * A configuration as it is written down, for a configuration file in TypeScript.
 *
 * @example
 * ```ts
 * export default { issuer: 'https://auth.example', database: 'auth.db', masterKeyFile: 'master.key' } satisfies Configuration
 * ```
 */
export type Configuration = z.input<typeof configurationSchema>

/** A configuration that was checked, with its defaults; paths are absolute. */
export type Settings = z.output<typeof configurationSchema>
