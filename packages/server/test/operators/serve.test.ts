import { chmodSync, closeSync, existsSync, openSync, statSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { createSigner, generatePrivateJwk } from 'countersign'
import { january } from 'countersign/editions'
import { signRequest } from 'countersign/signatures'
import { decodeToken } from 'countersign/tokens'
import { describe, expect, it, onTestFinished } from 'vitest'
import { freePort } from '../../../../test/free-port.js'
import { statusForHost } from '../../../../test/status-for-host.js'
import { listenOnLoopback } from '../listening-origin.js'
import { startParties } from './loopback-parties.js'
import { createOperatorStage } from './operator-stage.js'

const person = { username: 'alice', password: 'a password of alice' }
const addAlice = { input: `${person.password}\n` }

describe('countersign server start', () => {
  it('completes a flow from an empty folder to an allowed response, following its first-start output', async () => {
    const stage = await createOperatorStage()
    const instance = await stage.spawnServe()
    const { stderr } = instance.said()
    expect(stderr).toContain('This was the first start')
    expect(stderr).toContain(`countersign server users add <username> --config ${stage.config}`)
    expect(stderr).toContain(`${stage.issuer}/.well-known/aauth-issuer`)
    expect(statSync(stage.database).mode & 0o777).toBe(0o600)
    const metadata = await (await fetch(`${stage.issuer}/.well-known/aauth-issuer`)).json()
    expect(metadata).toMatchObject({ issuer: stage.issuer })

    expect(await stage.run('server users add alice --password-stdin', addAlice)).toMatchObject({
      status: 0,
      stderr: '',
    })
    const { agent, resource, asked } = await startParties(stage.issuer, person)
    const response = await agent.fetch(`${resource}/data-auth`)
    expect(response.status).toBe(200)
    expect(asked).toHaveLength(1)

    instance.child.kill('SIGTERM')
    const { status, stdout } = await instance.finished
    expect(status).toBe(0)
    const lines = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
    const logged = lines.find(({ path }) => path === '/agent/token')
    expect(logged).toMatchObject({
      event: 'request',
      method: 'POST',
      route: '/agent/token',
      outcome: 'ok',
      status: 200,
      ms: expect.any(Number),
      id: expect.any(String),
    })
    expect(lines).toContainEqual(expect.objectContaining({ event: 'decision', by: 'person', outcome: 'allowed' }))
    for (const secret of [person.password, 'aarq_', 'aacd_', 'aasn_', 'eyJ', '?']) expect(stdout).not.toContain(secret)
  })

  it('loads everything on the second start, without the first-start output', async () => {
    const stage = await createOperatorStage()
    const first = await stage.serve()
    await stage.run('server users add alice --password-stdin', addAlice)
    const { keys } = (await (await fetch(`${stage.issuer}/jwks.json`)).json()) as { keys: { kid: string }[] }
    await first.stop()
    const second = await stage.serve()
    expect(second.said().stderr).not.toContain('first start')
    expect(await (await fetch(`${stage.issuer}/jwks.json`)).json()).toEqual({ keys })
    expect(await stage.ask('server users list')).toMatchObject([{ username: 'alice', status: 'active' }])
  })

  it('rotates its keys automatically: one of two instances does, and logs it; none if rotation is disabled', async () => {
    const stage = await createOperatorStage({ keyRotation: { rotateAfter: 30 * 86_400 } })
    const first = await stage.serve()
    expect((await first.stop()).stdout).not.toContain('keys.rotated')
    const database = new Database(stage.database)
    database.exec(
      'update signing_key set created_at = created_at - 31 * 86400, not_before_at = not_before_at - 31 * 86400',
    )
    database.close()
    const off = await stage.serve({ env: { COUNTERSIGN_KEY_ROTATION_ROTATE_AFTER: '0' } })
    expect((await off.stop()).stdout).not.toContain('keys.rotated')
    const other = await freePort()
    const instances = [await stage.serve(), await stage.serve({ port: other })]
    const logs = (await Promise.all(instances.map(({ stop }) => stop()))).map(({ stdout }) => stdout).join('')
    expect(logs.match(/"event":"keys.rotated","activated":"[^"]+"/g)).toHaveLength(1)
    expect(logs).not.toContain('keys.rotation_failed')
    expect((await stage.run('server audit export --event keys.rotated')).stdout).toContain('"by":"server"')
  })

  it('continues on a copy of the database: keys, grants and refresh tokens, the latter until db finish-restore (F14)', async () => {
    const stage = await createOperatorStage({ lifetimes: { authToken: 40 }, durations: ['until-removed'] })
    const first = await stage.spawnServe()
    await stage.run('server users add alice --password-stdin', addAlice)
    let ahead = 0
    const now = () => Math.floor(Date.now() / 1000) + ahead
    const asksForTokens: string[] = []
    const recording: typeof globalThis.fetch = async (input, init) => {
      const sent = new Request(input, init)
      if (sent.url === `${stage.issuer}/agent/token`) asksForTokens.push(await sent.clone().text())
      return fetch(sent)
    }
    const options = { agent: { now, fetch: recording } }
    const { agent, resource, asked } = await startParties(stage.issuer, person, options)
    expect((await agent.fetch(`${resource}/data-auth`)).status).toBe(200)
    const copy = join(stage.folder, 'copy.db')
    const database = new Database(stage.database)
    await database.backup(copy)
    database.close()
    chmodSync(copy, 0o600)
    first.child.kill('SIGKILL')
    await first.finished

    await stage.serve({ env: { COUNTERSIGN_DATABASE: copy } })
    // The agent refreshes a token that expires in 5 s, by its clock.
    ahead = 36
    expect((await agent.fetch(`${resource}/data-auth`)).status).toBe(200)
    expect(asked).toHaveLength(1)
    expect(asksForTokens.at(-1)).toContain('request_type=refresh')

    // As an operator does after a restore: the refresh token no longer works, and the user is prompted again.
    expect(await stage.run(`server db finish-restore --db ${copy}`, { config: false })).toMatchObject({ status: 0 })
    expect((await agent.fetch(`${resource}/data-auth`)).status).toBe(200)
    expect(asked).toHaveLength(2)
    expect(await stage.run(`server db check --db ${copy}`, { config: false })).toMatchObject({ status: 0 })
  })

  it('warns once about X-Forwarded-For from an address that is not in trustProxy', async () => {
    const other = await createOperatorStage({ trustProxy: ['10.1.2.3'] })
    const named = await createOperatorStage({ trustProxy: ['127.0.0.1'] })
    const warnings: number[] = []
    for (const stage of [other, named]) {
      const { said } = await stage.serve()
      for (let sent = 0; sent < 2; sent += 1)
        await fetch(`${stage.issuer}/jwks.json`, { headers: { 'X-Forwarded-For': '203.0.113.9' } })
      const { stdout } = said()
      warnings.push(stdout.split('"event":"proxy.not_trusted","address":"127.0.0.1"').length - 1)
      expect(stdout).not.toContain('203.0.113.9')
    }
    expect(warnings).toEqual([1, 0])
  })

  it.each<[string, object, number]>([
    ['holds up to the limit of idle connections per address', { limits: { idlePerAddress: 2 } }, 2],
    ['and a quarter of all connections by default', { limits: { connections: 13 } }, 4],
    ['holds up to the limit of connections per network', { limits: { connectionsPerNetwork: 3 } }, 3],
    ['and half of all connections by default', { limits: { connections: 10, idlePerAddress: 10 } }, 5],
    [
      'but any number of connections from a proxy',
      { limits: { idlePerAddress: 2, connectionsPerNetwork: 3 }, trustProxy: ['127.0.0.1'] },
      6,
    ],
  ])('%s', async (_claim, settings, most) => {
    const stage = await createOperatorStage(settings)
    await stage.serve()
    const sockets = Array.from({ length: 6 }, () => connect(Number(new URL(stage.issuer).port), '127.0.0.1'))
    onTestFinished(() => {
      for (const socket of sockets) socket.destroy()
    })
    for (const [index, socket] of sockets.entries()) {
      socket.on('error', () => undefined)
      // As idle as those that send nothing.
      if (index % 2 === 0) socket.write('POST /agent/token HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\n')
    }
    const open = () => sockets.filter(({ readyState }) => readyState === 'open').length
    await expect.poll(open).toBe(most)
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(open()).toBe(most)
    expect((await fetch(`${stage.issuer}/jwks.json`)).status).toBe(200)
  })

  it('serves health and metrics on the admin port only (O08)', async () => {
    const port = await freePort()
    const stage = await createOperatorStage({ admin: { port } })
    await stage.serve()
    for (const path of ['/healthz', '/readyz', '/metrics']) {
      expect((await fetch(`http://127.0.0.1:${port}${path}`)).status).toBe(200)
      expect((await fetch(stage.issuer + path)).status).toBe(404)
    }
    expect((await fetch(`http://127.0.0.1:${port}/jwks.json`)).status).toBe(404)
  })

  it('serves its admin port under its own hosts only, so that no web page can read it (O08)', async () => {
    const port = await freePort()
    const stage = await createOperatorStage({ admin: { port, hosts: ['metrics.internal'] } })
    await stage.serve()
    const own = ['127.0.0.1', `127.0.0.1:${port}`, `localhost:${port}`, 'LOCALHOST', '[::1]:1', 'Metrics.Internal:9080']
    const others = ['rebound.example', `rebound.example:${port}`, 'localhost.rebound.example', '127.0.0.2', '[::2]', '']
    for (const path of ['/healthz', '/readyz', '/metrics']) {
      for (const host of own) expect([host, await statusForHost(port, path, host)]).toEqual([host, 200])
      for (const host of others) expect([host, await statusForHost(port, path, host)]).toEqual([host, 421])
      expect(await statusForHost(port, path, 'localhost', 'rebound.example')).not.toBe(200)
    }
  })

  it('logs the reference shown on the page, without the token from the URL or path', async () => {
    const stage = await createOperatorStage()
    const { said } = await stage.serve()
    const token = `aarq_${'x'.repeat(43)}`
    await fetch(`${stage.issuer}/agent/auth?request_token=${token}`)
    await (await fetch(`${stage.issuer}/${token}/eyJhbGciOiJub25lIn0.e30.`)).text()
    const page = await (await fetch(`${stage.issuer}/nowhere`)).text()
    await expect.poll(() => said().stdout).toContain('"path":"/nowhere"')
    const line =
      said()
        .stdout.split('\n')
        .find((text) => text.includes('"path":"/nowhere"')) ?? '{}'
    expect(page).toContain((JSON.parse(line) as { id: string }).id)
    expect(said().stdout).toContain('"path":"/aarq_…/eyJ…"')
    expect(said().stdout).not.toContain('xxxx')
  })

  it('logs which agent was refused by which rule, was blocked or could not be fetched, and why', async () => {
    const stage = await createOperatorStage({
      policies: [
        { agent: 'https://other.example', decision: 'deny' },
        { agent: '*', scopes: ['data.write'], decision: 'deny' },
        { name: 'no-deleting', agent: '*', scopes: ['data.delete'], decision: 'deny' },
      ],
    })
    const { said } = await stage.serve()
    const signer = await createSigner(await generatePrivateJwk({ kid: 'agent-1' }))
    const agentAt = await listenOnLoopback()
    onTestFinished(() => agentAt.close())
    const id = agentAt.origin
    const redirect_uri = `${id}/callback`
    agentAt.serve(async ({ url }) =>
      url.endsWith('/jwks.json')
        ? Response.json({ keys: [signer.jwk] })
        : Response.json({ agent: id, jwks_uri: `${id}/jwks.json`, redirect_uris: [redirect_uri] }),
    )
    const ask = async (scope: string, agent = id) => {
      const body = new URLSearchParams({ request_type: 'auth', scope, redirect_uri })
      const request = new Request(`${stage.issuer}/agent/token`, { method: 'POST', body })
      const signatureKey = { scheme: 'jwks', id: agent, kid: 'agent-1', wellKnown: 'aauth-agent' } as const
      const response = await fetch(await signRequest(request, { profile: january.signing, signer, signatureKey }))
      const { error_description: description } = (await response.json()) as { error_description?: string }
      return { status: response.status, description }
    }
    const lines = (code: string) =>
      said()
        .stdout.split('\n')
        .filter((line) => line.includes(`"code":"${code}"`))
        .map((line) => JSON.parse(line) as Record<string, unknown>)
    const byRule = { status: 403, description: "This server's policy does not allow this." }
    const common = { event: 'refusal', status: 403, agent: id }
    expect(await ask('data.read')).toMatchObject({ status: 200 })
    expect(await ask('data.write')).toEqual(byRule)
    expect(await ask('data.delete')).toEqual(byRule)
    await expect
      .poll(() => lines('policy_denied'))
      .toMatchObject([
        { ...common, rule: 'policies[1]' },
        { ...common, rule: 'no-deleting' },
      ])
    await stage.run(`server agents block ${id}`)
    expect(await ask('data.read')).toEqual({ status: 403, description: 'This agent is blocked on this server.' })
    await expect.poll(() => lines('agent_blocked')).toMatchObject([common])
    const nobody = `http://127.0.0.1:${await freePort()}`
    expect(await ask('data.read', nobody)).toMatchObject({ status: 401 })
    await expect
      .poll(() => lines('key_unknown'))
      .toMatchObject([
        { ...common, status: 401, agent: nobody, claimed: true, reason: expect.stringContaining('ECONNREFUSED') },
      ])
    const { stdout } = await stage.run('server audit export --event agent.refused')
    const recorded = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { agent: string; data: Record<string, unknown> })
    expect(recorded.map(({ agent, data }) => [agent, data.code, data.rule])).toEqual([
      [id, 'policy_denied', 'policies[1]'],
      [id, 'policy_denied', 'no-deleting'],
      [id, 'agent_blocked', undefined],
      [nobody, 'key_unknown', undefined],
    ])
  })

  it('keeps serving while its log cannot be read', async () => {
    const stage = await createOperatorStage()
    const { child } = await stage.spawnServe()
    child.stdout?.destroy()
    for (let i = 0; i < 5; i++) expect((await fetch(`${stage.issuer}/jwks.json`)).status).toBe(200)
  })

  it('keeps serving with its log on a full disk, counts the failed writes, and stops when asked to (F6)', async () => {
    const port = await freePort()
    const stage = await createOperatorStage({ admin: { port } })
    const full = openSync('/dev/full', 'w')
    onTestFinished(() => closeSync(full))
    const { child, finished } = await stage.spawnServe({ stdout: full })
    const lost = async () =>
      Number(/log_write_errors_total (\d+)/.exec(await (await fetch(`http://127.0.0.1:${port}/metrics`)).text())?.[1])
    for (let sent = 0; sent < 50; sent++) expect((await fetch(`${stage.issuer}/jwks.json`)).status).toBe(200)
    // Lines logged while one is being written are written together.
    await expect.poll(lost).toBeGreaterThan(1)
    child.kill('SIGTERM')
    expect(await finished).toMatchObject({ status: 0 })
  })

  it('keeps serving while its log output is not consumed, and stops when asked to', async () => {
    const stage = await createOperatorStage()
    const { child, finished } = await stage.spawnServe()
    child.stdout?.pause()
    // More than a pipe buffer holds.
    const long = 'x'.repeat(200)
    for (let sent = 0; sent < 800; sent++) await fetch(`${stage.issuer}/${long}`, { method: 'HEAD' })
    expect((await fetch(`${stage.issuer}/jwks.json`)).status).toBe(200)
    child.kill('SIGTERM')
    await new Promise((resolve) => child.once('exit', resolve))
    child.stdout?.resume()
    expect(await finished).toMatchObject({ status: 0 })
  })
})

describe('countersign server start and every command refuse an unusable database, and say what to do', () => {
  const commands = [
    'server start',
    'server users list',
    'server users add bob --password-stdin',
    'server agents block https://a.example',
    'server grants list',
    'server keys list',
    'server keys rotate --now',
    'server audit export',
  ]

  async function stageWithDatabase() {
    const stage = await createOperatorStage()
    const { stop } = await stage.serve()
    await stop()
    return stage
  }

  it('of another issuer', async () => {
    const stage = await stageWithDatabase()
    const other = `http://127.0.0.1:${await freePort()}`
    for (const command of commands) {
      const { status, stdout, stderr } = await stage.run(command, { ...addAlice, env: { COUNTERSIGN_ISSUER: other } })
      expect({ command, status, stdout }).toEqual({ command, status: 1, stdout: '' })
      expect(stderr).toBe(
        `The database belongs to the issuer ${stage.issuer}, not to ${other}. An issuer can never change, because every token contains it: restore the previous issuer, or use another database.\n`,
      )
    }
    expect(await stage.run('server users list')).toMatchObject({ status: 0 })
  })

  it('of a newer program, also with --db', async () => {
    const stage = await stageWithDatabase()
    const database = new Database(stage.database)
    database.pragma('user_version = 999')
    database.close()
    for (const command of commands) {
      const { status, stdout, stderr } = await stage.run(command, addAlice)
      expect({ command, status, stdout }).toEqual({ command, status: 1, stdout: '' })
      expect(stderr).toMatch(
        /^\S+auth\.db was written by a newer version of this program \(schema 999; .*restore a backup from before the upgrade\.\n$/,
      )
    }
    const direct = await stage.run(`server users list --db ${stage.database}`, { config: false })
    expect(direct).toMatchObject({ status: 1, stderr: expect.stringContaining('newer version') })
  })
})

const corporate = { id: 'corp', name: 'Corp', issuer: 'https://id.example', clientId: 'c' }

describe('countersign server start refuses to start, and reports why', () => {
  it('without a master key', async () => {
    const stage = await createOperatorStage({ masterKeyFile: undefined })
    const { status, stderr } = await stage.run('server start')
    expect(status).toBe(2)
    expect(stderr).toMatch(/masterKey: is missing.*countersign server keys generate-master/)
    expect(existsSync(stage.database)).toBe(false)
  })

  it('with all problems at once: of settings, of the master key, and of the files that settings name', async () => {
    const stage = await createOperatorStage({
      masterKeyFile: undefined,
      listen: { port: 'x' },
      pages: { colour: 'red' },
      certificateRoots: ['nowhere.pem'],
      accounts: { nothing: 1, identityProviders: [{ ...corporate, clientSecret: 'changeme' }] },
    })
    const { status, stderr } = await stage.run('server start')
    expect(status).toBe(2)
    for (const problem of [
      /listen\.port: must be a number/,
      /pages\.colour: is not a setting/,
      /accounts\.nothing: is not a setting/,
      /accounts\.identityProviders\[0\]\.clientSecret: is a placeholder/,
      /certificateRoots\[0\]: /,
      /masterKey: is missing/,
    ])
      expect(stderr).toMatch(problem)
    const settings = stderr.match(/^ *\S+(?=: )/gm) ?? []
    expect(new Set(settings).size, 'each is reported once').toBe(settings.length)
  })

  it('reports an invalid master key file setting once', async () => {
    const stage = await createOperatorStage({ masterKeyFile: 5 })
    const { stderr } = await stage.run('server start')
    expect(stderr).toMatch(/masterKeyFile: must be a string/)
    expect(stderr).not.toContain('is missing')
  })

  it('without PostgreSQL, and what to check', async () => {
    const stage = await createOperatorStage({ database: 'postgres://127.0.0.1:1/auth' })
    expect(await stage.run('server start')).toMatchObject({
      status: 3,
      stderr: expect.stringMatching(/connect ECONNREFUSED 127\.0\.0\.1:1\. Check that PostgreSQL is running, /),
    })
  })

  it('with a master key other than the database’s (F14)', async () => {
    const stage = await createOperatorStage()
    const first = await stage.serve()
    await first.stop()
    const { stdout: other } = await stage.run('server keys generate-master', { config: false })
    writeFileSync(join(stage.folder, 'master.key'), other)
    const { status, stderr } = await stage.run('server start')
    expect(status).toBe(1)
    expect(stderr).toContain('encrypted with a different master key')
  })

  it('with world-readable files, or without TLS verification (O06)', async () => {
    const stage = await createOperatorStage()
    chmodSync(join(stage.folder, 'master.key'), 0o644)
    const { status, stderr } = await stage.run('server start', { env: { NODE_TLS_REJECT_UNAUTHORIZED: '0' } })
    expect(status).toBe(2)
    expect(stderr).toContain('NODE_TLS_REJECT_UNAUTHORIZED: is 0')
    expect(stderr).toContain(`masterKeyFile: can be read or changed by anyone on this machine: chmod 600`)
  })

  it('with several invalid files, each by the setting that names it', async () => {
    const identityProviders = [
      { id: 'a', name: 'A', issuer: 'https://a.example', clientId: 'c', clientSecret: 'secret' },
    ]
    const stage = await createOperatorStage({
      masterKeyFile: 'no-master.key',
      certificateRoots: ['no-roots.pem'],
      accounts: { identityProviders },
    })
    chmodSync(stage.config, 0o600)
    const { status, stdout, stderr } = await stage.run('server start')
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
    expect(stderr.split('\n')).toEqual([
      `${stage.config} is invalid:`,
      '  accounts.identityProviders[0].clientSecret: is a placeholder: set the secret that the provider issued',
      expect.stringMatching(/^ {2}masterKeyFile: is missing/),
      expect.stringMatching(/^ {2}certificateRoots\[0\]: names a file that does not exist:/),
      '',
    ])
  })

  it('with invalid settings, each by name', async () => {
    const stage = await createOperatorStage({ issuer: 'http://auth.example', lifetimes: { code: 1 }, sginUp: true })
    const { status, stdout, stderr } = await stage.run('server start')
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
    expect(stderr).toContain('lifetimes.code: must be at least 5')
    expect(stderr).toContain('sginUp: is not a setting; did you mean accounts.signUp?')
    expect(stderr).toContain('issuer: must use https')
    expect(stderr).not.toMatch(/at .*\.js:/)
  })

  it('on a port in use, without the advice to change the issuer of an existing database', async () => {
    const stage = await createOperatorStage()
    await stage.serve()
    const { status, stderr } = await stage.run('server start')
    expect(status).toBe(1)
    expect(stderr).toContain(
      'is already in use: stop the process that is using it, or change the port of issuer, which is possible only before the first start.',
    )
  })

  it('on a port other than that of an http issuer, with a warning', async () => {
    const port = await freePort()
    const stage = await createOperatorStage()
    const { said } = await stage.serve({ port })
    expect(said().stderr).toContain(`listen.port is ${port}, but issuer is ${stage.issuer}.`)
  })

  it('on a port used twice, or an address that is not local, with the setting to change', async () => {
    const port = await freePort()
    const twice = await createOperatorStage({ listen: { port }, admin: { port } })
    expect((await twice.run('server start')).stderr).toContain(
      'is already in use: stop the process that is using it, or change admin.port.',
    )
    const elsewhere = await createOperatorStage({ listen: { host: '192.0.2.1', port } })
    expect((await elsewhere.run('server start')).stderr).toContain(
      'cannot be opened (EADDRNOTAVAIL): change listen.host.',
    )
  })

  it('without a configuration, with status 2 and the required settings', async () => {
    const stage = await createOperatorStage()
    const { status, stderr } = await stage.run('server start', { config: false })
    expect(status).toBe(2)
    for (const text of ['“Server configuration”', '"masterKeyFile": "master.key"']) expect(stderr).toContain(text)
    expect(await stage.run('server start --colour', { config: false })).toMatchObject({ status: 2 })
  })
})

describe.concurrent('/readyz', () => {
  it('reports that the database rejects writes, logs it once, and recovers', async ({ expect, ...test }) => {
    const port = await freePort()
    const stage = await createOperatorStage({ admin: { port } }, test)
    const { said } = await stage.serve()
    const readyz = async () => {
      const response = await fetch(`http://127.0.0.1:${port}/readyz`)
      return `${response.status} ${await response.text()}`
    }
    expect(await readyz()).toBe('200 ready\n')
    const other = new Database(stage.database)
    other.exec('begin immediate')
    const options = { interval: 200 }
    await expect.poll(readyz, options).toBe('503 not ready: the database does not respond, or cannot be written to\n')
    expect(await readyz()).toBe('503 not ready: the database does not respond, or cannot be written to\n')
    expect((await fetch(`${stage.issuer}/jwks.json`)).status).toBe(200)
    other.exec('rollback')
    other.close()
    await expect.poll(readyz, options).toBe('200 ready\n')
    const lines = said().stdout.split('\n')
    expect(lines.filter((line) => line.includes('"event":"not_ready"'))).toHaveLength(1)
    expect(lines.filter((line) => line.includes('"event":"ready"'))).toHaveLength(1)
  })
})

describe.concurrent('several instances on one database', () => {
  it('sign with the new key, and accept the old one, after a rotation during operation', async ({
    expect,
    ...test
  }) => {
    const stage = await createOperatorStage({ lifetimes: { authToken: 3600 } }, test)
    const one = await stage.serve()
    const two = await stage.spawnServe({ port: await freePort() })
    await stage.run('server users add alice --password-stdin', addAlice)
    const kidsAt = async (origin: string) => {
      const { keys } = (await (await fetch(`${origin}/jwks.json`)).json()) as { keys: { kid: string }[] }
      return keys.map(({ kid }) => kid).sort()
    }
    const before = await kidsAt(one.origin)
    expect(await kidsAt(two.origin)).toEqual(before)
    const { agent, resource } = await startParties(stage.issuer, person, {}, test)
    expect((await agent.fetch(`${resource}/data-auth`)).status).toBe(200)

    const early = await stage.run('server keys rotate')
    expect(early.status).toBe(1)
    expect(early.stderr).toContain('cannot sign before')
    const rotated = await stage.run('server keys rotate --now --json')
    expect(rotated).toMatchObject({ status: 0, stderr: expect.stringContaining('Warning') })
    const { activated, next } = JSON.parse(rotated.stdout) as { activated: string; next: string }
    expect(before).toContain(activated)
    for (const { origin } of [one, two]) {
      await expect.poll(() => kidsAt(origin), { interval: 250 }).toEqual([...before, next].sort())
    }
    expect((await agent.fetch(`${resource}/data-auth`)).status).toBe(200)
    const sentKeys: string[] = []
    const fresh = await startParties(
      stage.issuer,
      person,
      {
        agent: {
          fetch: (input, init) => {
            const sent = new Request(input, init)
            sentKeys.push(sent.headers.get('signature-key') ?? '')
            return fetch(sent)
          },
        },
      },
      test,
    )
    expect((await fresh.agent.fetch(`${fresh.resource}/data-auth`)).status).toBe(200)
    const [, token = ''] = /jwt="([^"]+)"/.exec(sentKeys.at(-1) ?? '') ?? []
    expect(decodeToken(token)?.header.kid).toBe(activated)
    const states = await stage.ask<{ kid: string; state: string; purpose: string }[]>('server keys list')
    expect(states.find(({ kid }) => kid === activated)?.state).toBe('active')
    expect(
      states
        .filter(({ purpose }) => purpose === 'sign')
        .map(({ state }) => state)
        .sort(),
    ).toEqual(['active', 'next', 'retiring'])
  })

  it('refuse a blocked agent at once, and accept it again (A19)', async ({ expect, ...test }) => {
    const stage = await createOperatorStage({}, test)
    await stage.serve()
    const two = await stage.spawnServe({ port: await freePort() })
    await stage.run('server users add alice --password-stdin', addAlice)
    const atTwo: typeof globalThis.fetch = (input, init) => {
      const sent = new Request(input, init)
      if (!sent.url.startsWith(`${stage.issuer}/agent/token`)) return fetch(sent)
      return fetch(new Request(sent.url.replace(stage.issuer, two.origin), sent))
    }
    const { agent, resource } = await startParties(stage.issuer, person, { agent: { fetch: atTwo } }, test)
    expect((await agent.fetch(`${resource}/data-auth`)).status).toBe(200)

    await stage.run(`server agents block ${agent.id}`)
    expect(await stage.ask('server agents list --blocked')).toMatchObject([{ agent: agent.id }])
    const other = await startParties(stage.issuer, person, { agent: { fetch: atTwo } }, test)
    expect((await other.agent.fetch(`${other.resource}/data-auth`)).status).toBe(200)
    const refused = await agent.fetch(`${other.resource}/data-auth`).catch((error: unknown) => error)
    expect(refused).toMatchObject({ name: 'AgentError', code: 'access_denied' })

    await stage.run(`server agents unblock ${agent.id}`)
    expect((await agent.fetch(`${other.resource}/data-auth`)).status).toBe(200)
  })
})

describe('SIGTERM', () => {
  it('with half a request on each port ends within 10 s, and until then /readyz says that the server is stopping', async () => {
    const adminPort = await freePort()
    const stage = await createOperatorStage({ admin: { port: adminPort } })
    const { child, finished } = await stage.spawnServe()
    for (const port of [Number(new URL(stage.issuer).port), adminPort]) {
      const socket = connect(port, '127.0.0.1')
      onTestFinished(() => void socket.destroy())
      socket.on('error', () => undefined)
      await new Promise<void>((resolve) => socket.write('POST /half HTTP/1.1\r\nhost: a\r\n', () => resolve()))
      // A response to a later client shows that the half was read.
      await (await fetch(`http://127.0.0.1:${port}/`, { redirect: 'manual' })).text()
    }
    const began = performance.now()
    child.kill('SIGTERM')
    const readyz = async () => (await fetch(`http://127.0.0.1:${adminPort}/readyz`)).text()
    await expect.poll(readyz).toBe('not ready: the server is stopping\n')
    expect(await finished).toMatchObject({ status: 0 })
    expect(performance.now() - began).toBeLessThan(10_000)
  })

  it('fails no accepted request under load, and exits within 10 s', async () => {
    const stage = await createOperatorStage()
    const { child, finished } = await stage.spawnServe()
    const outcomes = { answered: 0, refused: 0, failed: [] as string[] }
    const keepAlive = new Agent({ keepAlive: true })
    let over = false
    const ask = () =>
      new Promise<boolean>((resolve) => {
        const sent = request(`${stage.issuer}/.well-known/aauth-issuer`, { agent: keepAlive }, (response) => {
          response.resume().once('end', () => {
            if (response.statusCode === 200) outcomes.answered++
            else outcomes.failed.push(`status ${response.statusCode}`)
            resolve(true)
          })
          response.once('error', (error) => {
            outcomes.failed.push(String(error))
            resolve(false)
          })
        })
        sent.once('error', (error: NodeJS.ErrnoException) => {
          if (error.code === 'ECONNREFUSED') outcomes.refused++
          else outcomes.failed.push(`${error.code} ${sent.reusedSocket}`)
          resolve(false)
        })
        sent.end()
      })
    const worker = async () => {
      while (!over && (await ask()));
    }
    const workers = Array.from({ length: 8 }, worker)
    await expect.poll(() => outcomes.answered).toBeGreaterThan(200)
    const began = Date.now()
    child.kill('SIGTERM')
    const { status } = await finished
    over = true
    await Promise.all(workers)
    keepAlive.destroy()
    expect(status).toBe(0)
    expect(Date.now() - began).toBeLessThan(10_000)
    expect(outcomes.failed).toEqual([])
    expect(outcomes.refused).toBeGreaterThan(0)
  })
})
