import { createDecipheriv } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import type { Signer } from 'countersign'
import { january } from 'countersign/editions'
import type { Handler } from 'countersign/node'
import { signRequest } from 'countersign/signatures'
import { parseMasterKey, type StoredKey } from 'countersign-server'
import { sqliteStorage } from 'countersign-server/sqlite'
import { expect, it, vi } from 'vitest'
import { freePort } from '../../../../test/free-port.js'
import { newSigner } from '../attacks/party.js'
import { listenOnLoopback } from '../listening-origin.js'
import { createScriptedUser, hiddenFields, signInToAccount } from '../scripted-user.js'
import { collectFromFetch, createSecrets, type Secrets } from './collect-secrets.js'
import { startParties } from './loopback-parties.js'
import { createOperatorStage, type OperatorStage } from './operator-stage.js'

const person = { username: 'alice', password: 'a password of alice' }

/** Everything that this process logs: as an agent, a resource and a library. */
function captureOwnOutput(): () => string {
  const lines: string[] = []
  const keep = (...values: unknown[]) => {
    lines.push(values.map(String).join(' '))
    return true
  }
  for (const name of ['log', 'info', 'warn', 'error', 'debug', 'trace'] as const)
    vi.spyOn(console, name).mockImplementation(keep)
  vi.spyOn(process, 'emitWarning').mockImplementation(keep)
  vi.spyOn(process.stderr, 'write').mockImplementation(keep)
  return () => lines.join('\n')
}

/** The private part of a stored key: AES-256-GCM, bound to the key’s purpose and name. */
function unsealed({ kid, purpose, private: sealed }: StoredKey, masterKey: Uint8Array): Buffer {
  const [iv, text, tag] = (sealed ?? '')
    .split('.')
    .slice(1)
    .map((part) => Buffer.from(part, 'base64url'))
  if (!iv || !text || !tag) throw new TypeError(`the key ${kid} is not sealed`)
  const decipher = createDecipheriv('aes-256-gcm', masterKey, iv)
    .setAAD(Buffer.from(JSON.stringify(['countersign key', purpose, kid])))
    .setAuthTag(tag)
  return Buffer.concat([decipher.update(text), decipher.final()])
}

/** The master key and the private parts of the server’s keys. */
async function addServerKeys(secrets: Secrets, { folder, database }: OperatorStage): Promise<void> {
  const text = readFileSync(join(folder, 'master.key'), 'utf8').trim()
  secrets.add('master key', text)
  const parsed = parseMasterKey(text)
  if ('problem' in parsed) throw new TypeError(parsed.problem)
  const storage = sqliteStorage(database, { sweepInterval: 0 })
  const stored: StoredKey[] = await storage.listKeys()
  await storage.close()
  for (const key of stored) {
    const opened = unsealed(key, parsed.masterKey)
    if (key.purpose === 'sign') secrets.add('private key', (JSON.parse(opened.toString()) as { d: string }).d)
    else for (const encoding of ['base64url', 'hex'] as const) secrets.add('secret key', opened.toString(encoding))
  }
}

/** Failures at a server’s front door: by users, agents and strangers. */
async function fail(stage: OperatorStage, agentId: string): Promise<number[]> {
  const { issuer } = stage
  const user = createScriptedUser(globalThis.fetch)
  const url = `${issuer}/account/sign-in`
  const answers: Response[] = []
  const signIn = await (await user.open(url)).text()
  for (const password of ['a wrong password of alice', person.password.toUpperCase()])
    answers.push(await user.submit(signIn, url, { ...person, password, action: 'login' }))
  answers.push(await user.submit(signIn, url, { username: 'nobody at all', password: 'of nobody', action: 'login' }))
  const forged = {
    ...hiddenFields(signIn, { action: 'login' }),
    ...person,
    action: 'login',
    csrf: `anonymous.${'x'.repeat(43)}`,
  }
  answers.push(await globalThis.fetch(url, { method: 'POST', body: new URLSearchParams(forged) }))
  const signer = await newSigner()
  const tokens = {
    code: { request_type: 'code', code: `aacd_${'c'.repeat(43)}` },
    refresh: { request_type: 'refresh', refresh_token: `aart_${'r'.repeat(43)}` },
    auth: {
      request_type: 'auth',
      resource_token: `eyJhbGciOiJub25lIn0.${'t'.repeat(60)}.`,
      redirect_uri: `${agentId}/callback`,
    },
  }
  for (const form of Object.values(tokens)) {
    const request = new Request(`${issuer}/agent/token`, { method: 'POST', body: new URLSearchParams(form) })
    // The agent does not publish this key.
    const signatureKey = { scheme: 'jwks', id: agentId, kid: signer.kid, wellKnown: 'aauth-agent' } as const
    answers.push(await globalThis.fetch(await signRequest(request, { profile: january.signing, signer, signatureKey })))
  }
  answers.push(
    await globalThis.fetch(
      `${issuer}/agent/auth?request_token=aarq_${'q'.repeat(43)}&redirect_uri=x&state=${'s'.repeat(20)}`,
    ),
  )
  answers.push(await globalThis.fetch(`${issuer}/aart_${'p'.repeat(43)}?token=aart_${'p'.repeat(43)}`))
  return answers.map(({ status }) => status)
}

it('O01: no log contains a secret, whether the flow succeeds or fails', async () => {
  const own = captureOwnOutput()
  const secrets = createSecrets()
  collectFromFetch(secrets)
  const stage = await createOperatorStage({ lifetimes: { authToken: 40 }, durations: ['until-removed'] })
  const instance = await stage.spawnServe()
  secrets.add('password', person.password)
  const commands = [await stage.run('server users add alice --password-stdin', { input: `${person.password}\n` })]
  await addServerKeys(secrets, stage)

  let ahead = 0
  const now = () => Math.floor(Date.now() / 1000) + ahead
  const { agent, resource, privateKeys } = await startParties(stage.issuer, person, { agent: { now } })
  for (const key of privateKeys) secrets.add('private key', key)
  expect((await agent.fetch(`${resource}/data-auth`)).status).toBe(200)
  // The agent refreshes a token that expires in 5 s, by its clock.
  ahead = 36
  expect((await agent.fetch(`${resource}/data-auth`)).status, 'after a refresh').toBe(200)
  const user = createScriptedUser(globalThis.fetch)
  await signInToAccount(user, stage.issuer, person)
  const account = await (await user.open(`${stage.issuer}/account`)).text()
  expect(account).toContain('data-state="agents"')
  expect(await fail(stage, agent.id)).toEqual([401, 401, 401, 403, 401, 401, 401, 400, 404])

  // The same with a broken database: now errors are logged in full.
  const database = new Database(stage.database)
  for (const table of ['session', 'nonce', 'auth_request'])
    database.exec(`alter table ${table} rename to ${table}_gone`)
  expect((await user.open(`${stage.issuer}/account`)).status).toBe(503)
  await agent.fetch(`${resource}/data`).catch(() => undefined)
  expect(new Set(await fail(stage, agent.id))).toContain(503)
  for (const table of ['session', 'nonce', 'auth_request'])
    database.exec(`alter table ${table}_gone rename to ${table}`)
  database.exec(`update agent set redirect_hosts = '{not JSON'`)
  const asked = await startParties(stage.issuer, person)
  await asked.agent.fetch(`${asked.resource}/data-auth`)
  await expect(agent.fetch(`${asked.resource}/data-auth`)).rejects.toBeDefined()
  database.close()

  for (const command of [
    'server users list',
    'server agents list',
    'server grants list',
    'server keys list',
    'server audit export',
    'server users list --json',
  ])
    commands.push(await stage.run(command))
  commands.push(
    await stage.run('server start', {
      env: { COUNTERSIGN_LISTEN_PORT: String(await freePort()), NODE_TLS_REJECT_UNAUTHORIZED: '0' },
    }),
  )
  instance.child.kill('SIGTERM')
  const served = await instance.finished

  const log = served.stdout + served.stderr
  expect(log).toContain('"event":"request.failed"')
  expect(log).toContain('caused by')
  expect(log).toContain('SyntaxError')
  expect([...secrets.kinds.keys()].sort()).toEqual(
    [
      'auth_token',
      'code',
      'cookie',
      'csrf',
      'master key',
      'nonce',
      'password',
      'private key',
      'refresh_token',
      'request_token',
      'resource_token',
      'secret key',
      'signature',
      'state',
      'token',
      'token in Signature-Key',
    ].sort(),
  )
  for (const [kind, values] of secrets.kinds) {
    const [one = ''] = values
    expect(secrets.foundIn(`a log with ${one.slice(-24)} in it`), `would be found: ${kind}`).toContain(kind)
  }
  const sinks = { log, own: own(), commands: commands.map(({ stdout, stderr }) => stdout + stderr).join('\n') }
  for (const [sink, text] of Object.entries(sinks)) expect(secrets.foundIn(text), sink).toEqual([])
})

function documentsOf(agent: string, { jwk }: Signer): Handler {
  const documents: Readonly<Record<string, object>> = {
    '/jwks.json': { keys: [jwk] },
    '/.well-known/aauth-agent': { agent, jwks_uri: `${agent}/jwks.json`, redirect_uris: [`${agent}/callback`] },
  }
  return async (request) => {
    const document = documents[new URL(request.url).pathname]
    return document ? Response.json(document) : new Response(null, { status: 404 })
  }
}

/** The status of an access request, sent to one instance of the issuer. */
async function askAs(id: string, signer: Signer, issuer: string, instance = issuer): Promise<number> {
  const form = new URLSearchParams({ request_type: 'auth', scope: 'data.read', redirect_uri: `${id}/callback` })
  const request = new Request(`${issuer}/agent/token`, { method: 'POST', body: form })
  const signatureKey = { scheme: 'jwks', id, kid: signer.kid, wellKnown: 'aauth-agent' } as const
  const signed = await signRequest(request, { profile: january.signing, signer, signatureKey })
  return (await fetch(new Request(signed.url.replace(issuer, instance), signed))).status
}

it.each([
  ['an agent', { perAgent: 1 }, [200, 429, 200]],
  ['all together', { total: 1 }, [200, 429, 429]],
])('the number of nonces stored for %s is limited as configured', async (_of, nonces, statuses) => {
  const stage = await createOperatorStage({ limits: { nonces } })
  await stage.serve()
  const signer = await newSigner()
  const [first, second] = await Promise.all([listenOnLoopback(), listenOnLoopback()])
  for (const agent of [first, second]) agent.serve(documentsOf(agent.origin, signer))
  const asked: number[] = []
  for (const { origin } of [first, first, second]) asked.push(await askAs(origin, signer, stage.issuer))
  expect(asked).toEqual(statuses)
  for (const agent of [first, second]) await agent.close()
})

it.concurrent('O04, O08: metrics have the same labels after 300 agents, and are on the admin port only', async ({
  expect,
  ...test
}) => {
  const port = await freePort()
  const stage = await createOperatorStage({ admin: { port }, discovery: { fetchesPerSource: 1000 } }, test)
  await stage.serve()
  const metrics = async () => (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
  const labelsOf = (text: string) =>
    text
      .split('\n')
      .filter((line) => line.startsWith('countersign_'))
      .map((line) => line.split(' ')[0])
      .sort()
  const signer = await newSigner()
  // One of each kind, so that all labels appear.
  const known = await listenOnLoopback()
  known.serve(documentsOf(known.origin, signer))
  for (let sent = 0; sent < 2; sent++) expect(await askAs(known.origin, signer, stage.issuer)).toBe(200)
  expect(await askAs(`http://127.0.0.1:${await freePort()}`, signer, stage.issuer)).toBe(401)
  await known.close()
  const before = await metrics()
  const answers: Promise<number>[] = []
  for (let count = 0; count < 300; count++) {
    const agent = await listenOnLoopback()
    const { origin: id } = agent
    // Every tenth agent exists, so its request is allowed. The others fail after 2.5 s and are not awaited one by one.
    const isThere = count % 10 === 0
    const asked = new Promise<void>((resolve) => {
      agent.serve(
        isThere
          ? documentsOf(id, signer)
          : async () => {
              resolve()
              return new Response(null, { status: 503 })
            },
      )
    })
    const answer = askAs(id, signer, stage.issuer)
    answers.push(
      answer.then(async (status) => {
        await agent.close()
        return status
      }),
    )
    await Promise.race([asked, answer])
  }
  const statuses = (await Promise.all(answers)).sort((a, b) => a - b)
  expect(statuses).toEqual([...Array(30).fill(200), ...Array(270).fill(401)])
  const after = await metrics()
  expect(labelsOf(after)).toEqual(labelsOf(before))
  const count = /requests_total{role="authServer",route="\/agent\/token",outcome="key_unknown"} (\d+)/.exec(after)?.[1]
  expect(Number(count)).toBe(271)
  for (const path of ['/metrics', '/healthz', '/readyz']) expect((await fetch(stage.issuer + path)).status).toBe(404)
})

it.concurrent('T23: a token whose grant an operator revoked is refused within 5 s at a resource with a revocation list', async ({
  expect,
  ...test
}) => {
  const stage = await createOperatorStage({ durations: ['until-removed'] }, test)
  await stage.serve()
  await stage.run('server users add alice --password-stdin', { input: `${person.password}\n` })
  const { agent, resource, asked } = await startParties(stage.issuer, person, { resource: { denyList: {} } }, test)
  const use = async () => (await agent.fetch(`${resource}/data-auth`)).status
  for (let second = 0; second < 3; second++) {
    expect(await use()).toBe(200)
    await new Promise((resolve) => setTimeout(resolve, 1000))
  }
  expect(asked).toHaveLength(1)
  await stage.ask('server grants revoke --user alice')
  // The agent prompts the user again as soon as its token is refused. Only pauses count: the server may be slow.
  let waited = 0
  for (; asked.length === 1 && waited < 50; waited++) {
    expect(await use()).toBe(200)
    await (await fetch(`${stage.issuer}/.well-known/aauth-revocations`)).text()
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  expect(asked, `after ${waited / 10} s`).toHaveLength(2)
})
