import { nearestName } from '../lib/nearest-name.js'
import type { ConfigurationProblem } from './configuration-problem.js'
import { meantSetting } from './meant-setting.js'
import { membersAt, type SchemaShape, settingRows } from './setting-rows.js'

/** What a schema of zod has against a value, as far as it is read here. */
export interface SchemaIssue {
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
