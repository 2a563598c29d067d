import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, it, type TestContext } from 'vitest'
import { freePort } from '../../../test/free-port.js'
import { has } from '../../../test/needs.js'
import { runInProcess } from './run-program.js'

const patient = { timeout: 40_000, interval: 100 }

const bin = fileURLToPath(new URL('../bin/countersign.js', import.meta.url))
const runnable = existsSync('/proc/self/stat') && spawnSync('npm', ['--version']).status === 0

/** A project that contains the command and a server to start; `scripts` are those of its package.json. */
async function createProject(
  onTestFinished: TestContext['onTestFinished'],
  scripts: Readonly<Record<string, string>> = {},
) {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-npm-'))
  mkdirSync(join(folder, 'node_modules', '.bin'), { recursive: true })
  symlinkSync(bin, join(folder, 'node_modules', '.bin', 'countersign'))
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'project', private: true, scripts }))
  const port = await freePort()
  const issuer = `http://127.0.0.1:${port}`
  const settings = { issuer, database: 'auth.db', masterKeyFile: 'master.key', listen: { port } }
  writeFileSync(join(folder, 'config.json'), JSON.stringify({ ...settings, allowInsecureLoopback: true }))
  await runInProcess('server', 'keys', 'generate-master', '--output', join(folder, 'master.key'))
  const answers = (path = '/jwks.json') =>
    fetch(`${issuer}${path}`).then(
      ({ ok }) => ok,
      () => false,
    )
  /** The server itself, however it was started. */
  const serverIn = (): number[] =>
    readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name) && /^\S*node\0/.test(commandOf(name)) && commandOf(name).includes(folder))
      .map(Number)
  onTestFinished(() => {
    for (const pid of serverIn()) process.kill(pid, 'SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  })
  return { folder, port, answers, serverIn }
}

/** The words of a command, each followed by a zero byte; empty if the process has exited. */
function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    return ''
  }
}

function start(folder: string, command: string, ...args: string[]): ChildProcess {
  const { npm_lifecycle_event: _event, ...env } = process.env
  return spawn(command, args, { cwd: folder, env, stdio: 'ignore', detached: true })
}

/** The shell runs to its end when the server that it started is running. */
const untilItListens = 'until (exec 3<>/dev/tcp/127.0.0.1/$PORT) 2>/dev/null; do sleep 0.1; done'

const serving = 'countersign server start --config config.json'

describe.skipIf(!runnable).concurrent('a server that npm started', () => {
  it.for<[string, NodeJS.Signals, Record<string, string>, string[]]>([
    ['npx, terminated', 'SIGTERM', {}, ['npx', ...serving.split(' ')]],
    ['npx, killed', 'SIGKILL', {}, ['npx', ...serving.split(' ')]],
    ['npm run', 'SIGTERM', { start: serving }, ['npm', 'run', 'start']],
    ['npx in npm run', 'SIGTERM', { start: `npx ${serving}` }, ['npm', 'run', 'start']],
  ])('exits with it: %s', async ([_claim, signal, scripts, [command = '', ...args]], { expect, onTestFinished }) => {
    const { folder, answers, serverIn } = await createProject(onTestFinished, scripts)
    const npm = start(folder, command, ...args)
    await expect.poll(answers, patient).toBe(true)
    npm.kill(signal)
    await expect.poll(answers, patient).toBe(false)
    await expect.poll(serverIn, patient).toEqual([])
  })

  it('the demo also exits: its ports are free again', async ({ expect, onTestFinished }) => {
    const { folder, port, answers, serverIn } = await createProject(onTestFinished)
    const npm = start(folder, 'npx', 'countersign', 'demo', '--only', 'resource', '--port', String(port))
    await expect.poll(() => answers('/.well-known/aauth-resource'), patient).toBe(true)
    npm.kill('SIGTERM')
    await expect.poll(serverIn, patient).toEqual([])
  })
})

describe.skipIf(!runnable || !has('bash')).concurrent('a server that is to stay goes on', () => {
  it.for<[string, Record<string, string>, string]>([
    ['if the shell that started npx is gone', {}, `nohup npx ${serving} > nohup.out 2>&1 & ${untilItListens}`],
    [
      'if an npm script left it behind',
      { start: `nohup ${serving} > nohup.out 2>&1 &` },
      'npm run start > /dev/null 2>&1',
    ],
    [
      'if npm only left its variables, and the shell in between is gone',
      {},
      `export npm_lifecycle_event=start; nohup countersign server start --config config.json > nohup.out 2>&1 & ${untilItListens}`,
    ],
  ])('%s', async ([_claim, scripts, command], { expect, onTestFinished }) => {
    const { folder, port, answers, serverIn } = await createProject(onTestFinished, scripts)
    const path = `export PATH="${join(folder, 'node_modules', '.bin')}:$PATH"`
    const shell = start(folder, 'bash', '-c', `${path}; PORT=${port}; ${command}`)
    await new Promise((resolve) => shell.once('close', resolve))
    await expect.poll(answers, patient).toBe(true)
    await new Promise((resolve) => setTimeout(resolve, 1500))
    expect(await answers(), readFileSync(join(folder, 'nohup.out'), 'utf8')).toBe(true)
    const [pid] = serverIn()
    if (pid !== undefined) process.kill(pid, 'SIGTERM')
    await expect.poll(serverIn, patient).toEqual([])
  })
})
