import type { Danger, Risk } from '../pages/models.js'
import { byDanger } from '../pages/risk-order.js'
import { defaultRisks } from './default-risks.js'
import { fitsPattern } from './fits-pattern.js'

/**
 * What permissions can do, by words of their names (`*` stands for any letters), as in `['delet*', 'delete']`, or by a
 * whole name, as in `['payments.read', 'read']`.
 */
export type RiskPatterns = readonly (readonly [pattern: string, risk: Risk])[]

/** Risks for which people show again who they are, and which nothing remembers; the strongest first. */
const dangers: readonly Danger[] = ['control', 'spend', 'delete']

/** Words that name everything there is, and not what may be done with it. */
const everything = /^(?:all|any|full|everything|anything|unlimited|unrestricted)(?:access|control)?$/

/** The dangers among permissions, the strongest first. */
export function dangersOf(permissions: readonly string[], patterns: RiskPatterns): Danger[] {
  const risks = new Set<Risk>(permissions.map((name) => riskOf(name, patterns)))
  return dangers.filter((danger) => risks.has(danger))
}

/** A whole name, or a word; nothing else can fit. */
export function isRiskPattern(pattern: string): boolean {
  return pattern !== '' && (!pattern.includes('*') || /^[A-Za-z*]+$/.test(pattern))
}

/**
 * What a permission lets an agent do, judged by its name, never by what the resource says of it. A pattern that is the
 * whole name decides; else the strongest of its words does. Where no pattern of the operator's fits a word, the built-in
 * ones are asked. A name whose words say nothing is a change, and one for everything is control.
 */
export function riskOf(permission: string, patterns: RiskPatterns): Risk {
  const named = strongest(patterns.filter(([pattern]) => pattern === permission))
  if (named) return named
  const words = wordsOf(permission)
  const judged = words.flatMap((word) => fitting(word, patterns) ?? fitting(word, defaultRisks) ?? [])
  return (
    judged.reduce<Risk | undefined>(stronger, undefined) ??
    (words.some((word) => everything.test(word)) ? 'control' : 'change')
  )
}

function fitting(word: string, patterns: RiskPatterns): Risk | undefined {
  return strongest(patterns.filter(([pattern]) => fitsPattern(word, pattern.toLowerCase())))
}

function strongest(patterns: RiskPatterns): Risk | undefined {
  return patterns.map(([, risk]) => risk).reduce<Risk | undefined>(stronger, undefined)
}

function stronger(one: Risk | undefined, other: Risk): Risk {
  return one !== undefined && byDanger(one, other) < 0 ? one : other
}

/**
 * The words of a name in lower case, which end where letters do and where capitals begin or end; also together, since
 * capitals may mean nothing. A `*` says "all".
 */
function wordsOf(permission: string): string[] {
  const letters =
    decoded(permission)
      .replaceAll('*', ' all ')
      .match(/[A-Za-z]+/g) ?? []
  const parts = letters.flatMap((text) => [
    text,
    ...(text.match(/[A-Z]+(?![a-z])|[A-Z]?[a-z]+/g) ?? []),
    ...(text.match(/[A-Z]+|[a-z]+/g) ?? []),
  ])
  return [...new Set(parts.map((part) => part.toLowerCase()))]
}

/** Without the signs of percent-encoding, which may itself be encoded. */
function decoded(text: string): string {
  const once = text.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
  return once === text ? text : decoded(once)
}
