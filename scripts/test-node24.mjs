import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, rmSync } from 'node:fs'
import { delimiter, dirname, join, resolve } from 'node:path'

/** Runs the suite on Node 24, in a copy of the working tree with its own dependencies: `npm run test:node24 [files]`. */
const home = resolve('.node24')
const runtime = join(home, 'runtime')
const copy = join(home, 'project')

const name = `node-${process.platform}-${process.arch}`
run('npm', ['install', '--prefix', runtime, '--no-save', '--no-audit', '--no-fund', `${name}@24`])
const node = join(runtime, 'node_modules', name)
// Native modules must be compiled for this Node version, whose package contains the headers.
const env = { ...process.env, PATH: `${join(node, 'bin')}${delimiter}${process.env.PATH}`, npm_config_nodedir: node }

rmSync(copy, { recursive: true, force: true })
const deleted = new Set(listFiles('--deleted'))
for (const file of listFiles('--cached', '--others', '--exclude-standard')) {
  if (deleted.has(file)) continue
  mkdirSync(dirname(join(copy, file)), { recursive: true })
  cpSync(file, join(copy, file))
}
run('node', ['--version'], { cwd: copy, env })
run('npm', ['ci', '--no-audit', '--no-fund'], { cwd: copy, env })
// Up to version 12 it aborts when compiled against Node 24.19 or newer; from 13 on it requires Node 22.
run('npm', ['install', '--no-save', '--no-audit', '--no-fund', '-w', 'packages/server', 'better-sqlite3@13'], {
  cwd: copy,
  env,
})
run('npm', ['run', 'accessibility'], { cwd: copy, env })
run('npx', ['vitest', 'run', ...process.argv.slice(2)], { cwd: copy, env })

function listFiles(...which) {
  const { stdout, status } = spawnSync('git', ['ls-files', '-z', ...which], { encoding: 'utf8' })
  if (status !== 0) throw new Error('git ls-files failed: run this in a checkout')
  return stdout.split('\0').filter((file) => file !== '')
}

function run(command, args, options = {}) {
  const { status, error } = spawnSync(command, args, { stdio: 'inherit', ...options })
  if (error) throw error
  if (status !== 0) process.exit(status ?? 1)
}
