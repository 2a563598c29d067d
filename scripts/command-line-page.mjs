import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { usageOf } from '../packages/cli/dist/commands/command-row.js'
import { audiences, commands } from '../packages/cli/dist/commands/command-table.js'

/**
 * The sections of docs/reference/command-line.md: a heading for each audience and command, and after the text of a command, its usage
 * line and its flags. They are made from the command table. With --write the usage lines and flags are written; otherwise they must
 * be there as they would be written. Texts are written by hand.
 */
const document = 'docs/reference/command-line.md'
const failures = []
const text = readFileSync(document, 'utf8')

const headings = audiences.flatMap(({ heading, commands: rows }) => [`## ${heading}`, ...rows.map(headingOf)])
const shown = [...text.matchAll(/^## .*$|^### countersign .*$/gm)].map(([line]) => line)
const missing = headings.filter((line) => !shown.includes(line))
const unknown = shown.filter((line) => line.startsWith('### ') && !headings.includes(line))
for (const line of missing) failures.push(`${document} has no heading "${line}"`)
for (const line of unknown) failures.push(`${document} has the heading "${line}", which is not a command`)
if (failures.length === 0 && shown.filter((line) => headings.includes(line)).join() !== headings.join())
  failures.push(`the commands of ${document} are not in the order of the command table: ${headings.join(', ')}`)

// Each help names the page that explains the command.
const titles = readdirSync('docs', { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.md'))
  .map((name) => /^# (.*)$/m.exec(readFileSync(`docs/${name}`, 'utf8'))?.[1])
for (const { name, page } of commands)
  if (!titles.includes(page))
    failures.push(`the help of countersign ${name} names the page "${page}", which does not exist`)

function headingOf({ name }) {
  return `### countersign ${name}`
}

function cell(value) {
  return value.replaceAll('|', '\\|').replaceAll('<', '\\<')
}

function generated(command) {
  const rows = command.flags.map(({ flags, description, choices }) => {
    const values = choices ? ` (${choices.join(', ')})` : ''
    return `| \`${flags}\` | ${cell(`${description}${values}`)} |`
  })
  const subjects = (command.subjects ?? []).map(({ name, description }) => `| \`${name}\` | ${cell(description)} |`)
  const table = [...subjects, ...rows]
  return [
    '<!-- generated -->',
    '```text',
    `countersign ${usageOf(command)}`,
    '```',
    ...(table.length > 0 ? ['', '| | |', '|---|---|', ...table] : []),
    '<!-- end -->',
    '',
  ].join('\n')
}

/** Replaces the generated part of a section, or adds it at its end. */
function withGenerated(section, command) {
  const pattern = /<!-- generated -->\n[\s\S]*?<!-- end -->\n/
  if (pattern.test(section)) return section.replace(pattern, () => generated(command))
  return `${section.trimEnd()}\n\n${generated(command)}\n`
}

const written = text
  .split(/^(?=#{2,3} )/m)
  .map((section) => {
    const command = commands.find((each) => section.startsWith(`${headingOf(each)}\n`))
    return command ? withGenerated(section, command) : section
  })
  .join('')

if (process.argv.includes('--write')) writeFileSync(document, `${written.trimEnd()}\n`)
else if (`${written.trimEnd()}\n` !== text)
  failures.push(`${document} does not match the command table: node scripts/command-line-page.mjs --write`)

for (const failure of failures) process.stderr.write(`${failure}\n`)
process.exitCode = failures.length === 0 ? 0 : 1
