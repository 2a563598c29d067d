import type * as z from 'zod'
import type { ConfigurationProblem } from './configuration-error.js'
import { settingTable } from './setting-table.js'

/** What zod found, in words for whoever wrote the file. */
export function problemsOf(issues: readonly z.core.$ZodIssue[]): ConfigurationProblem[] {
  return issues.flatMap((issue) => {
    if (issue.code !== 'unrecognized_keys') return [{ setting: nameOf(issue.path), problem: describe(issue) }]
    return issue.keys.map((key) => unknownSetting(nameOf([...issue.path, key])))
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

function describe(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return issue.input === undefined
        ? `is missing; it must be ${typeNames[issue.expected] ?? issue.expected}`
        : `must be ${typeNames[issue.expected] ?? issue.expected}`
    case 'too_small':
      return issue.origin === 'string' || issue.origin === 'array'
        ? `must have at least ${counted(Number(issue.minimum), issue.origin)}`
        : `must be at least ${issue.minimum}`
    case 'too_big':
      return issue.origin === 'string' || issue.origin === 'array'
        ? `must have at most ${counted(Number(issue.maximum), issue.origin)}`
        : `must be at most ${issue.maximum}`
    case 'invalid_value':
      return `must be one of ${issue.values.map((value) => JSON.stringify(value)).join(', ')}`
    default:
      return issue.message
  }
}

function counted(count: number, origin: string): string {
  const [one, more] = origin === 'array' ? ['entry', 'entries'] : ['character', 'characters']
  return `${count} ${count === 1 ? one : more}`
}

function unknownSetting(setting: string): ConfigurationProblem {
  const folded = (name: string) => name.toLowerCase().replaceAll(/[^a-z.]/g, '')
  const known = new Set(settingTable.flatMap(({ name }) => [name, name.split('.')[0] ?? name]))
  const near =
    [...known].find((name) => isNear(folded(name), folded(setting))) ??
    [...known].find((name) => folded(lastPart(name)) === folded(lastPart(setting)))
  const hint = near === undefined ? 'take it out' : `did you mean ${near}?`
  return { setting, problem: `is no setting; ${hint}` }
}

/** `listen.port` → `port`: a setting that was put at another level. */
function lastPart(name: string): string {
  return name.slice(name.lastIndexOf('.') + 1)
}

/** Whether two names differ by one letter, or by two neighbours that changed places. */
function isNear(one: string, other: string): boolean {
  if (one === other) return true
  if (Math.abs(one.length - other.length) > 1) return false
  let at = 0
  while (one[at] === other[at]) at++
  const swapped = one[at] === other[at + 1] && one[at + 1] === other[at] && one.slice(at + 2) === other.slice(at + 2)
  const rests = [
    [at + 1, at + 1],
    [at + 1, at],
    [at, at + 1],
  ] as const
  return swapped || rests.some(([mine, theirs]) => one.slice(mine) === other.slice(theirs))
}
