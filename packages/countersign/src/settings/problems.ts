import { nearestName } from '../lib/options.js'
import { membersAt, type SchemaShape, settingRows } from './setting-rows.js'

/** The part of a zod issue that is used here. */
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

/** Converts zod issues to problems that are described in terms of the settings, for the author of the configuration. */
export function problemsOf(issues: readonly SchemaIssue[], shape: SchemaShape): ConfigurationProblem[] {
  const names = settingRows(shape).map(({ name }) => name)
  return issues.flatMap((issue) => {
    if (issue.code !== 'unrecognized_keys') return [{ setting: nameOf(issue.path), problem: describe(issue) }]
    return (issue.keys ?? []).map((key) => {
      const setting = nameOf([...issue.path, key])
      const beside = nearestName(key, membersAt(shape, issue.path))
      // The group that contains the setting is not a suggestion.
      const others = names.filter((name) => !setting.startsWith(`${name}.`))
      const near = beside === undefined ? meantSetting(setting, others) : nameOf([...issue.path, beside])
      return { setting, problem: `is not a setting; ${near === undefined ? 'remove it' : `did you mean ${near}?`}` }
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
  string: 'a string',
  number: 'a number',
  int: 'an integer',
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

/** A configuration error that prevents the server from starting. The message has one line for each invalid setting. */
export class ConfigurationError extends Error {
  readonly problems: readonly ConfigurationProblem[]

  constructor(source: string, problems: readonly ConfigurationProblem[], cause?: unknown) {
    const lines = problems.map(({ setting, problem }) => `  ${setting}: ${problem}`)
    super([`${source} is invalid:`, ...lines].join('\n'), cause === undefined ? undefined : { cause })
    this.name = 'ConfigurationError'
    this.problems = problems
  }
}

/** One invalid setting, and how to fix it. */
export interface ConfigurationProblem {
  /** The setting's name as written in the file: `listen.port`. */
  setting: string
  problem: string
}

/**
 * The setting or group that was probably meant by an unknown name, which may be misspelled, at the wrong level, or contain additional
 * words.
 */
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
  return (name.match(/[A-Z]?[a-z]+/g) ?? []).map((word) => word.toLowerCase().replace(/ies$/, 'y').replace(/s$/, ''))
}
