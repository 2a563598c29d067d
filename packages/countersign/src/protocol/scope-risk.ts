import { defaultRisks, ordinaryObjects, riskyObjects } from './default-risks.js'
import { byDanger, dangers, type Risk, risksByStrength } from './risk-order.js'

/**
 * The risks of permissions, by words in their names (`*` matches any letters), as in `['delet*', 'delete']`, or by a full name, as in
 * `['payments.read', 'read']`.
 */
export type RiskPatterns = readonly (readonly [pattern: string, risk: Risk])[]

/** Whether a pattern is a full name or a word; nothing else can match. */
export function isRiskPattern(pattern: string): boolean {
  return pattern !== '' && (!pattern.includes('*') || /^[A-Za-z*]+$/.test(pattern))
}

/**
 * Returns the risk of a scope according to its name, as the auth server's consent page shows it with the same patterns. The built-in words
 * are English: for names in other languages, pass patterns. A pattern decides for the words that it matches, or for the full name.
 * Doesn't check what your API does for the scope.
 *
 * @throws TypeError if a pattern can't match any scope, or if its risk is unknown
 *
 * @example
 * ```ts
 * import { riskOf } from 'countersign/resource'
 *
 * riskOf('notes.read') // 'read'
 * riskOf('notes.delete') // 'delete'
 * riskOf('notizen.loeschen', [['loesch*', 'delete']]) // 'delete'
 * ```
 */
export function riskOf(scope: string, patterns: RiskPatterns = []): Risk {
  for (const [pattern, risk] of patterns) {
    if (isRiskPattern(pattern) && risksByStrength.includes(risk)) continue
    throw new TypeError(
      `Risk pattern ["${pattern}", "${risk}"]: use a word, in which * matches any letters, or a scope's full name without *; then one of ${risksByStrength.join(', ')}`,
    )
  }
  return readPermission(scope, patterns).risk
}

/** What the name of a permission reveals. */
export interface PermissionReading {
  risk: Risk
  /** Whether any word in the name reveals what the permission allows. */
  isKnown: boolean
  /**
   * Whether the permission may allow more than its risk indicates. For example, a permission to manage something may also allow deleting
   * it.
   */
  isBroad: boolean
  /** The words for the objects of the permission; empty means any object. */
  things: readonly string[]
}

/** Maximum number of characters in a scope; a longer string is not a scope. */
export const longestName = 128

/** Maximum number of words that are read in a name. A name with more words could allow anything. */
const mostWords = 24

const unreadable: PermissionReading = { risk: 'control', isKnown: true, isBroad: true, things: [] }

/**
 * Determines what a permission lets an agent do, from its name and never from the resource's description. A pattern equal to the full name
 * determines the risk; otherwise the name's strongest word does. The built-in patterns apply to words that match none of the operator's. A
 * name without any known word counts as a change. A change to everything, or to something that confers rights, counts as control, and a
 * change to money counts as spending.
 */
export function readPermission(permission: string, patterns: RiskPatterns): PermissionReading {
  if (permission.length > longestName) return unreadable
  const sequence = sequenceOf(permission)
  if (sequence.length > mostWords) return unreadable
  const words = wordsOf(permission, sequence, patterns)
  const risks = new Set(words.flatMap((word) => wordRisk(word, patterns) ?? []))
  for (const phrase of phrasesOf(sequence)) {
    const risk = phraseRisks.get(phrase)
    if (risk !== undefined && fitting(phrase, patterns) === undefined) risks.add(risk)
  }
  const strongestRisk = strongest(risks)
  const things = words.filter((word) => fitting(word, patterns) === undefined)
  const partial = new Set(phrasesOf(sequence).flatMap((phrase) => partialThings.get(phrase) ?? []))
  const raised = strongest(things.flatMap((word) => (partial.has(word) ? [] : (graveRisk(word) ?? []))))
  const isChange = strongestRisk === undefined || risks.has('change')
  const ofWords = strongest([strongestRisk ?? 'change', ...(isChange && raised !== undefined ? [raised] : [])])
  const named = strongest(patterns.flatMap(([pattern, risk]) => (pattern === permission ? [risk] : [])))
  return {
    risk: named ?? ofWords ?? 'change',
    isKnown: named !== undefined || strongestRisk !== undefined,
    isBroad: (risks.has('read') && risks.has('change')) || words.some((word) => broad.has(word)),
    things: [...new Set(sequence)].filter(
      (word) => wordRisk(word, patterns) === undefined && graveRisk(word) === undefined,
    ),
  }
}

/**
 * Whether one permission may include another, under any reading of their names. It may if it is full control, if its name reveals nothing,
 * if it manages the same object, or if it can do the same or more to that object. For example, an agent that may write packages may read
 * them, and one that may manage a calendar may delete it.
 */
export function mayInclude(whole: PermissionReading, part: PermissionReading): boolean {
  if (whole.risk === 'control' || !whole.isKnown) return true
  if (!shareThings(whole, part)) return false
  return whole.isBroad || !part.isKnown || risksByStrength.indexOf(part.risk) <= risksByStrength.indexOf(whole.risk)
}

function shareThings({ things }: PermissionReading, other: PermissionReading): boolean {
  if (things.length === 0 || other.things.length === 0) return true
  return things.some((thing) => other.things.some((each) => thing.includes(stem(each)) || each.includes(stem(thing))))
}

/** A word without its plural ending: `Files` becomes `file`. */
function stem(word: string): string {
  return word.replace(/(?:ies|es|s|y)$/, '')
}

/** Words that can stand for any change, including deletion. */
const broad: ReadonlySet<string> = new Set(
  'manage manages managing management control controls configure sync maintain moderate'.split(' '),
)

/** Phrases in which a word that usually means everything has another meaning. */
const partialThings: ReadonlyMap<string, string> = new Map([
  ...['name', 'names', 'text', 'day', 'time', 'screen', 'size'].map((word) => [`full${word}`, 'full'] as const),
  ['allday', 'all'],
])

/** The risks of built-in words that may also be written as two or three words. */
const phraseRisks: ReadonlyMap<string, Risk> = new Map(defaultRisks.filter(([pattern]) => !pattern.includes('*')))

/** The words that a longer word can be composed of; only a few of them have two letters. */
const parts: ReadonlySet<string> = new Set(
  [...[...defaultRisks, ...riskyObjects].map(([pattern]) => pattern.replaceAll('*', '')), ...ordinaryObjects].filter(
    (part) => part.length > 2 || part === 'rm' || part === 'db',
  ),
)
const longestPart = Math.max(...Array.from(parts, (part) => part.length))

/** Returns the risk that a word indicates; undefined if it indicates no risk. */
function wordRisk(word: string, patterns: RiskPatterns): Risk | undefined {
  return fitting(word, patterns) ?? builtInRisk(word)
}

const builtInRisk = matcherOf(defaultRisks)
const graveRisk = matcherOf(riskyObjects)

/** The maximum number of words whose risk is cached; most names consist of the same words. */
const maxCached = 2000

/**
 * Creates a function that returns the risk of a word under a fixed set of patterns. The patterns for each risk are compiled into one
 * expression, because there are hundreds of words.
 */
function matcherOf<R extends Risk>(patterns: readonly (readonly [string, R])[]): (word: string) => R | undefined {
  const risks = [...new Set(patterns.map(([, risk]) => risk))].toSorted(byDanger)
  const expressions = risks.map((risk) => {
    const words = patterns.flatMap(([pattern, each]) => (each === risk ? [pattern.replaceAll('*', '.*')] : []))
    return { risk, fits: new RegExp(`^(?:${words.join('|')})$`, 's') }
  })
  const judged = new Map<string, R | undefined>()
  return (word) => {
    if (judged.has(word)) return judged.get(word)
    const risk = expressions.find(({ fits }) => fits.test(word))?.risk
    if (judged.size >= maxCached) judged.clear()
    judged.set(word, risk)
    return risk
  }
}

function fitting(word: string, patterns: RiskPatterns): Risk | undefined {
  return strongest(patterns.flatMap(([pattern, risk]) => (fitsPattern(word, pattern.toLowerCase()) ? [risk] : [])))
}

function strongest<R extends Risk>(risks: Iterable<R>): R | undefined {
  return Array.from(risks).toSorted(byDanger)[0]
}

/** Returns the words of a name in order and in lowercase. They are split at non-letters and at changes of case. A `*` becomes "all". */
function sequenceOf(permission: string): string[] {
  const words = lettersOf(permission).flatMap((text) => text.match(/[A-Z]+(?![a-z])|[A-Z]?[a-z]+/g) ?? [])
  return words.map((word) => word.toLowerCase())
}

/** Returns the same words, plus those found if case is ignored or if words are written together. */
function wordsOf(permission: string, sequence: readonly string[], patterns: RiskPatterns): string[] {
  const letters = lettersOf(permission).flatMap((text) => [text, ...(text.match(/[A-Z]+|[a-z]+/g) ?? [])])
  const words = new Set([...sequence, ...letters.map((word) => word.toLowerCase())])
  const isOwn = (word: string) => fitting(word, patterns) !== undefined
  return [...new Set([...words].flatMap((word) => [word, ...(isOwn(word) ? [] : partsOf(word))]))]
}

/** Returns every two and every three adjacent words, written together. */
function phrasesOf(sequence: readonly string[]): string[] {
  const joined = sequence.flatMap((_, at) => [2, 3].map((count) => sequence.slice(at, at + count).join('')))
  return [...new Set(joined)]
}

/** Splits a longer word that consists entirely of known words, if one of them is dangerous. For example, `dataset` stays one word. */
function partsOf(word: string): string[] {
  const ends = (from: number) => {
    const found: number[] = []
    for (let to = from + 2; to <= Math.min(word.length, from + longestPart); to++) {
      if (to - from < word.length && parts.has(word.slice(from, to))) found.push(to)
    }
    return found
  }
  const reached = new Set([0])
  const steps: [from: number, to: number][] = []
  for (let from = 0; from < word.length; from++) {
    if (!reached.has(from)) continue
    for (const to of ends(from)) {
      reached.add(to)
      steps.push([from, to])
    }
  }
  const leads = new Set([word.length])
  const found: string[] = []
  for (const [from, to] of steps.toReversed()) {
    if (!leads.has(to)) continue
    leads.add(from)
    found.push(word.slice(from, to))
  }
  const isGrave = (part: string) =>
    graveRisk(part) !== undefined || dangers.some((danger) => danger === builtInRisk(part))
  return found.some(isGrave) ? found : []
}

function lettersOf(permission: string): string[] {
  return (
    decoded(permission)
      .replaceAll('*', ' all ')
      .match(/[A-Za-z]+/g) ?? []
  )
}

/** Decodes percent-encoding, repeatedly if it is nested. */
function decoded(text: string): string {
  const once = text.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
  return once === text ? text : decoded(once)
}

/**
 * Whether a string matches a pattern, in which `*` matches any characters except those in `stop`. Takes linear time in the length of the
 * string, whatever the pattern.
 */
export function fitsPattern(text: string, pattern: string, stop = ''): boolean {
  const [head = '', ...rest] = pattern.split('*')
  const tail = rest.pop()
  if (tail === undefined) return text === pattern
  const end = text.length - tail.length
  if (end < head.length || !text.startsWith(head) || !text.endsWith(tail)) return false
  const crosses = (from: number, to: number) => {
    for (let at = from; at < to; at++) if (stop.includes(text[at] ?? '')) return true
    return false
  }
  let from = head.length
  // The first position of a part is as good as any later one: the skipped text then belongs to a longer `*`.
  for (const part of rest) {
    const at = text.indexOf(part, from)
    if (at === -1 || at + part.length > end || crosses(from, at)) return false
    from = at + part.length
  }
  return !crosses(from, end)
}
