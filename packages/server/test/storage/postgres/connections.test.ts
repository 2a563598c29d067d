import { execFile, execFileSync } from 'node:child_process'
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { migratePostgres, postgresStorage, readSchemaVersion } from 'countersign-server/postgres'
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { needInFile } from '../../../../../test/needs.js'
import { newUser } from '../fixtures.js'
import { type PostgresServer, startCluster } from './postgres-server.js'
import { patient } from './template.js'

const password = 'a password of a role'

let folder: string
let server: PostgresServer
let url: URL

const isThere = needInFile('openssl')

beforeAll(async () => {
  if (!isThere) return
  folder = mkdtempSync(join(tmpdir(), 'countersign-tls-'))
  for (const name of ['server', 'other']) {
    const subject = ['-subj', `/CN=${name}`, '-addext', 'subjectAltName=IP:127.0.0.1', '-days', '2']
    const out = ['-keyout', join(folder, `${name}.key`), '-out', join(folder, `${name}.pem`)]
    execFileSync('openssl', ['req', '-x509', '-newkey', 'ed25519', '-noenc', ...subject, ...out], { stdio: 'pipe' })
  }
  server = await startCluster({
    prepare: (data) => {
      copyFileSync(join(folder, 'server.pem'), join(data, 'server.crt'))
      execFileSync('install', ['-m', '600', join(folder, 'server.key'), join(data, 'server.key')])
      // Roles that log in over TLS with a password, and the owner without restrictions.
      writeFileSync(
        join(data, 'pg_hba.conf'),
        'host all countersign_owner all trust\nhostssl all all all scram-sha-256\n',
      )
      return { ssl: 'on' }
    },
  })
  await server.query(`create role over_tls login password '${password}'`)
  const database = await server.createDatabase()
  await server.query(`alter database ${database.name} owner to over_tls`)
  await server.query('alter schema public owner to over_tls', database.name)
  url = Object.assign(new URL(database.url), { username: 'over_tls' })
})

afterAll(async () => {
  if (!isThere) return
  await server?.close()
  rmSync(folder, { recursive: true, force: true })
})

/** Opens the database as the role, with these parameters in the URL and these lines in the password file. */
async function open(search: string, line = `127.0.0.1:*:*:over_tls:${password}`): Promise<void> {
  const passwords = join(folder, 'pgpass')
  writeFileSync(passwords, `${line}\n`, { mode: 0o600 })
  vi.stubEnv('PGPASSFILE', passwords)
  onTestFinished(() => void vi.unstubAllEnvs())
  const storage = await postgresStorage(`${url.href}?${search}`, { sweepInterval: 0, ...patient })
  await newUser(storage)
  await storage.close()
}

const root = (name: string) => `sslrootcert=${encodeURIComponent(join(folder, `${name}.pem`))}`

describe('a connection to PostgreSQL', () => {
  it('is encrypted to the server that the certificate names, with the password from the password file', async () => {
    await open(`sslmode=verify-full&${root('server')}`)
    await open('sslmode=require')
  })

  it.each<[string, string, RegExp]>([
    ['to a server with another certificate', 'sslmode=verify-full&ROOT', /sslrootcert=/],
    ['without encryption', 'sslmode=disable', /no encryption.*sslmode=verify-full/],
    ['if the URL does not mention encryption', '', /no encryption.*sslmode=verify-full/],
    ['with an unknown TLS mode', 'sslmode=verify-ful', /^sslmode=verify-ful is not valid: .*verify-full/],
  ])('is refused %s, with a fix', async (_claim, search, reason) => {
    await expect(open(search.replace('ROOT', root('other')))).rejects.toMatchObject({
      code: 'misconfigured',
      message: expect.stringMatching(reason),
    })
  })

  it('is refused with a wrong password, which is not revealed', async () => {
    const wrong = open(`sslmode=verify-full&${root('server')}`, '*:*:*:*:another password')
    await expect(wrong).rejects.toMatchObject({ code: 'misconfigured', message: expect.stringContaining('over_tls') })
    await expect(wrong).rejects.not.toMatchObject({ message: expect.stringContaining('another password') })
  })

  it('is refused without a password; the program exits at once, without deprecation warnings', async () => {
    vi.stubEnv('PGPASSFILE', join(folder, 'of-nobody'))
    onTestFinished(() => void vi.unstubAllEnvs())
    const program = `
      import { postgresStorage } from 'countersign-server/postgres'
      await postgresStorage(${JSON.stringify(`${url.href}?sslmode=require`)}).catch(({ code, message }) => console.log(code, message))
      setTimeout(() => console.error('still running after 3 s'), 3000).unref()`
    const { stdout, stderr } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program])
    expect(stdout).toMatch(/^misconfigured .* requires a password, but none was found: .*PGPASSFILE/)
    expect(stderr).toBe('')
  })
})

describe('the serving role', () => {
  it('must exist: otherwise nothing is created', async () => {
    const database = await server.createDatabase()
    await expect(migratePostgres(database.url, { serveAs: 'countersgin' })).rejects.toMatchObject({
      code: 'misconfigured',
      message: expect.stringContaining('role countersgin does not exist'),
    })
    expect(await readSchemaVersion(database.url)).toMatchObject({ found: 0 })
  })

  it('gets an error with the command that grants it access, if it has none yet', async () => {
    const database = await server.createDatabase()
    await migratePostgres(database.url)
    await server.query(`grant connect on database ${database.name} to over_tls`)
    const served = Object.assign(new URL(database.url), { username: 'over_tls', password })
    await expect(postgresStorage(`${served.href}?sslmode=require`)).rejects.toMatchObject({
      code: 'misconfigured',
      message: expect.stringContaining('countersign server db migrate --serve-as'),
    })
  })
})
