import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { request as ask, createServer } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { freePort } from '../../../../test/free-port.js'
import { need, postgresTools } from '../../../../test/needs.js'
import { takeInTurn } from '../in-turn.js'
import { openPostgres, type PostgresServer, startCluster } from '../storage/postgres/postgres-server.js'
import { startParties } from './loopback-parties.js'
import { blockOf, runBlock } from './manual.js'
import { commandPath, createOperatorStage, type TestEnd } from './operator-stage.js'

const person = { username: 'alice', password: 'a password of alice' }
const addAlice = { input: `${person.password}\n` }

let server: PostgresServer
beforeAll(async () => {
  server = await openPostgres()
})
afterAll(() => server?.close())

/** A proxy that sends each request to the next instance. */
async function openProxy(origins: readonly string[], port: number): Promise<void> {
  const next = takeInTurn(origins)
  const proxy = createServer((incoming, outgoing) => {
    const { host: _, ...headers } = incoming.headers
    const onward = ask(next() + (incoming.url ?? ''), { method: incoming.method, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(outgoing)
    })
    onward.on('error', () => outgoing.destroy())
    incoming.pipe(onward)
  })
  await new Promise<void>((resolve) => proxy.listen(port, '127.0.0.1', resolve))
  onTestFinished(() => {
    proxy.closeAllConnections()
    proxy.close()
  })
}

/** The child processes of a process, if the system reports them. */
function childrenOf(pid: number | undefined): number[] {
  const file = `/proc/${pid}/task/${pid}/children`
  return existsSync(file) ? readFileSync(file, 'utf8').trim().split(' ').map(Number) : []
}

it('a request during a database outage is one short line of the log', async () => {
  const { name, url } = await server.createDatabase()
  const stage = await createOperatorStage({ database: url })
  const { said } = await stage.serve()
  await server.query(`alter database ${name} with allow_connections false`)
  await server.query(`select pg_terminate_backend(pid) from pg_stat_activity where datname = '${name}'`)
  expect((await fetch(`${stage.issuer}/agent/auth?request_token=aarq_${'q'.repeat(43)}`)).status).toBe(503)
  const line =
    said()
      .stdout.split('\n')
      .find((text) => text.includes('"request.failed"')) ?? ''
  expect(JSON.parse(line).error).toMatch(/^the database did not respond: .*$/)
  expect(line.length).toBeLessThan(400)
  await server.query(`alter database ${name} with allow_connections true`)
})

/** A PostgreSQL cluster, and what runs the blocks of the manual against it, as on a whole machine. */
async function openMachine(test: TestEnd, settingsOf: (database: string) => object) {
  need('pg_basebackup')
  const cluster = await startCluster()
  test.onTestFinished(() => cluster.close())
  const [{ port } = {}] = await cluster.query("select current_setting('port') as port")
  const served = `postgres://countersign@127.0.0.1:${String(port)}/countersign`
  const stage = await createOperatorStage(settingsOf(served), test)
  const backups = join(stage.folder, 'backups')
  mkdirSync(backups)
  const stubs = {
    useradd: '',
    chown: '',
    systemctl: '',
    curl: '',
    // Only root can give files away.
    install: '/usr/bin/install $(echo "$@" | sed "s/-[og] countersign//g")',
    // The superuser of this server has the name that the manual gives to the owner.
    runuser: '[ "$1 $3" = "-u --" ]; PGUSER=$2; shift 3; exec env PGUSER="$PGUSER" "$@"',
    countersign: `exec ${process.execPath} ${commandPath} "$@"`,
  }
  const env = { PATH: postgresTools, PGHOST: '127.0.0.1', PGPORT: String(port), PGDATABASE: 'postgres' }
  const owner = `owner_${process.pid}`
  const run = (block: string, shell?: string[], commandsHere: Readonly<Record<string, string>> = stubs) => {
    const commands = blockOf(block.startsWith('postgres-') ? 'backup.md' : 'postgresql.md', block)
      .replaceAll('postgres://countersign@/countersign?host=/run/postgresql', served)
      .replaceAll('-u postgres', '-u countersign_superuser')
      .replaceAll('countersign_owner', owner)
      .replaceAll('countersign_superuser', 'countersign_owner')
      .replaceAll('?host=/run/postgresql', '?host=127.0.0.1')
      .replaceAll('/var/backups/countersign', backups)
      .replaceAll('/var/lib/countersign', stage.folder)
      .replaceAll('/etc/countersign/countersign.config.json', stage.config)
    return runBlock(commands, commandsHere, env, shell)
  }
  return { cluster, stage, backups, stubs, env, run }
}

describe('the manual on PostgreSQL', () => {
  it('moves a server from SQLite to PostgreSQL with two roles, and it continues where it was', async (test) => {
    const { stage, run } = await openMachine(test, () => ({}))
    const first = await stage.serve()
    await stage.run('server users add alice --password-stdin', addAlice)
    await first.stop()

    await run('two-roles')
    await run('from-sqlite', ['bash'])

    expect(existsSync(stage.database)).toBe(false)
    expect(readdirSync(join(stage.folder, 'before-postgresql'))).toContain('auth.db')
    const second = await stage.serve()
    expect(second.said().stderr).not.toContain('first start')
    const { agent, resource } = await startParties(stage.issuer, person)
    expect((await agent.fetch(`${resource}/data-auth`)).status).toBe(200)
    expect((await stage.run('server users list')).stdout).toContain('alice')
    expect((await stage.run('server db check')).stdout).toBe('All checks passed.\n')
    expect(await stage.run('server db backup copy.db')).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('pg_dump'),
    })
    expect((await stage.run('doctor')).stdout).toMatch(/schema\s+version\s+\d+\b/)
  })

  it('creates two roles, makes a backup as the owner, and restores it', async (test) => {
    const { cluster, stage, backups, stubs, env, run } = await openMachine(test, (database) => ({ database }))
    await run('two-roles')
    const first = await stage.serve()
    await stage.run('server users add alice --password-stdin', addAlice)
    await run('postgres-backup')
    const [dump = '', ...others] = readdirSync(backups)
    expect([dump.endsWith('.dump'), others]).toEqual([true, []])
    const brokenOff = { ...stubs, runuser: 'printf PGDMP; exit 1' }
    await expect(run('postgres-backup', ['bash'], brokenOff)).rejects.toThrow('exited with 1')
    const [partial = ''] = readdirSync(backups).filter((name) => name !== dump)
    expect(partial).toMatch(/\.dump\.partial$/)
    rmSync(join(backups, partial))
    await run('postgres-try', ['bash'])
    const databases = "select 1 from pg_database where datname = 'countersign_tried'"
    expect(await cluster.query(databases)).toEqual([])
    expect(await stage.run(`server db check --db ${join(backups, dump)}`, { config: false })).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('but a PostgreSQL dump: restore it into a separate database'),
    })
    await stage.run('server users add bob --password-stdin', addAlice)
    await first.stop()
    await run('postgres-restore')
    const second = await stage.serve()
    expect(second.said().stderr).not.toContain('first start')
    const { stdout } = await stage.run('server users list')
    expect(stdout).toContain('alice')
    expect(stdout).not.toContain('bob')
    const { agent, resource } = await startParties(stage.issuer, person)
    expect((await agent.fetch(`${resource}/data-auth`)).status).toBe(200)
    expect((await stage.run(`doctor --backups ${backups}`)).stdout).toMatch(
      /The newest backup is\s+\S+\.dump:\s+0 h old/,
    )
    const asServing = { PGUSER: 'countersign', ...env }
    await expect(runBlock('pg_dump --format=custom countersign > /dev/null', {}, asServing)).rejects.toThrow(
      /permission denied for table audit_event/,
    )

    await second.stop()
    await cluster.query('drop database countersign_before')
    const whole = readFileSync(join(backups, dump))
    writeFileSync(join(backups, 'auth-99991231-000000.dump'), whole.subarray(0, whole.length / 3))
    await expect(run('postgres-try', ['bash'])).rejects.toThrow(/pg_restore: error: could not read/)
    await expect(run('postgres-restore', ['bash'])).rejects.toThrow(/pg_restore: error: could not read/)
    const { stdout: judged } = await stage.run(`doctor --backups ${backups} --json`, { env: { PATH: postgresTools } })
    expect(judged).toContain(
      'auth-99991231-000000.dump is incomplete or damaged: pg_restore reports \\"could not read from input file',
    )
    expect(judged).toContain('pg_restore read it completely.')
    expect((await stage.run('server users list')).stdout).toContain('alice')
    expect(await cluster.query("select 1 from pg_database where datname = 'countersign_before'")).toEqual([])
  })
})

it('the manual gives both users a password file for a remote database, which only they can read', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-elsewhere-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  for (const user of ['countersign', 'countersign_owner']) mkdirSync(join(folder, user))
  const stubs = { useradd: '', install: '/usr/bin/install $(echo "$@" | sed -E "s/-[og] [a-z_]+//g")' }
  await runBlock(blockOf('postgresql.md', 'owner-elsewhere').replaceAll('/var/lib', folder), stubs)
  for (const user of ['countersign', 'countersign_owner']) {
    const file = join(folder, user, '.pgpass')
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(readFileSync(file, 'utf8')).toBe(`db.internal:5432:*:${user}:the password of ${user}\n`)
  }
})

describe('two instances behind a plain proxy', () => {
  it('serve one flow together, with each request at the other instance, and both see a revocation at once', async () => {
    const { url } = await server.createDatabase()
    const stage = await createOperatorStage({ database: url })
    const ports = [await freePort(), await freePort()]
    const instances = await Promise.all(ports.map((port) => stage.serve({ port })))
    expect(instances.filter(({ said }) => said().stderr.includes('first start')).length).toBeGreaterThan(0)
    await openProxy(
      instances.map(({ origin }) => origin),
      Number(new URL(stage.issuer).port),
    )
    const kids = await Promise.all(
      instances.map(async ({ origin }) => JSON.stringify(await (await fetch(`${origin}/jwks.json`)).json())),
    )
    expect(kids[0]).toBe(kids[1])
    await stage.run('server users add alice --password-stdin', addAlice)
    for (let round = 0; round < 2; round += 1) {
      const { agent, resource } = await startParties(stage.issuer, person)
      expect((await agent.fetch(`${resource}/data-auth`)).status).toBe(200)
    }
    expect((await stage.run('server db check')).stdout).toBe('All checks passed.\n')
  })
})

describe('countersign server start --workers', () => {
  it('is refused on SQLite, and without a number', async () => {
    const stage = await createOperatorStage()
    expect(await stage.run('server start --workers 2')).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('--workers requires PostgreSQL'),
    })
    expect(await stage.run('server start --workers many')).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('--workers must be a whole number from 1 to 64'),
    })
  })

  it.each([0, 200, 400, 600])('exits with 0 if it is stopped %i ms after it starts serving', async (wait) => {
    const { url } = await server.createDatabase()
    const stage = await createOperatorStage({ database: url })
    const instance = await stage.spawnServe({ flags: ['--workers', '3'] })
    await new Promise((resolve) => setTimeout(resolve, wait))
    instance.child.kill('SIGTERM')
    expect(await instance.finished).toMatchObject({ status: 0, stderr: expect.not.stringContaining('replaced') })
  })

  it('closes a connection that was handed to a process killed before it accepts it', async () => {
    const { url } = await server.createDatabase()
    const adminPort = await freePort()
    const stage = await createOperatorStage({ database: url, admin: { port: adminPort } })
    const instance = await stage.spawnServe({ flags: ['--workers', '2'] })
    const readyz = () => fetch(`http://127.0.0.1:${adminPort + 1}/readyz`).catch(() => undefined)
    await expect.poll(async () => (await readyz())?.status).toBe(200)
    const [killed = 0] = childrenOf(instance.child.pid)
    process.kill(killed, 'SIGSTOP')
    const asked = Array.from({ length: 4 }, () => {
      const socket = connect(Number(new URL(stage.issuer).port), '127.0.0.1')
      onTestFinished(() => void socket.destroy())
      const seen = { isAnswered: false, isClosed: false }
      socket.on('error', () => undefined)
      socket.once('data', () => Object.assign(seen, { isAnswered: true }))
      socket.once('close', () => Object.assign(seen, { isClosed: true }))
      socket.write('GET /jwks.json HTTP/1.1\r\nhost: a\r\n\r\n')
      return seen
    })
    await expect.poll(() => asked.filter(({ isAnswered }) => isAnswered).length).toBe(3)
    process.kill(killed, 'SIGKILL')
    const held = asked.find(({ isAnswered }) => !isAnswered)
    await expect.poll(() => held?.isClosed).toBe(true)
    instance.child.kill('SIGTERM')
    expect(await instance.finished).toMatchObject({ status: 0 })
  })

  it('responds to the requests it accepted when all its processes are interrupted, as Ctrl-C does', async () => {
    const { url } = await server.createDatabase()
    const stage = await createOperatorStage({ database: url })
    const instance = await stage.spawnServe({ flags: ['--workers', '2'] })
    const socket = connect(Number(new URL(stage.issuer).port), '127.0.0.1')
    onTestFinished(() => void socket.destroy())
    let answer = ''
    socket.on('error', () => undefined)
    socket.setEncoding('latin1').on('data', (text: string) => {
      answer += text
    })
    // With the response to the first request, half of the second one has been read, too.
    socket.write('GET /jwks.json HTTP/1.1\r\nhost: a\r\n\r\nGET /jwks.json HTTP/1.1\r\n')
    await expect.poll(() => answer).toMatch(/^HTTP\/1\.1 200 [\s\S]*\}$/)
    answer = ''
    for (const pid of childrenOf(instance.child.pid)) process.kill(pid, 'SIGINT')
    instance.child.kill('SIGINT')
    await new Promise((resolve) => setTimeout(resolve, 300))
    socket.write('host: a\r\n\r\n')
    await expect.poll(() => answer).toMatch(/^HTTP\/1\.1 200 /)
    expect(await instance.finished).toMatchObject({ status: 0 })
  })

  it('serves one port with two processes, replaces one that is killed, and exits with all of them', async () => {
    const { url } = await server.createDatabase()
    const adminPort = await freePort()
    const stage = await createOperatorStage({ database: url, admin: { port: adminPort } })
    const instance = await stage.spawnServe({ flags: ['--workers', '2'] })
    const answering = () =>
      Promise.all(
        [0, 1].map(async (place) => {
          const answer = await fetch(`http://127.0.0.1:${adminPort + place}/readyz`).catch(() => undefined)
          return answer?.status
        }),
      )
    await expect.poll(answering).toEqual([200, 200])
    const [killed] = childrenOf(instance.child.pid)
    if (killed !== undefined) {
      process.kill(killed, 'SIGKILL')
      await expect.poll(() => instance.said().stderr).toContain('is being replaced')
      await expect.poll(answering).toEqual([200, 200])
    }
    await stage.run('server users add alice --password-stdin', addAlice)
    const { agent, resource } = await startParties(stage.issuer, person)
    expect((await agent.fetch(`${resource}/data-auth`)).status).toBe(200)
    instance.child.kill('SIGTERM')
    const { status } = await instance.finished
    expect(status).toBe(0)
    await expect(fetch(stage.issuer)).rejects.toThrow()
  })
})
