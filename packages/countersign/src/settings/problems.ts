import { nearestName } from '../lib/options.js'
import { membersAt, type SchemaShape, settingRows } from './setting-rows.js'

/** What a schema of zod has against a value, as far as it is read here. */
interface SchemaIssue {
  readonly code?: string | undefined
  readonly path: readonly PropertyKey[]
  readonly message: string
  readonly input?: unknown
  readonly expected?: string
  readonly origin?: string
  readonly minimum?: number | bigint
  readonly maximum?: number | bigint
  readonly values?: readonly unknown[]
  readonly keys?: readonly string[]
}

/** What zod found against the settings of a shape, in words for whoever wrote them. */
export function problemsOf(issues: readonly SchemaIssue[], shape: SchemaShape): ConfigurationProblem[] {
  const names = settingRows(shape).map(({ name }) => name)
  return issues.flatMap((issue) => {
    if (issue.code !== 'unrecognized_keys') return [{ setting: nameOf(issue.path), problem: describe(issue) }]
    return (issue.keys ?? []).map((key) => {
      const setting = nameOf([...issue.path, key])
      const beside = nearestName(key, membersAt(shape, issue.path))
      const near = beside === undefined ? meantSetting(setting, names) : nameOf([...issue.path, beside])
      return { setting, problem: `is no setting; ${near === undefined ? 'take it out' : `did you mean ${near}?`}` }
    })
  })
}

function nameOf(path: readonly PropertyKey[]): string {
  return path.reduce<string>((name, part) => {
    if (typeof part === 'number') return `${name}[${part}]`
    return name === '' ? String(part) : `${name}.${String(part)}`
  }, '')
}

const typeNames: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
  tuple: 'a list',
}

function typeName({ expected = '' }: SchemaIssue): string {
  return typeNames[expected] ?? expected
}

function describe(issue: SchemaIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return issue.input === undefined ? `is missing; it must be ${typeName(issue)}` : `must be ${typeName(issue)}`
    case 'too_small':
      return issue.origin === 'string' || issue.origin === 'array'
        ? `must have at least ${counted(Number(issue.minimum), issue.origin ?? '')}`
        : `must be at least ${issue.minimum}`
    case 'too_big':
      return issue.origin === 'string' || issue.origin === 'array'
        ? `must have at most ${counted(Number(issue.maximum), issue.origin ?? '')}`
        : `must be at most ${issue.maximum}`
    case 'invalid_value':
      return `must be one of ${(issue.values ?? []).map((value) => JSON.stringify(value)).join(', ')}`
    default:
      return issue.message
  }
}

function counted(count: number, origin: string): string {
  const [one, more] = origin === 'array' ? ['entry', 'entries'] : ['character', 'characters']
  return `${count} ${count === 1 ? one : more}`
}

/** A configuration that the server does not start with; its message has a line for each wrong setting. */
export class ConfigurationError extends Error {
  readonly problems: readonly ConfigurationProblem[]

  constructor(source: string, problems: readonly ConfigurationProblem[], cause?: unknown) {
    const lines = problems.map(({ setting, problem }) => `  ${setting}: ${problem}`)
    super([`${source} cannot be used:`, ...lines].join('\n'), cause === undefined ? undefined : { cause })
    this.name = 'ConfigurationError'
    this.problems = problems
  }
}

/** One setting that is wrong, and what to do about it. */
export interface ConfigurationProblem {
  /** As in the file: `listen.port`. */
  setting: string
  problem: string
}

/** The setting, or group, that was meant by an unknown name: it may be misspelled, at another level, or longer. */
function meantSetting(unknown: string, settings: readonly string[]): string | undefined {
  const known = [...new Set(settings.flatMap((name) => [...groupsOf(name), name]))]
  const near = nearestName(unknown, known)
  if (near !== undefined) return near
  const last = nearestName(lastPart(unknown), known.map(lastPart))
  if (last !== undefined) return known.find((name) => lastPart(name) === last)
  const words = wordsOf(unknown)
  const isSaidBy = (wanted: readonly string[]) => wanted.every((word) => words.includes(word))
  return (
    settings.find((name) => words.length > 1 && isSaidBy(wordsOf(name))) ??
    settings.find((name) => isSaidBy(wordsOf(lastPart(name))))
  )
}

/** `pages.footer.help` → `pages`, `pages.footer` */
function groupsOf(name: string): string[] {
  const parts = name.split('.')
  return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join('.'))
}

/** `listen.port` → `port` */
function lastPart(name: string): string {
  return name.slice(name.lastIndexOf('.') + 1)
}

/** `authTokenLifetime` → `auth`, `token`, `lifetime` */
function wordsOf(name: string): string[] {
  return (name.match(/[A-Z]?[a-z]+/g) ?? []).map((word) => word.toLowerCase().replace(/s$/, ''))
}
