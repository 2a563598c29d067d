import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { loadConfig } from 'countersign-server'
import { describe, expect, it } from 'vitest'
import { operations } from '../../src/commands/operations.js'
import { runInProcess } from '../run-program.js'

const docs = new URL('../../../../docs/', import.meta.url)
const text = await readFile(new URL('operators.md', docs), 'utf8')
const tools = await readFile(new URL('command-line.md', docs), 'utf8')
const [manual = '', ...sections] = text.split(/^## countersign /m)

describe('docs/operators.md', () => {
  it('has every command, in the order of the table, and no other', () => {
    expect(sections.map((section) => section.slice(0, section.indexOf('\n')))).toEqual(
      operations.map(({ name, subject }) => (subject ? `${name} ${subject.name}` : name)),
    )
  })

  it.each(operations)('has every flag of $name as the table has it, and no other', ({ name, subject, flags }) => {
    const heading = `${subject ? `${name} ${subject.name}` : name}\n`
    const section = sections.find((candidate) => candidate.startsWith(heading)) ?? ''
    const rows = flags.map(({ flags: flag, description, choices }) => {
      return `| \`${flag}\` | ${description}${choices ? ` (${choices.join(', ')})` : ''} |`
    })
    expect(section.split('\n').filter((line) => line.startsWith('| `'))).toEqual(rows)
  })

  it('names no flag that there is not', () => {
    const ofNode = '--insecure-http-parser'
    const ofTools = [...tools.matchAll(/^\| `(--[a-z][a-z-]*)/gm)].map(([, flag]) => flag)
    const rows = operations.flatMap(({ flags }) => flags)
    const known = [ofNode, ...ofTools, ...rows.map(({ flags }) => flags.split(' ')[0])]
    for (const [mentioned] of text.matchAll(/--[a-z][a-z-]*/g)) expect(known).toContain(mentioned)
  })

  it('has every setting, as the schema and its comments say', () => {
    const script = fileURLToPath(new URL('../../../../scripts/settings-table.mjs', import.meta.url))
    expect(spawnSync(process.execPath, [script], { cwd: join(script, '../..'), encoding: 'utf8' })).toMatchObject({
      status: 0,
      stderr: '',
    })
  })

  it('shows configurations that are accepted', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'countersign-docs-'))
    try {
      const shown = [...manual.matchAll(/^\{(?:\n[\s\S]*?^| [^\n]* )\}$/gm)].map(([json]) => JSON.parse(json) as object)
      expect(shown.length).toBeGreaterThanOrEqual(7)
      const path = join(folder, 'countersign.config.json')
      const [, whole] = shown
      for (const part of shown) {
        writeFileSync(path, JSON.stringify('issuer' in part ? part : { ...whole, ...part }))
        const { settings } = await loadConfig(path, {})
        if ('policies' in part) expect(settings.policies).toHaveLength(3)
      }
      const [, module = ''] = /```ts\n([\s\S]*?)```/.exec(manual) ?? []
      const types = /^import type .*| satisfies \w+$/gm
      writeFileSync(join(folder, 'countersign.config.mjs'), module.replaceAll(types, ''))
      await expect(loadConfig(join(folder, 'countersign.config.mjs'), {})).resolves.toBeDefined()
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })

  it('is what the help of a command of two words says, in 80 columns', async () => {
    for (const args of ['grants revoke --help', 'help grants revoke', 'grants help revoke']) {
      const { status, stdout } = await runInProcess(...args.split(' '))
      expect(status).toBe(0)
      for (const flag of ['--user <username>', '--all', '--yes', '--db <database>'])
        expect(stdout).toContain(`  ${flag} `)
      for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80)
    }
  })
})
