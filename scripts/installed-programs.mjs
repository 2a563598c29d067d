import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Returns a command that runs the command after it without a network, except for loopback. Ends the process if that is not possible here. */
export function onLoopback(programs) {
  const isolated = ['unshare', ...(process.getuid?.() === 0 ? [] : ['--map-root-user']), '--net', '--fork']
  const command = [...isolated, 'sh', '-ec', 'ip link set lo up; exec "$@"', 'sh']
  if (spawnSync(command[0], [...command.slice(1), 'true']).status !== 0)
    fail(`The ${programs} run without a network, which needs Linux with unshare (util-linux) and ip (iproute2).`)
  return command
}

/** Installs exactly these versions in a folder outside the repository, unless they are already there. */
export function installExactly(prefix, packages) {
  const isThere = Object.entries(packages).every(([each, wanted]) => {
    const manifest = join(prefix, 'node_modules', each, 'package.json')
    return existsSync(manifest) && JSON.parse(readFileSync(manifest, 'utf8')).version === wanted
  })
  if (isThere) return
  mkdirSync(prefix, { recursive: true })
  const options = ['--no-save', '--no-package-lock', '--no-audit', '--no-fund', '--ignore-scripts']
  const exact = Object.entries(packages).map(([each, wanted]) => `${each}@${wanted}`)
  run(['npm', 'install', '--prefix', prefix, ...options, ...exact])
}

/** Runs a command, and ends the process with its status if it fails. */
export function run([command, ...args], options = {}) {
  const { status, error } = spawnSync(command, args, { stdio: 'inherit', ...options })
  if (error) throw error
  if (status !== 0) process.exit(status ?? 1)
}

export function fail(message) {
  process.stderr.write(`${message}\n`)
  process.exit(2)
}
