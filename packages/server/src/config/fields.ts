import type { AllowedNetwork } from 'countersign'
import { identifierRepair, isIdentifier } from 'countersign/discovery'
import { type AgentSelection, isRiskPattern, risksByStrength } from 'countersign/editions'
import {
  allowedNetworkProblems,
  type ConfigurationProblem,
  egressProxyProblem,
  trustedNetworkProblem,
  trustedNetworksProblem,
} from 'countersign/node'
import * as z from 'zod'
import { brandColorProblem, type Scheme } from '../pages/check-brand.js'

export const text = (longest: number) => z.string().min(1).max(longest)

export const whole = (least: number, most: number) => z.int().min(least).max(most)

/** A value that can only be given in code. */
export function given<T>(isGiven: (value: unknown) => boolean, error: string) {
  return z.custom<T>(isGiven, { error })
}

export function functionOf<T>() {
  return given<T>((value) => typeof value === 'function', 'must be a function')
}

/** Whether a value is an object. */
export function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null
}

/** A schema for each member. Does not compile if a schema accepts values that the interface does not allow. */
export type ShapeOf<T> = { [Name in keyof T]-?: z.ZodType<unknown, T[Name]> }

/** A group of settings that is off by default, and switched on by `true` or by an object with settings. */
export function switchable<Given extends object, Shape extends z.ZodRawShape>(shape: Shape) {
  const isSwitch = (value: unknown) =>
    typeof value === 'boolean' || (typeof value === 'object' && value !== null && !Array.isArray(value))
  const group = z.strictObject(shape).optional()
  return z
    .custom<boolean | Given>(isSwitch, { error: 'must be true, false or an object with settings', abort: true })
    .transform((value): unknown => (value === true ? {} : value === false ? undefined : value))
    .pipe(group as z.ZodType<z.output<typeof group>, unknown>)
    .optional()
}

/** A string validated by a function that returns the problem. */
function judged(problemOf: (value: string) => string | undefined) {
  return z.string().superRefine((value, context) => {
    const message = problemOf(value)
    if (message !== undefined) context.addIssue({ code: 'custom', message })
  })
}

/** Networks such as `10.0.0.0/8`, and single addresses. */
export const networks = z.array(judged(trustedNetworkProblem)).superRefine((values, context) => {
  if (values.some((value) => trustedNetworkProblem(value) !== undefined)) return
  const message = trustedNetworksProblem(values)
  if (message !== undefined) context.addIssue({ code: 'custom', message })
})

export const egressProxy = judged(egressProxyProblem)

export const allowedNetwork = z.custom<AllowedNetwork>().superRefine((value, context) => {
  for (const { path, problem } of allowedNetworkProblems(value))
    context.addIssue({ code: 'custom', path: [...path], message: problem })
})

/** A list of agent identifiers, or a function that selects agents by identifier. */
export const agents = z.custom<AgentSelection>().superRefine((value: unknown, context) => {
  if (typeof value === 'function') return
  const refuse = (message: string, ...path: number[]) => context.addIssue({ code: 'custom', path, message })
  if (!Array.isArray(value)) return refuse('must be a list of agents, or a function that selects agents by identifier')
  for (const [index, agent] of value.entries()) {
    if (typeof agent === 'string' && isIdentifier(agent, { allowInsecureLoopback: true, allowPath: true })) continue
    refuse('must be an agent identifier, such as https://agent.example', index)
  }
})

export const link = z
  .string()
  .regex(
    /^(?:https:\/\/|mailto:|\/(?!\/))\S+$/,
    'must be an https: or mailto: URL, or a path that starts with a single slash',
  )

/** A color that is readable in a mode. */
export const brandColor = (scheme: Scheme) =>
  z
    .string()
    .regex(/^#[0-9a-f]{6}$/i, {
      error: 'must be a color as # and six hexadecimal digits, such as #0b5f57',
      abort: true,
    })
    .superRefine((color, context) => {
      const problem = brandColorProblem(color, scheme)
      if (problem !== undefined) context.addIssue({ code: 'custom', message: problem })
    })

export const identityProvider = z.strictObject({
  id: z.string().regex(/^[a-z0-9-]{1,32}$/, 'must be 1 to 32 lowercase letters, digits or hyphens'),
  name: text(64),
  issuer: z.string().regex(/^https?:\/\/\S+$/, 'must be the https: URL of the provider'),
  clientId: text(256),
  clientSecret: text(1024),
  allowInsecureLoopback: z.boolean().optional(),
})

const pattern = text(512)
const party = pattern.refine(isPartyPattern, {
  error: 'cannot match any identifier: use the form of agent and resource identifiers, https://host, or * for any',
})

/** OAuth clients that are registered have names instead of URLs: letters, digits, hyphens and underscores. */
const agentParty = pattern.refine((value) => isPartyPattern(value) || /^[A-Za-z0-9_*-]{1,64}$/.test(value), {
  error:
    'cannot match any identifier: use the form of agent identifiers, https://host, the name of a registered OAuth client, or * for any',
})

export const policyRule = z
  .strictObject({
    name: z
      .string()
      .regex(/^[a-z0-9-]{1,64}$/, 'must be 1 to 64 lowercase letters, digits or hyphens')
      .optional(),
    agent: agentParty,
    delegate: text(512).optional(),
    resource: party.default('*'),
    scopes: z.array(pattern).min(1).readonly().optional(),
    decision: z.enum(['ask', 'ask-once', 'deny', 'grant']),
  })
  .superRefine(({ decision, name, agent, delegate, scopes }, context) => {
    if (delegate !== undefined && agent.includes('*'))
      context.addIssue({
        code: 'custom',
        path: ['agent'],
        message: 'must be a single agent, without *, in a policy with a delegate',
      })
    if (decision !== 'grant') return
    const refuse = (setting: string, message: string) =>
      context.addIssue({
        code: 'custom',
        path: [setting],
        message: `${message}: such a policy issues tokens without user consent`,
      })
    if (name === undefined) refuse('name', 'is required for a policy that grants')
    if (agent.includes('*')) refuse('agent', 'must be a single agent, without *, in a policy that grants')
    if (!scopes) refuse('scopes', 'is required for a policy that grants')
  })

/** Whether any identifier can match a policy pattern. A rule that can never match would silently let through what it should deny. */
function isPartyPattern(value: string): boolean {
  if (value === '*') return true
  const ported = value.replaceAll(':*', ':1')
  return ['x', 'x.x', '1'].some((some) =>
    isIdentifier(ported.replaceAll('*', some), { allowInsecureLoopback: true, allowPath: true }),
  )
}

const riskPattern = z.tuple([pattern.refine(isRiskPattern), z.enum(risksByStrength)]).readonly()

export const risk = given<z.infer<typeof riskPattern>>(
  (value) => riskPattern.safeParse(value).success,
  `must be a pair: a word or a full permission name, then one of ${risksByStrength.join(', ')}, as in ["delet*", "delete"] or ["payments.read", "read"]`,
)

export const host = z
  .string()
  .regex(/^(?:\*|[a-z0-9-]+(?:\.[a-z0-9-]+)+)$/, 'must be a host in lowercase, such as bank.example, or "*" for any')

export const durations = z
  .tuple([duration()], duration())
  .refine((values) => values.every((value, at) => at === 0 || asNumber(values[at - 1]) < asNumber(value)), {
    error: 'must be sorted from shortest to longest, without duplicates',
  })
  .readonly()

function duration() {
  return z.union([whole(60, 10 * 366 * 86_400), z.literal('until-removed')], {
    error: 'must be a whole number of seconds from 60 to 316224000, or "until-removed"',
  })
}

function asNumber(value: number | 'until-removed' | undefined): number {
  return typeof value === 'number' ? value : Number.POSITIVE_INFINITY
}

/** The settings that can contradict each other; malformed ones are left out. */
interface Related {
  issuer?: string | undefined
  allowInsecureLoopback?: boolean | undefined
  accounts?: { identityProviders: readonly RelatedProvider[] } | undefined
}

interface RelatedProvider {
  id: string
  issuer: string
  allowInsecureLoopback?: boolean | undefined
}

/** Returns the contradictions between settings that are individually well formed. */
export function findContradictions({
  issuer,
  allowInsecureLoopback = false,
  accounts,
}: Related): ConfigurationProblem[] {
  const problems: ConfigurationProblem[] = []
  const refuse = (setting: string, problem: string) => problems.push({ setting, problem })
  if (issuer !== undefined && !isIdentifier(issuer, { allowInsecureLoopback }))
    refuse('issuer', issuerProblem(issuer, allowInsecureLoopback))
  if (allowInsecureLoopback && issuer?.startsWith('https:')) {
    refuse('allowInsecureLoopback', 'is only for development with an http issuer on loopback: remove this setting')
  }
  const ids = new Set<string>()
  for (const [index, provider] of (accounts?.identityProviders ?? []).entries()) {
    const at = `accounts.identityProviders[${index}]`
    if (ids.has(provider.id)) refuse(`${at}.id`, 'is already used by another provider')
    ids.add(provider.id)
    if (!provider.allowInsecureLoopback && provider.issuer.startsWith('http:')) {
      refuse(`${at}.issuer`, 'must be an https: URL')
    }
  }
  return problems
}

function issuerProblem(issuer: string, allowInsecureLoopback: boolean): string {
  const insecure = issuer.startsWith('http:')
  if (insecure && isIdentifier(issuer, { allowInsecureLoopback: true })) {
    return 'must use https; for development on this machine only, set allowInsecureLoopback to true'
  }
  const repair = identifierRepair(issuer, { allowInsecureLoopback })
  if (repair !== undefined && !isIdentifier(issuer.replace('http:', 'https:')))
    return `is not a valid identifier: ${repair}`
  if (insecure) return 'must use https: put TLS in front of the server and set the URL that users see'
  return 'must be the URL of the server with a full lowercase host name, without a path, trailing slash or default port, such as https://auth.example'
}
