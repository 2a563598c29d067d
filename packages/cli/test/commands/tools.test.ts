import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { tools } from '../../src/commands/tools.js'
import { runInProcess } from '../run-program.js'

const text = readFileSync(new URL('../../../../docs/reference/command-line.md', import.meta.url), 'utf8')
const [ofTools = ''] = text.split('\n## Commands of the auth server\n')
const [, ...sections] = ofTools.split(/^## countersign /m)

it('documents every command, in the order of the table, and no others', () => {
  const headings = sections.map((section) => section.slice(0, section.indexOf('\n')))
  expect(headings).toEqual(tools.map(({ name, subject }) => (subject ? `${name} ${subject.name}` : name)))
})

it.each(tools)('documents every flag of $name as in the table, and no others', ({ name, flags }) => {
  const section = sections.find((candidate) => candidate.startsWith(name)) ?? ''
  const rows = flags.map(({ flags: flag, description, choices }) => {
    return `| \`${flag}\` | ${description}${choices ? ` (${choices.join(', ')})` : ''} |`
  })
  expect(section.split('\n').filter((line) => line.startsWith('| `'))).toEqual(rows)
  const known = new Set(tools.flatMap((command) => command.flags.flatMap((row) => row.flags.split(/[ ,]+/))))
  for (const [mentioned] of section.matchAll(/--[a-z][a-z-]*/g)) expect(known).toContain(mentioned)
})

it.each(tools)('shows the flags of $name in its help, in 80 columns', async ({ name, flags }) => {
  for (const args of [
    [...name.split(' '), '--help'],
    ['help', ...name.split(' ')],
  ]) {
    const { status, stdout } = await runInProcess(...args)
    expect(status).toBe(0)
    for (const { flags: flag } of flags) expect(stdout).toContain(`  ${flag} `)
    for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80)
  }
})
