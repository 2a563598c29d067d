import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { commands, groups } from '../../src/commands/command-table.js'
import { runInProcess } from '../run-program.js'

const root = fileURLToPath(new URL('../../../../', import.meta.url))
const page = readFileSync(join(root, 'docs/reference/command-line.md'), 'utf8')

it('is the source of the command reference', () => {
  const script = join(root, 'scripts/command-line-page.mjs')
  expect(spawnSync(process.execPath, [script], { cwd: root, encoding: 'utf8' })).toMatchObject({
    status: 0,
    stderr: '',
  })
})

it('has every flag that the text of the command reference names', () => {
  const known = new Set(commands.flatMap(({ flags }) => flags.flatMap((row) => row.flags.split(/[ ,]+/))))
  for (const [mentioned] of page.matchAll(/(?<![\w-])--(?!version|help)[a-z][a-z-]*/g))
    expect(known).toContain(mentioned)
})

it.each(commands)('shows the arguments, flags, example and page of $name in 80 columns', async (command) => {
  const { name, subjects = [], flags, example, page: title } = command
  const words = name.split(' ')
  for (const args of [
    [...words, '--help'],
    ['help', ...words],
  ]) {
    const { status, stdout } = await runInProcess(...args)
    expect(status).toBe(0)
    for (const { flags: flag } of flags) expect(stdout).toContain(`  ${flag} `)
    for (const { name: subject } of subjects) expect(stdout).toContain(`\n  ${subject.slice(1, -1)} `)
    expect(stdout.replaceAll(/ \\\n +/g, ' ')).toContain(`\nExample:\n  countersign ${example}\n`)
    const [, shown, location = ''] =
      /\nDocumentation: ([\s\S]*?)\n {2}(docs\/\S+) in the countersign package\n/.exec(stdout) ?? []
    expect(shown?.replaceAll(/\s+/g, ' ')).toBe(title)
    expect(readFileSync(join(root, location), 'utf8').split('\n', 1)).toEqual([`# ${title}`])
    for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80)
    expect(stdout).not.toMatch(/[“”‘’]/)
  }
})

it.each(commands)(
  'has an example of $name whose flags and arguments exist',
  ({ name, subjects = [], flags, example }) => {
    const words = example.split(/ +(?=(?:[^"']*["'][^"']*["'])*[^"']*$)/)
    expect(example.startsWith(name)).toBe(true)
    const known = flags.flatMap((row) => row.flags.split(/[ ,]+/))
    for (const word of words.filter((each) => each.startsWith('-'))) expect(known).toContain(word)
    for (const { flags: flag, required } of flags)
      if (required === true) expect(words).toContain(flag.replace(/^-\w, /, '').split(' ')[0])
    const least = subjects.filter((subject) => subject.name.startsWith('<')).length
    expect(words.length).toBeGreaterThanOrEqual(name.split(' ').length + least)
  },
)

const withRequired = commands.filter(({ flags }) => flags.some(({ required }) => required !== undefined))

it.each(withRequired)('requires the flags that the usage line of $name shows', async ({ flags, example }) => {
  const [first] = flags.filter(({ required }) => required !== undefined)
  const flag = first?.flags.replace(/^-\w, /, '').split(' ')[0] ?? ''
  const line = example.replace(/ [<>] .*/, '').replace(new RegExp(` ${flag} \\S+`), '')
  const { status, stderr } = await runInProcess(...line.split(' '))
  expect(status).toBe(2)
  expect(stderr).toContain(flag)
})

it.each(Object.keys(groups))('has a help of the group %s in 80 columns, with its commands', async (group) => {
  const { status, stdout } = await runInProcess(...group.split(' '), '--help')
  expect(status).toBe(0)
  const within = commands.filter(({ name }) => name.startsWith(`${group} `))
  expect(within.length).toBeGreaterThan(0)
  for (const { name } of within) expect(stdout).toContain(`\n  ${name.slice(group.length + 1).split(' ')[0]} `)
  for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80)
})

it.each([
  ['db backup', 'did you mean countersign server db backup?'],
  ['backup', 'did you mean countersign server db backup?'],
  ['keys', 'did you mean countersign agent keys or countersign server keys?'],
  ['fecth', 'Did you mean fetch?'],
  ['server usres', 'Did you mean users?'],
  ['server backup', "Unknown command 'server backup': did you mean countersign server db backup?"],
  ['agent create', 'did you mean countersign agent init?'],
  ['server list', 'did you mean countersign server users list or'],
  ['fecth --help', 'Did you mean fetch?'],
  ['server usres -h', 'Did you mean users?'],
  ['help server backup', 'did you mean countersign server db backup?'],
  ['restore backup.db', 'did you mean countersign server db finish-restore?'],
  ['gateway validate gateway.json', 'did you mean countersign gateway check?'],
  ['users list', 'did you mean countersign server users list?'],
  ['db restore backup.db', 'did you mean countersign server db finish-restore?'],
  ['keys create', 'did you mean countersign agent keys generate?'],
  ['user add alice', 'did you mean countersign server users add?'],
  ['server users delete alice', 'did you mean countersign server users disable?'],
  ['server logs', 'did you mean countersign server audit export?'],
  ['agent status', 'did you mean countersign status?'],
  ['server doctor', 'did you mean countersign doctor?'],
  ['whoami', 'did you mean countersign status?'],
])('suggests a command for %s', async (words, suggestion) => {
  const { status, stdout, stderr } = await runInProcess(...words.split(' '))
  expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
  expect(stderr).toContain(suggestion)
})

it.each(['frobnicate --help', 'server frobnicate --help', 'help constructor', 'server users frobnicate'])(
  'refuses the unknown command of %s',
  async (words) => {
    const { status, stdout, stderr } = await runInProcess(...words.split(' '))
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
    expect(stderr).toMatch(/^Unknown command '(?:frobnicate|constructor)'\n/)
  },
)

it('has no guess that is a command of the same group', () => {
  const names = commands.map(({ name }) => name)
  for (const { name, guesses = [] } of commands)
    for (const guess of guesses) expect(names).not.toContain([...name.split(' ').slice(0, -1), guess].join(' '))
})

it('groups the commands by their users in the help of countersign', async () => {
  const { stdout } = await runInProcess('--help')
  const headings = [...stdout.matchAll(/^(\w.*):$/gm)].map(([, heading]) => heading)
  expect(headings).toEqual([
    'Options',
    'See how it works',
    'Call APIs as your own agent',
    'Protect an API',
    'Run an auth server',
    'Debug requests and tokens',
    'Set up your shell',
    'Help',
    'Example',
  ])
  for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80)
})
