import { execFileSync } from 'node:child_process'
import { createPrivateKey, randomBytes } from 'node:crypto'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { describe, expect, it, onTestFinished } from 'vitest'
import { freePort } from '../../../../test/free-port.js'
import { need } from '../../../../test/needs.js'
import { drip } from '../../../cli/test/doctor/outside/hostile-server.js'
import { simulatePublicNetwork } from '../../../countersign/test/discovery/public-network.js'
import { certificateOf, startTlsServer, trust } from '../../../countersign/test/discovery/tls-server.js'
import { type Issued, issueCertificate } from '../../../countersign/test/x509/certificates.js'
import { openPostgres } from '../storage/postgres/postgres-server.js'
import { createOperatorStage, type OperatorStage } from './operator-stage.js'

interface Finding {
  check: string
  outcome: 'ok' | 'warning' | 'problem' | 'unknown'
  found: string
  fix?: string
}

/** The fault of a proxy. */
interface Fault {
  /** The target that it forwards. */
  target?: (url: string) => string
  /** The status that it returns itself. */
  answer?: (request: IncomingMessage) => number | undefined
  /** Its changes to the headers of a response. */
  headers?: (headers: Record<string, string | string[] | undefined>, path: string) => void
  body?: (text: string) => string
  /** Its handling of a request’s connection, instead of a response. */
  instead?: (socket: Socket, path: string) => boolean
}

/** A proxy to a server on this machine, with a fault. */
function passOn(port: number, { target, answer, headers, body, instead }: Fault = {}) {
  return (incoming: IncomingMessage, outgoing: ServerResponse) => {
    const { method = 'GET', url = '/' } = incoming
    if (instead?.(incoming.socket, url)) return undefined
    const status = answer?.(incoming)
    if (status !== undefined) return void outgoing.writeHead(status).end()
    const path = target?.(url) ?? url
    const sent = request({ host: '127.0.0.1', port, method, path, headers: incoming.headers }, (response) => {
      const changed = { ...response.headers }
      headers?.(changed, url)
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.once('end', () => {
        const text = Buffer.concat(chunks).toString()
        delete changed['content-length']
        outgoing.writeHead(response.statusCode ?? 502, changed).end(body?.(text) ?? text)
      })
    })
    incoming.pipe(sent)
    return undefined
  }
}

const switching = 'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n'

async function examine(stage: OperatorStage, args: string, env: NodeJS.ProcessEnv = {}) {
  const run = (flags: string) => stage.run(`doctor ${args}${flags}`, { config: false, env })
  const { status, stdout, stderr } = await run(' --json')
  const all = (JSON.parse(stdout) as { findings: Finding[] }[]).flatMap((part) => part.findings)
  // The disk usage of this machine is irrelevant to the command.
  const findings = all.filter(({ check }) => check !== 'disk')
  const of = (outcome: Finding['outcome']) =>
    findings.filter((finding) => finding.outcome === outcome).map(({ check }) => check)
  return { status, stderr, findings, of, run }
}

describe('countersign doctor from outside', () => {
  const ofPages = ['pages', 'links', 'paths', 'header sizes', 'admin port']
  const checks = ['document', 'keys', 'caching', 'pages', 'links', 'paths', 'header sizes', 'admin port', 'clock']

  async function behind(fault: Fault = {}) {
    const stage = await createOperatorStage({ trustProxy: ['127.0.0.1'] })
    const inner = await freePort()
    await stage.serve({ port: inner })
    const proxy = createServer({ maxHeaderSize: 32_768 }, passOn(inner, fault))
    await new Promise<void>((resolve) => proxy.listen(Number(new URL(stage.issuer).port), '127.0.0.1', resolve))
    onTestFinished(() => {
      proxy.closeAllConnections()
      proxy.close()
    })
    return examine(stage, stage.issuer)
  }

  it('finds nothing wrong behind a transparent proxy, and reports what it cannot check', async () => {
    const { status, of, run } = await behind()
    expect({ status, ok: of('ok'), unknown: of('unknown') }).toEqual({
      status: 0,
      ok: checks,
      unknown: ['certificate', 'plain http', 'client addresses'],
    })
    const { stdout } = await run('')
    expect(stdout).toMatch(/\n9 ok, 0 warnings, 0 problems, 3 not checked\.\n$/)
    for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80)
  })

  it.each<[string, string, Fault, string]>([
    ['decodes paths', 'paths', { target: decodeURIComponent }, '/%6Awks.json returns 200'],
    ['merges slashes', 'paths', { target: (url) => url.replace(/^\/\/+/, '/') }, '//jwks.json returns 200'],
    ['resolves dots', 'paths', { target: (url) => url.replace('/x/..', '') }, '/x/../jwks.json returns 200'],
    [
      'strips a header from pages',
      'pages',
      { headers: (headers) => delete headers['x-frame-options'] },
      'lacks x-frame-options, or',
    ],
    [
      'rejects long headers',
      'header sizes',
      { answer: ({ headers }) => (String(headers['signature-key']).length > 4000 ? 431 : undefined) },
      'returns 431',
    ],
    ['exposes metrics', 'admin port', { answer: ({ url }) => (url === '/metrics' ? 200 : undefined) }, 'read /metrics'],
    [
      'redirects elsewhere',
      'links',
      {
        headers: (headers) => {
          if (headers.location !== undefined) headers.location = 'http://10.0.0.1:8080/account'
        },
      },
      'redirects to http://10.0.0.1:8080/account',
    ],
    [
      'has a clock that is slow',
      'clock',
      { headers: (headers) => (headers.date = new Date(Date.now() - 90_000).toUTCString()) },
      's behind this machine’s clock',
    ],
    [
      'serves another issuer',
      'document',
      { body: (text) => text.replace(/"issuer":"[^"]*"/, '"issuer":"https://other.example"') },
      '',
    ],
    ['serves other documents', 'document', { answer: () => 404 }, 'There is no document at http://127.0.0.1:'],
  ])('finds a proxy that %s', async (_what, check, fault, said) => {
    const { status, findings, of } = await behind(fault)
    expect({ status, problems: of('problem') }).toEqual({ status: 1, problems: [check] })
    const problem = findings.find(({ outcome }) => outcome === 'problem')
    expect(problem).toMatchObject({ found: expect.stringContaining(said), fix: expect.stringMatching(/./) })
  })

  it('warns about a proxy that lets documents be cached for too long', async () => {
    const { status, of } = await behind({ headers: (headers) => (headers['cache-control'] = 'public, max-age=3600') })
    // Pages must not be cached at all.
    expect({ status, warnings: of('warning'), problems: of('problem') }).toEqual({
      status: 1,
      warnings: ['caching'],
      problems: ['pages'],
    })
  })

  it.each<[string, (socket: Socket) => void, string[]]>([
    ['closes connections', (socket) => socket.end(), ['pages', 'links', 'paths', 'header sizes']],
    ['switches to another protocol', (socket) => socket.write(switching), ofPages],
    ['never finishes its response', (socket) => drip(socket, 'HTTP/1.1 200 OK\r\n\r\n', 'x'), ofPages],
    ['sends nothing', () => undefined, ofPages],
  ])('finds a proxy that %s for everything except documents, and exits', async (_what, instead, problems) => {
    const { status, findings, of } = await behind({
      instead(socket, path) {
        const isHere = path !== '/jwks.json' && !path.startsWith('/.well-known/')
        if (isHere) instead(socket)
        return isHere
      },
    })
    expect({ status, problems: of('problem') }).toEqual({ status: 1, problems })
    expect(of('unknown')).toEqual(['certificate', 'plain http', 'client addresses'])
    for (const { outcome, fix } of findings) if (outcome === 'problem') expect(fix).toMatch(/./)
  })

  it.each<[string, (socket: Socket) => void]>([
    ['switches to another protocol', (socket) => socket.write(switching)],
    ['never finishes its response', (socket) => drip(socket, 'HTTP/1.1 200 OK\r\n\r\n', ' ')],
    ['keeps sending 100 Continue', (socket) => drip(socket, '', 'HTTP/1.1 100 Continue\r\n\r\n')],
  ])('finds a server that %s, whatever is requested', async (_what, instead) => {
    const { status, of } = await behind({
      instead(socket) {
        instead(socket)
        return true
      },
    })
    expect({ status, problems: of('problem'), ok: of('ok') }).toEqual({ status: 1, problems: ['document'], ok: [] })
  })

  it('reports that nothing responds, and stops', async () => {
    const stage = await createOperatorStage()
    const { status, of } = await examine(stage, stage.issuer)
    expect({ status, problems: of('problem'), ok: of('ok') }).toEqual({ status: 1, problems: ['document'], ok: [] })
  })

  it('explains what it needs if called without arguments', async () => {
    const stage = await createOperatorStage()
    for (const args of ['doctor', `doctor ${stage.issuer} --backups .`, 'doctor auth.example'])
      expect(await stage.run(args, { config: false }), args).toMatchObject({ status: 2, stdout: '' })
  })
})

describe('countersign doctor over TLS', () => {
  const host = 'auth.corp.example'

  async function behind(certificate: Issued, fault?: Fault, trusted: readonly Issued[] = [certificate]) {
    const stage = await createOperatorStage({
      issuer: `https://${host}`,
      allowInsecureLoopback: false,
      trustProxy: ['127.0.0.1'],
    })
    const { origin } = await stage.serve()
    const server = await startTlsServer(certificate, passOn(Number(new URL(origin).port), fault))
    trust(...trusted)
    simulatePublicNetwork({ [host]: [['10.1.2.3']] }, server.port)
    return examine(stage, `https://${host}`)
  }

  it('reports until when the certificate is valid, even on a private network', async () => {
    const { status, findings, of } = await behind(certificateOf(host))
    expect({ status, problems: of('problem'), warnings: of('warning') }).toEqual({
      status: 0,
      problems: [],
      warnings: [],
    })
    expect(findings[0]).toMatchObject({
      check: 'certificate',
      found: expect.stringMatching(/^Valid until \d{4}-.* for 36[45] more days; .*TLSv1\.3/),
    })
  })

  it('warns about a certificate that expires soon, and about a cookie without Secure', async () => {
    const soon = issueCertificate({ name: host, extensions: [`subjectAltName=DNS:${host}`], days: 10 })
    const insecure: Fault = {
      headers: (headers) =>
        (headers['set-cookie'] = [headers['set-cookie'] ?? []].flat().map((cookie) => cookie.replace(/; Secure/i, ''))),
    }
    const { status, of, findings } = await behind(soon, insecure)
    expect({ status, warnings: of('warning'), problems: of('problem') }).toEqual({
      status: 1,
      warnings: ['certificate'],
      problems: ['pages'],
    })
    expect(findings.find(({ check }) => check === 'pages')?.found).toBe('A cookie lacks the Secure attribute.')
  })

  it.each<[string, () => [Issued, Issued[]], string]>([
    [
      'for another host name',
      () => alone(certificateOf('other.example')),
      'It is valid for DNS:other.example, not for auth.corp.example.',
    ],
    [
      'from an untrusted issuer',
      () => [certificateOf(host), [certificateOf('root.example')]],
      'This machine does not trust it (',
    ],
    ['that has expired', () => alone(endedCertificate(host)), 'It expired on 20'],
  ])('reports a certificate %s, and trusts no other result', async (_what, make, said) => {
    const [certificate, trusted] = make()
    const { status, of, findings } = await behind(certificate, {}, trusted)
    expect({ status, problems: of('problem'), ok: of('ok') }).toEqual({ status: 1, problems: ['certificate'], ok: [] })
    expect(findings[0]).toMatchObject({ found: expect.stringContaining(said), fix: expect.stringMatching(/./) })
  })
})

/** `openssl req` cannot create an expired certificate. */
function endedCertificate(name: string): Issued {
  need('openssl')
  const folder = mkdtempSync(join(tmpdir(), 'ended-certificate-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const files = {
    'index.txt': '',
    serial: '01',
    'ca.cnf': `[ca]\ndefault_ca=own\n[own]\ndatabase=index.txt\nserial=serial\nnew_certs_dir=.\ndefault_md=sha256\npolicy=any
[any]\ncommonName=supplied\n[extensions]\nsubjectAltName=DNS:${name}\n`,
  }
  for (const [file, text] of Object.entries(files)) writeFileSync(join(folder, file), text)
  const openssl = (command: string) => execFileSync('openssl', command.split(' '), { cwd: folder, stdio: 'pipe' })
  openssl(
    `req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -subj /CN=${name} -out asked.pem`,
  )
  openssl(
    'ca -batch -config ca.cnf -selfsign -keyfile key.pem -in asked.pem -extensions extensions -startdate 20200101000000Z -enddate 20210101000000Z -notext -out certificate.pem',
  )
  const read = (file: string) => readFileSync(join(folder, file), 'utf8')
  return { pem: read('certificate.pem'), thumbprint: '', privateKey: createPrivateKey(read('key.pem')) }
}

const alone = (certificate: Issued): [Issued, Issued[]] => [certificate, [certificate]]

describe('countersign doctor from inside', () => {
  const settings = {
    issuer: 'https://auth.example',
    allowInsecureLoopback: false,
    trustProxy: ['127.0.0.1'],
  }

  /** A server that has run once. */
  async function started(changes: object = {}) {
    const stage = await createOperatorStage({ ...settings, ...changes })
    const running = await stage.serve()
    return { stage, running, ...stage }
  }

  it('finds a running server with a backup from today in order, and shows no secret', async () => {
    const port = await freePort()
    const { stage, folder, config, masterKey } = await started({ admin: { port } })
    const backups = join(folder, 'backups')
    mkdirSync(backups)
    await stage.run(`server db backup ${join(backups, 'auth.db')}`)
    writeFileSync(join(backups, 'notes.txt'), 'There is no usable database backup')
    const { findings, of, run } = await examine(stage, `--config ${config} --backups ${backups}`)
    expect(of('problem')).toEqual([])
    expect(of('ok')).toEqual(
      expect.arrayContaining([
        'settings',
        'safe start',
        'master key',
        'database',
        'keys',
        'key rotation',
        'proxy',
        'server',
        'readiness',
        'backups',
      ]),
    )
    const { stdout, stderr } = await run('')
    expect(stdout).toMatch(/ disk +\d+ MB are free on the disk that contains\s/)
    for (const line of stdout.split('\n').filter((text) => !text.includes(folder)))
      expect(line.length).toBeLessThanOrEqual(80)
    expect(stdout + stderr + JSON.stringify(findings)).not.toContain(readFileSync(masterKey, 'utf8').trim())
  })

  it('does not claim a database for the issuer in the configuration', async () => {
    const { stage, running, config, database } = await started()
    await running.stop()
    change(database, 'delete from deployment')
    for (const _ of [1, 2]) {
      const { findings } = await examine(stage, `--config ${config}`)
      expect(findings).toContainEqual(
        expect.objectContaining({
          check: 'database',
          outcome: 'warning',
          found: expect.stringContaining('belongs to no issuer yet'),
        }),
      )
    }
  })

  it('creates no keys in a database that only has those of another edition', async () => {
    const { stage, config, database } = await started()
    change(database, "update signing_key set edition = 'oauth'")
    const { findings } = await examine(stage, `--config ${config}`)
    expect(findings).toContainEqual(
      expect.objectContaining({ check: 'keys', outcome: 'warning', found: expect.stringContaining('january') }),
    )
    const keys = await stage.ask<{ edition: string }[]>('server keys list')
    expect(new Set(keys.map(({ edition }) => edition))).toEqual(new Set(['oauth']))
  })

  it.each<[string, string, 'problem' | 'warning', (stage: OperatorStage) => void, object?]>([
    [
      'an unknown setting',
      'settings',
      'problem',
      ({ config }) => writeFileSync(config, '{"isuer":"https://auth.example"}'),
    ],
    ['a world-readable key', 'safe start', 'problem', ({ masterKey }) => chmodSync(masterKey, 0o644)],
    ['an invalid master key', 'master key', 'problem', ({ masterKey }) => writeFileSync(masterKey, 'short')],
    [
      'a different master key',
      'keys',
      'problem',
      ({ masterKey }) => writeFileSync(masterKey, randomBytes(32).toString('base64url')),
    ],
    [
      'a database of another issuer',
      'database',
      'problem',
      ({ database }) => change(database, "update deployment set issuer = 'https://other.example'"),
    ],
    [
      'a database of a newer program',
      'database',
      'problem',
      ({ database }) => change(database, 'pragma user_version = 99'),
    ],
    [
      'a database of an older program',
      'database',
      'warning',
      ({ database }) => change(database, 'pragma user_version = 0'),
    ],
    [
      'a database of another program',
      'database',
      'problem',
      ({ database }) => writeFileSync(database, 'text '.repeat(1000)),
    ],
    [
      'an overdue rotation',
      'key rotation',
      'problem',
      ({ database }) =>
        change(database, 'update signing_key set created_at = created_at - 8000000, not_before_at = null'),
    ],
    [
      'a clock that was set back',
      'clock and records',
      'problem',
      ({ database }) =>
        change(database, "insert into audit_event (at, event) values (unixepoch() + 3600, 'thing.happened')"),
    ],
    ['an unlisted proxy', 'proxy', 'problem', () => undefined, { trustProxy: [] }],
    [
      'a proxy on another machine, while the server listens on this one',
      'proxy',
      'problem',
      () => undefined,
      { trustProxy: ['10.1.2.3'] },
    ],
  ])('finds %s', async (_what, check, outcome, spoil, changes) => {
    const { stage, running, config } = await started(changes)
    await running.stop()
    spoil(stage)
    const { findings, of, status } = await examine(stage, `--config ${config}`)
    expect(of(outcome)).toContain(check)
    // Also the server, which was stopped.
    expect(of('problem').filter((name) => name !== check)).toEqual(check === 'settings' ? [] : ['server'])
    expect(status).toBe(1)
    for (const finding of findings) if (finding.outcome === 'problem') expect(finding.fix, finding.found).toMatch(/./)
  })

  it('reports that it cannot see the address from which a proxy on another machine connects', async () => {
    const listen = { host: '0.0.0.0', port: await freePort() }
    const { stage, config } = await started({ trustProxy: ['10.1.2.99'], listen })
    const { findings } = await examine(stage, `--config ${config}`)
    expect(findings.filter(({ check }) => check === 'proxy')).toMatchObject([
      { outcome: 'unknown', fix: expect.stringContaining('proxy.not_trusted') },
      { outcome: 'warning', found: expect.stringContaining('without going through the proxy') },
    ])
  })

  it('reports the age of the newest backup, and who can read it', async () => {
    const { stage, folder, config, database } = await started()
    const backups = join(folder, 'backups')
    mkdirSync(backups)
    const judge = async () => {
      const { findings } = await examine(stage, `--config ${config} --backups ${backups}`)
      return findings.filter(({ check }) => check === 'backups').map(({ outcome }) => outcome)
    }
    expect(await judge()).toEqual(['problem'])
    const copy = join(backups, 'copy.db')
    writeFileSync(copy, readFileSync(database), { mode: 0o600 })
    const ago = (days: number) => utimesSync(copy, new Date(), new Date(Date.now() - days * 86_400_000))
    ago(2)
    expect(await judge()).toEqual(['warning'])
    ago(8)
    expect(await judge()).toEqual(['problem'])
    ago(0)
    chmodSync(copy, 0o644)
    expect(await judge()).toEqual(['ok', 'problem'])
    const { findings } = await examine(stage, `--config ${config} --backups ${join(folder, 'missing')}`)
    expect(findings.find(({ check }) => check === 'backups')).toMatchObject({ outcome: 'problem' })
  })

  it.each<[string, string, (whole: Buffer) => string | Buffer, RegExp]>([
    [
      'truncated',
      'new.db',
      (whole) => whole.subarray(0, whole.length / 2),
      /new\.db is truncated: it has \d+ of \d+ bytes\./,
    ],
    ['empty', 'new.dump', () => '', /new\.dump is empty\./],
    ['something else', 'new.db', () => 'text', /new\.db is not a database backup\./],
  ])('finds a copy that is newer than the newest good one, and is %s', async (_what, name, spoil, said) => {
    const { stage, folder, config } = await started()
    const backups = join(folder, 'backups')
    mkdirSync(backups)
    const good = join(backups, 'good.db')
    await stage.run(`server db backup ${good}`)
    const spoilt = join(backups, name)
    writeFileSync(spoilt, spoil(readFileSync(good)), { mode: 0o600 })
    writeFileSync(join(backups, 'good.db-wal'), '')
    utimesSync(good, new Date(), new Date(Date.now() - 3_600_000))
    const judge = async () => {
      const { findings } = await examine(stage, `--config ${config} --backups ${backups}`)
      return findings.filter(({ check }) => check === 'backups')
    }
    expect(await judge()).toEqual([
      { check: 'backups', outcome: 'problem', found: expect.stringMatching(said), fix: expect.stringMatching(/./) },
      {
        check: 'backups',
        outcome: 'ok',
        found: expect.stringMatching(/good\.db: 1 h old.* length matches its header\./),
      },
    ])
    utimesSync(spoilt, new Date(), new Date(Date.now() - 7_200_000))
    expect((await judge()).map(({ outcome }) => outcome)).toEqual(['ok'])
    rmSync(good)
    expect((await judge()).map(({ outcome }) => outcome)).toEqual(['problem', 'problem'])
  })

  it('reports a dump that it cannot read, and one that was interrupted', async () => {
    const { stage, folder, config } = await started()
    const backups = join(folder, 'backups')
    mkdirSync(backups)
    writeFileSync(join(backups, 'auth.dump'), 'PGDMP and more', { mode: 0o600 })
    const partial = join(backups, 'later.dump.partial')
    writeFileSync(partial, 'PGDMP')
    const judge = async () => {
      const { findings } = await examine(stage, `--config ${config} --backups ${backups}`, { PATH: folder })
      return findings.filter(({ check }) => check === 'backups')
    }
    expect(await judge()).toMatchObject([
      { outcome: 'ok', found: expect.stringContaining('auth.dump: 0 h old') },
      {
        outcome: 'unknown',
        found: expect.stringContaining('pg_restore, which verifies dumps, is not installed on this machine'),
      },
    ])
    utimesSync(partial, new Date(), new Date(Date.now() - 3_700_000))
    utimesSync(join(backups, 'auth.dump'), new Date(), new Date(Date.now() - 3_800_000))
    expect((await judge())[0]).toMatchObject({
      outcome: 'problem',
      found: expect.stringContaining('is an incomplete backup'),
    })
  })
})

it('countersign doctor, db check and db finish-restore support PostgreSQL, and show no password', async () => {
  const server = await openPostgres()
  onTestFinished(() => server.close())
  const { name, url } = await server.createDatabase()
  const database = Object.assign(new URL(url), { password: 'a-word-that-is-secret' }).href
  const stage = await createOperatorStage({ database })
  chmodSync(stage.config, 0o600)
  const running = await stage.serve()
  onTestFinished(() => void running.stop())
  const { findings, of } = await examine(stage, `--config ${stage.config}`)
  expect(of('problem')).toEqual([])
  expect(of('ok')).toEqual(expect.arrayContaining(['database', 'keys', 'key rotation', 'clock and records']))
  expect(await stage.ask('server db finish-restore')).toMatchObject({ sessions: 0 })
  await running.stop()
  // A table that takes longer to read than a server would wait.
  await server.query(
    'alter table nonce rename to all_nonces; create view nonce as select n.* from (select pg_sleep(2.1)) as slow left join all_nonces as n on true',
    name,
  )
  expect(await stage.ask('server db check')).toEqual([])
  const gone = await stage.run(`doctor --config ${stage.config} --json`, {
    config: false,
    env: { COUNTERSIGN_DATABASE: `${database}_gone` },
  })
  expect(gone.status).toBe(1)
  const [inside] = JSON.parse(gone.stdout) as { findings: Finding[] }[]
  expect(inside?.findings).toContainEqual(expect.objectContaining({ check: 'database', outcome: 'problem' }))
  expect(JSON.stringify(findings) + gone.stdout + gone.stderr).not.toContain('a-word-that-is-secret')
})

function change(path: string, statement: string): void {
  const database = new Database(path)
  database.exec(statement)
  database.close()
}
