import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { loadConfig } from 'countersign-server'
import { describe, expect, it } from 'vitest'
import { commands as table } from '../../src/commands/command-table.js'
import { runInProcess } from '../run-program.js'

const docs = new URL('../../../../docs/', import.meta.url)
const read = (page: string) => readFile(new URL(page, docs), 'utf8')
const settings = await read('reference/server-configuration.md')
const others = await Promise.all(
  [
    'get-started/auth-server.md',
    ...(await readdir(new URL('operate/', docs))).sort().map((name) => `operate/${name}`),
  ].map(read),
)

/** The settings that the Compose file of the page on containers passes in the environment. */
async function composeSettings(): Promise<Record<string, string>> {
  const compose = await read('../containers/compose.yaml')
  const settings = [...compose.matchAll(/^ +(COUNTERSIGN_(?:DATABASE|TRUST_PROXY)): '?(.*?)'?$/gm)]
  expect(settings).toHaveLength(2)
  return Object.fromEntries(settings.map(([, name, value]) => [name, value]))
}

describe('the pages about the auth server', () => {
  it('name no flag that does not exist', () => {
    const known = table.flatMap(({ flags }) => flags.flatMap((row) => row.flags.split(/[ ,]+/)))
    const commands = others.flatMap((page) =>
      [...page.matchAll(/countersign (?:server|agent|gateway|fetch|doctor)\b[^`|\n]*/g)].map(([command]) => command),
    )
    expect(commands.length).toBeGreaterThan(20)
    for (const command of commands)
      for (const [mentioned] of command.matchAll(/--[a-z][a-z-]*/g)) expect(known).toContain(mentioned)
  })

  it('have every setting, as the schema and its comments say', () => {
    const script = fileURLToPath(new URL('../../../../scripts/settings-table.mjs', import.meta.url))
    expect(spawnSync(process.execPath, [script], { cwd: join(script, '../..'), encoding: 'utf8' })).toMatchObject({
      status: 0,
      stderr: '',
    })
  })

  it('show configurations that are accepted', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'countersign-docs-'))
    try {
      const containers = await read('operate/containers.md')
      const inContainers = await composeSettings()
      const shown = [settings, ...others].flatMap((page) =>
        [...page.matchAll(/^\{(?:\n[\s\S]*?^| [^\n]* )\}$/gm)].map(([json]) => ({
          part: JSON.parse(json) as object,
          env: page === containers ? inContainers : {},
        })),
      )
      expect(shown.length).toBeGreaterThanOrEqual(10)
      writeFileSync(join(folder, 'acme.svg'), '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"/>')
      const path = join(folder, 'countersign.config.json')
      const whole = shown[0]?.part
      for (const { part, env } of shown) {
        writeFileSync(path, JSON.stringify('issuer' in part ? part : { ...whole, ...part }))
        const { settings } = await loadConfig(path, env)
        if ('policies' in part) expect(settings.policies).toHaveLength(3)
      }
      const [, module = ''] = /```ts\n([\s\S]*?)```/.exec(settings) ?? []
      const types = /^import type .*| satisfies \w+$/gm
      writeFileSync(join(folder, 'countersign.config.mjs'), module.replaceAll(types, ''))
      await expect(loadConfig(join(folder, 'countersign.config.mjs'), {})).resolves.toBeDefined()
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })

  it('matches the help of a three-word command, in 80 columns', async () => {
    for (const args of ['server grants revoke --help', 'help server grants revoke', 'server grants help revoke']) {
      const { status, stdout } = await runInProcess(...args.split(' '))
      expect(status).toBe(0)
      for (const flag of ['--user <username>', '--all', '--yes', '--db <database>'])
        expect(stdout).toContain(`  ${flag} `)
      for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80)
    }
  })
})
