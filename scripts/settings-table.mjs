import { readFileSync, writeFileSync } from 'node:fs'
import { environmentName, settingTable } from 'countersign-server'

/**
 * The table of settings in docs/reference/server-configuration.md, made from the schema (names, defaults) and from the comments of the interfaces
 * (what each is). With --write it is written; else it must be there as it would be written.
 */
const document = 'docs/reference/server-configuration.md'
const sources = [
  'packages/server/src/config/options.ts',
  'packages/server/src/config/page-options.ts',
  'packages/server/src/config/configuration-schema.ts',
  'packages/server/src/config/oauth-settings.ts',
  'packages/server/src/config/draft-11-settings.ts',
  'packages/server/src/config/personal-agents-settings.ts',
  'packages/server/src/outbound/email-sender.ts',
  'packages/countersign/src/discovery/fetch-budget.ts',
]

const interfaces = new Map(sources.flatMap((path) => [...interfacesIn(readFileSync(path, 'utf8'))]))

function* interfacesIn(text) {
  for (const [, name, base, body] of text.matchAll(
    /^export interface (\w+)(?: extends ([^{]+))? \{\n([\s\S]*?)^\}/gm,
  )) {
    const bases = (base?.match(/\w+/g) ?? []).filter((word) => word !== 'Omit')
    const members = new Map()
    for (const [, comment = '', member, type] of body.matchAll(/(?: {2}\/\*\*([\s\S]*?)\*\/\n)? {2}(\w+)\??: (.*)\n/g))
      members.set(member, { comment: comment.replaceAll(/\s*\n\s*\* ?|\s+/g, ' ').trim(), type })
    yield [name, { bases, members }]
  }
}

function memberOf(name, member) {
  const { bases, members } = interfaces.get(name) ?? { bases: [], members: new Map() }
  return members.get(member) ?? bases.map((base) => memberOf(base, member)).find((found) => found !== undefined)
}

function commentOf(setting) {
  let at = { type: 'Configuration' }
  for (const part of setting.split('.'))
    at = memberOf(at.type.replaceAll(/^boolean \| | \| undefined$/g, ''), part) ?? { type: '' }
  return at.comment
}

const failures = []

function rowOf({ name, default: preset }) {
  const [about, said] = (commentOf(name) ?? '').split(/ ?@default /)
  if (!about) failures.push(`the setting ${name} has no comment in ${sources.join(', ')}`)
  const isPlain = preset !== undefined && typeof preset !== 'object'
  const literal = typeof preset === 'string' ? `'${preset}'` : String(preset)
  if (isPlain && !said?.startsWith(literal))
    failures.push(`the default of ${name} is ${literal}, but its comment says ${said}`)
  const plain = about.replaceAll(/ \((?:[WS][\d§][^)]*)\)/g, '').replaceAll(/\{@link (\w+)\}/g, '`$1`')
  const cell = said === undefined ? plain : `${plain} Default: ${said.replace(/^'([^']*)'/, '`$1`')}.`
  return `| \`${name}\` | \`${environmentName(name)}\` | ${cell.replaceAll('|', '\\|')} |`
}

const table = ['| setting | variable | |', '|---|---|---|', ...settingTable.map(rowOf)].join('\n')
const text = readFileSync(document, 'utf8')
const written = text.replace(/^\| setting \| variable \| \|\n(?:\|.*\n)+/m, () => `${table}\n`)
if (!text.includes('| setting | variable | |')) failures.push(`${document} has no table of settings`)
if (process.argv.includes('--write')) writeFileSync(document, written)
else if (written !== text)
  failures.push(
    `the table of settings in ${document} does not match the schema: node scripts/settings-table.mjs --write`,
  )

for (const failure of failures) process.stderr.write(`${failure}\n`)
process.exitCode = failures.length === 0 ? 0 : 1
