import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { freePort } from './free-port.js'
import { runInProcess } from './run-program.js'

vi.setConfig({ testTimeout: 120_000 })
const patient = { timeout: 40_000, interval: 100 }

const bin = fileURLToPath(new URL('../bin/countersign.js', import.meta.url))
const runnable = existsSync('/proc/self/stat') && spawnSync('npm', ['--version']).status === 0

/** A project with the command in it and a server to start; `scripts` are those of its package.json. */
async function createProject(scripts: Readonly<Record<string, string>> = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-npm-'))
  mkdirSync(join(folder, 'node_modules', '.bin'), { recursive: true })
  symlinkSync(bin, join(folder, 'node_modules', '.bin', 'countersign'))
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'project', private: true, scripts }))
  const port = await freePort()
  const issuer = `http://127.0.0.1:${port}`
  const settings = { issuer, database: 'auth.db', masterKeyFile: 'master.key', listen: { port } }
  writeFileSync(join(folder, 'config.json'), JSON.stringify({ ...settings, allowInsecureLoopback: true }))
  await runInProcess('keys', 'generate-master', '--out', join(folder, 'master.key'))
  const answers = () =>
    fetch(`${issuer}/jwks.json`).then(
      ({ ok }) => ok,
      () => false,
    )
  /** The server itself, whatever started it. */
  const serverIn = (): number[] => {
    const listed = spawnSync('ps', ['-eo', 'pid=,args='], { encoding: 'utf8' }).stdout
    return listed
      .split('\n')
      .filter((line) => /^\s*\d+ \S*node /.test(line) && line.includes(folder))
      .map((line) => Number.parseInt(line, 10))
  }
  onTestFinished(() => {
    for (const pid of serverIn()) process.kill(pid, 'SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  })
  return { folder, answers, serverIn }
}

function start(folder: string, command: string, ...args: string[]): ChildProcess {
  const { npm_lifecycle_event: _event, ...env } = process.env
  return spawn(command, args, { cwd: folder, env, stdio: 'ignore', detached: true })
}

const serving = 'countersign serve --config config.json'

describe.skipIf(!runnable)('a server that npm started', () => {
  it.each<[string, NodeJS.Signals, Record<string, string>, string[]]>([
    ['npx, ended', 'SIGTERM', {}, ['npx', ...serving.split(' ')]],
    ['npx, killed', 'SIGKILL', {}, ['npx', ...serving.split(' ')]],
    ['npm run', 'SIGTERM', { start: serving }, ['npm', 'run', 'start']],
    ['npx in npm run', 'SIGTERM', { start: `npx ${serving}` }, ['npm', 'run', 'start']],
  ])('ends with it: %s', async (_claim, signal, scripts, [command = '', ...args]) => {
    const { folder, answers, serverIn } = await createProject(scripts)
    const npm = start(folder, command, ...args)
    await expect.poll(answers, patient).toBe(true)
    npm.kill(signal)
    await expect.poll(answers, patient).toBe(false)
    await expect.poll(serverIn, patient).toEqual([])
  })

  it('the demo too: its ports are free again', async () => {
    const { folder, serverIn } = await createProject()
    const npm = start(folder, 'npx', 'countersign', 'demo', '--only', 'resource', '--port', '0')
    await expect.poll(() => serverIn().length, patient).toBe(1)
    await new Promise((resolve) => setTimeout(resolve, 3000))
    npm.kill('SIGTERM')
    await expect.poll(serverIn, patient).toEqual([])
  })
})

describe.skipIf(!runnable)('a server that is to stay goes on', () => {
  it.each<[string, Record<string, string>, string]>([
    ['where the shell that started npx is gone', {}, `nohup npx ${serving} > nohup.out 2>&1 & sleep 3`],
    [
      'where a script of npm left it behind',
      { start: `nohup ${serving} > nohup.out 2>&1 &` },
      'npm run start > /dev/null 2>&1',
    ],
    [
      'where npm only left its variables, and the shell in between is gone',
      {},
      `export npm_lifecycle_event=start; nohup countersign serve --config config.json > nohup.out 2>&1 & sleep 3`,
    ],
  ])('%s', async (_claim, scripts, command) => {
    const { folder, answers, serverIn } = await createProject(scripts)
    const path = `export PATH="${join(folder, 'node_modules', '.bin')}:$PATH"`
    const shell = start(folder, 'bash', '-c', `${path}; ${command}`)
    await new Promise((resolve) => shell.once('close', resolve))
    await expect.poll(answers, patient).toBe(true)
    await new Promise((resolve) => setTimeout(resolve, 1500))
    expect(await answers(), readFileSync(join(folder, 'nohup.out'), 'utf8')).toBe(true)
    const [pid] = serverIn()
    if (pid !== undefined) process.kill(pid, 'SIGTERM')
    await expect.poll(serverIn, patient).toEqual([])
  })
})
