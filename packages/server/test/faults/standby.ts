import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { expect, onTestFinished } from 'vitest'
import { freePort } from '../../../../test/free-port.js'
import { postgresTools } from '../../../../test/needs.js'

/** A PostgreSQL server, and a standby that has each transaction before its commit is acknowledged. */
export interface Pair {
  /** The URL of the same database on each server. */
  primary: string
  standby: string
  /** Stops the primary as a power cut would, and promotes the standby. */
  failOver(): Promise<void>
}

const owner = 'countersign_owner'

/** Starts both servers on loopback. They are removed when the test has finished. */
export async function startPair(): Promise<Pair> {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-pair-'))
  const user = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : undefined
  if (user) chownSync(folder, user.uid, user.gid)
  const as = { ...user, cwd: folder, env: { ...process.env, LC_ALL: 'C', HOME: folder } }
  const run = (tool: string, ...args: string[]) =>
    execFileSync(join(postgresTools, tool), args, { ...as, stdio: 'pipe' })
  const servers: ChildProcess[] = []
  onTestFinished(async () => {
    for (const server of servers) {
      if (server.exitCode !== null || server.signalCode !== null) continue
      const ended = once(server, 'exit')
      server.kill('SIGQUIT')
      await ended
    }
    rmSync(folder, { recursive: true, force: true })
  })

  async function start(data: string): Promise<{ server: ChildProcess; url: string }> {
    const port = await freePort()
    const args = ['-D', data, '-h', '127.0.0.1', '-p', String(port), '-k', '', '-c', 'max_connections=100']
    const server = spawn(join(postgresTools, 'postgres'), args, { ...as, stdio: 'ignore' })
    servers.push(server)
    const url = `postgres://${owner}@127.0.0.1:${port}/postgres`
    await expect.poll(() => query(url, 'select 1').catch(() => []), { timeout: 20_000 }).toHaveLength(1)
    return { server, url }
  }

  const [first, second] = [join(folder, 'first'), join(folder, 'second')]
  run('initdb', '-D', first, '-U', owner, '-A', 'trust', '-E', 'UTF8', '--no-sync', '--locale=C')
  const primary = await start(first)
  const { port } = new URL(primary.url)
  run(
    'pg_basebackup',
    '-h',
    '127.0.0.1',
    '-p',
    port,
    '-U',
    owner,
    '-D',
    second,
    '-R',
    '-X',
    'stream',
    '-c',
    'fast',
    '--no-sync',
  )
  const standby = await start(second)
  await query(primary.url, "alter system set synchronous_standby_names = '*'")
  await query(primary.url, 'select pg_reload_conf()')
  const isSynchronous = () => query(primary.url, "select 1 from pg_stat_replication where sync_state = 'sync'")
  await expect.poll(isSynchronous, { timeout: 20_000 }).toHaveLength(1)
  await query(primary.url, 'create database countersign')
  const inDatabase = (url: string) => Object.assign(new URL(url), { pathname: '/countersign' }).href
  return {
    primary: inDatabase(primary.url),
    standby: inDatabase(standby.url),
    async failOver() {
      const ended = once(primary.server, 'exit')
      primary.server.kill('SIGQUIT')
      await ended
      await query(standby.url, 'select pg_promote(true, 30)')
      // The new primary has no standby to wait for.
      await query(standby.url, 'alter system reset synchronous_standby_names')
      await query(standby.url, 'select pg_reload_conf()')
    },
  }
}

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client(url)
  client.on('error', () => undefined)
  await client.connect()
  try {
    return (await client.query(sql)).rows as unknown[]
  } finally {
    await client.end()
  }
}
