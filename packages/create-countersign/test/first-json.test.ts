import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { needInFile } from '../../../test/needs.js'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'create-countersign-'))
const tarballs = join(folder, 'tarballs')
/** The keys that a terminal sends. */
const [enter, ctrlC, ctrlD] = ['\r', '\u0003', '\u0004']
/** Milliseconds after which something hangs: the network may be slow. */
const hang = 600_000
let cwd: string

needInFile('a terminal')
execFileSync(process.execPath, [join(root, 'scripts/tarballs.mjs')], { cwd: folder, stdio: 'ignore' })
const tool = join(folder, 'tool')
mkdirSync(tool)
npm(tool, 'init', '-y')
npm(
  tool,
  'install',
  ...readdirSync(tarballs)
    .filter((name) => name.startsWith('create-'))
    .map((name) => join(tarballs, name)),
)
beforeEach(() => {
  cwd = mkdtempSync(join(folder, 'work-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

function npm(folder: string, ...args: string[]): string {
  return execFileSync('npm', args, {
    cwd: folder,
    encoding: 'utf8',
    env: { ...process.env, npm_config_prefer_offline: 'true' },
  })
}

/** Runs the installed command in a terminal, which finally shows the seconds of CPU time that it and npm took. */
function start(...args: string[]) {
  const line = [join(tool, 'node_modules/.bin/create-countersign'), '--packages', tarballs, ...args].join(' ')
  const child = spawn('script', ['-qefc', `time -p ${line}`, '/dev/null'], {
    cwd,
    env: { ...process.env, SHELL: '/bin/bash', npm_config_prefer_offline: 'true' },
  })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  const ended = once(child, 'close').then(([status]) => status as number | null)
  return {
    ended,
    output: () => output,
    shows: (text: string) => expect.poll(() => output, { timeout: hang }).toContain(text),
    press: (keys: string) => child.stdin.write(keys),
  }
}

describe('create-countersign from packed tarballs, at a terminal', { timeout: 2 * hang }, () => {
  it.each(['script', 'web', 'api', 'mcp'])(
    'shows the first JSON of the template %s within 30 s of CPU time',
    async (template) => {
      const run = start()
      await run.shows('Name of the project: ')
      run.press(`No Name${enter}mine${enter}`)
      await run.shows('Template (1 to 4, or its name): ')
      run.press(`nothing${enter}`)
      await run.shows('There is no template "nothing".')
      const began = performance.now()
      run.press(template + enter)
      await run.shows('"user": "')
      const seconds = (performance.now() - began) / 1000
      expect(await run.ended).toBe(0)
      expect(run.output()).toContain('"No Name" cannot be the name of a project: use up to 100 lowercase letters,\r\n')
      const used = [...run.output().matchAll(/^(?:user|sys) ([\d.]+)/gm)].map(([, each]) => Number(each))
      expect(used).toHaveLength(2)
      const cpu = used.reduce((sum, each) => sum + each, 0)
      process.stdout.write(
        `${template}: ${seconds.toFixed(1)} s from the last keystroke, ${cpu.toFixed(1)} s of CPU time\n`,
      )
      // How long it takes depends on the network and on what else the machine does; the work must not.
      expect(cpu).toBeLessThan(30)
      expect(npm(join(cwd, 'mine'), 'test')).toMatch(/^# fail 0$/m)
      expect(readdirSync(cwd)).toEqual(['mine'])
    },
  )

  it.each([
    ['Ctrl-C at the first question', [], 'Name of the project: ', ctrlC],
    ['Ctrl-D at the second', ['mine'], 'or its name): ', ctrlD],
    ['Ctrl-C while npm installs', ['mine', '--template', 'mcp'], 'Installing', ctrlC],
  ])('leaves nothing behind after %s', async (_when, args, text, key) => {
    const run = start(...args)
    await run.shows(text)
    run.press(key)
    expect(await run.ended).toBe(130)
    expect(run.output()).toContain('Stopped. Nothing was created.')
    expect(readdirSync(cwd)).toEqual([])
  })
})
