import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Storage } from 'countersign-server'
import { postgresStorage } from 'countersign-server/postgres'
import { sqliteStorage } from 'countersign-server/sqlite'
import { describe, expect, it, onTestFinished } from 'vitest'
import { openMapStage, openSharedPostgresStage, openSharedStage } from '../attacks/stage.js'
import {
  authorizeUrl,
  clientDocument,
  clientId,
  issuer,
  json,
  type OAuthStage,
  openConsent,
  openStage,
  post,
  redeem,
  refresh,
} from '../editions/oauth/oauth-stage.js'
import { openNotes } from '../editions/oauth/revoked-tokens.js'
import type { ScriptedUser } from '../scripted-user.js'
import { agent, asRead, rotating } from '../storage/fixtures.js'
import { emptyDatabase } from '../storage/postgres/in-postgres.js'
import { patient } from '../storage/postgres/template.js'
import { temporaryFile } from '../storage/temporary-file.js'

type Redeemed = Awaited<ReturnType<typeof redeem>>

/** A client that redeemed its code, and refreshed once if it could. */
interface Client {
  stage: OAuthStage
  user: ScriptedUser
  code: string
  tokens: [first: Redeemed, ...more: Redeemed[]]
}

async function connect(stage: OAuthStage, user?: ScriptedUser): Promise<Client> {
  const opened = user ? await openAgain(user) : await openConsent(stage)
  const decided = await opened.user.submit(opened.page, opened.consent, { consent: 'grant' })
  const code = new URL(decided.headers.get('location') ?? '').searchParams.get('code') ?? ''
  const first = await redeem(stage, code)
  const more = first.refresh_token === undefined ? [] : [await refresh(stage, first.refresh_token)]
  return { stage, user: opened.user, code, tokens: [first, ...more] }
}

/** Opens the consent page in a browser that is signed in. */
async function openAgain(user: ScriptedUser) {
  const consent = new URL((await user.open(authorizeUrl())).headers.get('location') ?? '', issuer).href
  return { user, consent, page: await (await user.open(consent)).text() }
}

async function submit({ user }: Client, url: string, action: string): Promise<void> {
  await user.submit(await (await user.open(url)).text(), url, { action })
}

async function userIn({ stage: { storage } }: Client) {
  const credential = await storage.findCredential('alice')
  if (!credential) throw new TypeError('expected a user')
  return credential.user
}

/** What ends the access tokens of a client. Those of `family` end those of one decision. */
const endings: readonly [what: string, ends: 'family' | 'everything', end: (client: Client) => Promise<unknown>][] = [
  [
    'a refresh token that is used again',
    'family',
    ({ stage, tokens }) => {
      stage.clock.now += 61
      return refresh(stage, tokens[0].refresh_token)
    },
  ],
  ['a code that is used again', 'family', ({ stage, code }) => redeem(stage, code)],
  [
    'the revocation of a refresh token',
    'family',
    ({ stage, tokens }) =>
      post(stage, '/oauth/revoke', { client_id: clientId, token: tokens.at(-1)?.refresh_token ?? '' }),
  ],
  [
    'the revocation of an access token',
    'family',
    ({ stage, tokens }) => post(stage, '/oauth/revoke', { client_id: clientId, token: tokens[0].access_token }),
  ],
  [
    'a removal in My agents',
    'everything',
    async (client) => {
      const [grant] = await client.stage.storage.listGrants()
      return submit(client, `${issuer}/account/agents/${grant?.id}/remove`, 'remove-agent')
    },
  ],
  [
    'the removal of all agents',
    'everything',
    (client) => submit(client, `${issuer}/account/remove-all`, 'remove-all-agents'),
  ],
  [
    'a block by the operator',
    'everything',
    ({ stage }) => stage.storage.setAgentBlocked({ agent: clientId, blocked: true, by: 'operator' }),
  ],
  [
    'a block of its host by the operator',
    'everything',
    ({ stage }) => stage.storage.setAgentBlocked({ agent: 'https://client.example', blocked: true, by: 'operator' }),
  ],
  [
    'an account that is disabled',
    'everything',
    async (client) => client.stage.storage.setUserStatus((await userIn(client)).id, 'disabled'),
  ],
  [
    'an account that is closed',
    'everything',
    async (client) => client.stage.storage.closeAccount(asRead(await userIn(client))),
  ],
]

const stages = [
  ['one server', openMapStage],
  ['two instances on PostgreSQL', openSharedPostgresStage],
] as const

describe.each(stages)('on %s', (_, open) => {
  it.each(endings)('%s ends the access tokens within 5 s', async (_what, ends, end) => {
    const stage = await openStage({}, open)
    const client = await connect(stage)
    const other = await connect(stage, client.user)
    const use = await openNotes(stage)
    const [first, renewed] = client.tokens
    for (const { access_token } of [...client.tokens, ...other.tokens]) expect(await use(access_token)).toBe(200)
    await end(client)
    stage.clock.now += 4
    for (const { access_token } of client.tokens) expect(await use(access_token)).toBe(401)
    for (const { refresh_token } of [first, renewed].flatMap((each) => each ?? []))
      expect(await refresh(stage, refresh_token)).toMatchObject({ status: 400, error: 'invalid_grant' })
    for (const { access_token } of other.tokens) expect(await use(access_token)).toBe(ends === 'everything' ? 401 : 200)
    expect(await stage.storage.findViolations()).toEqual([])
  })

  it('a code that is used again ends an access token that came without a refresh token', async () => {
    const stage = await openStage({}, open)
    stage.documents.set(clientId, () => json({ ...clientDocument, grant_types: ['authorization_code'] }))
    const { code, tokens } = await connect(stage)
    expect(tokens.map(({ refresh_token }) => refresh_token)).toEqual([undefined])
    const use = await openNotes(stage)
    expect(await use(tokens[0].access_token)).toBe(200)
    expect(await redeem(stage, code)).toMatchObject({ error: 'invalid_grant' })
    stage.clock.now += 4
    expect(await use(tokens[0].access_token)).toBe(401)
  })
})

it('a client on a blocked host cannot start a request or redeem a code, and My agents says so', async () => {
  const stage = await openStage()
  const { user } = await connect(stage)
  const opened = await openAgain(user)
  const waiting = await openAgain(user)
  const decided = await opened.user.submit(opened.page, opened.consent, { consent: 'grant' })
  const code = new URL(decided.headers.get('location') ?? '').searchParams.get('code') ?? ''
  await stage.storage.setAgentBlocked({ agent: 'https://client.example', blocked: true, by: 'operator' })
  expect(await redeem(stage, code)).toMatchObject({ status: 400, error: 'invalid_grant' })
  const late = await user.submit(waiting.page, waiting.consent, { consent: 'grant' })
  expect(late.headers.get('location')).toBeNull()
  expect(await (await user.open(authorizeUrl())).text()).toContain('data-error-code="policy_forbids"')
  const agents = await (await user.open(`${issuer}/account`)).text()
  expect(agents).toContain('An administrator has blocked all agents from this website')
  await stage.storage.setAgentBlocked({ agent: 'https://client.example', blocked: false, by: 'operator' })
  expect((await redeem(stage, code)).status).toBe(200)
})

/** A storage that commits, and whose process is gone before it can respond. */
function dyingAfterCommit(storage: Storage, dying: { now: boolean; died: number }): Storage {
  return new Proxy(storage, {
    get(target, verb) {
      const method: unknown = Reflect.get(target, verb)
      if (typeof method !== 'function' || !changing.has(verb)) return method
      return async (...values: unknown[]) => {
        const outcome: unknown = await Reflect.apply(method, target, values)
        if (dying.now) {
          dying.died++
          throw new Error('the process was killed')
        }
        return outcome
      }
    },
  })
}

const changing: ReadonlySet<string | symbol> = new Set<keyof Storage>([
  'rotateRefresh',
  'redeemCode',
  'revokeRefreshToken',
  'revokeGrant',
  'revokeGrants',
])

describe('an instance that is killed right after its commit', () => {
  it.each(endings.slice(0, 6))('has ended the access tokens: %s', async (_what, _ends, end) => {
    const dying = { now: false, died: 0 }
    const wrap = (storage: Storage) => dyingAfterCommit(storage, dying)
    const stage = await openStage({}, (options) => openSharedStage({ ...options, wrap, onError: () => undefined }))
    const client = await connect(stage)
    const use = await openNotes(stage)
    expect(await use(client.tokens[0].access_token)).toBe(200)
    dying.now = true
    await end(client).catch((error: unknown) => error)
    dying.now = false
    expect(dying.died).toBeGreaterThan(0)
    stage.clock.now += 4
    for (const { access_token } of client.tokens) expect(await use(access_token)).toBe(401)
    expect(await stage.storage.findViolations()).toEqual([])
  })

  const script = fileURLToPath(new URL('killed-after.mjs', import.meta.url))
  const now = 1_800_000_000

  /** Runs one verb in a process that is killed after its commit. */
  async function killedAfter(database: string, verb: keyof Storage, argument: object): Promise<void> {
    const child = fork(script, [JSON.stringify({ database, now, verb, argument })])
    expect(await once(child, 'close')).toEqual([null, 'SIGKILL'])
  }

  const options = { sweepInterval: 0, usageDelay: 0, now: () => now }
  const engines: [string, () => Promise<{ database: string; storage: Storage }>][] = [
    [
      'SQLite',
      async () => {
        const database = temporaryFile()
        return { database, storage: sqliteStorage(database, options) }
      },
    ],
    [
      'PostgreSQL',
      async () => {
        const { url: database } = await emptyDatabase()
        return { database, storage: await postgresStorage(database, { ...options, ...patient, connections: 2 }) }
      },
    ],
  ]

  it.each(engines)('on %s has revoked the family for all other instances', async (_, openStorage) => {
    const { database, storage } = await openStorage()
    onTestFinished(() => storage.close())
    const [reused, again, revoked, kept] = [
      await rotating(storage),
      await rotating(storage),
      await rotating(storage),
      await rotating(storage),
    ]
    await storage.rotateRefresh(reused.present(0))
    await storage.rotateRefresh(reused.present(1))
    await killedAfter(database, 'rotateRefresh', reused.present(0))
    await killedAfter(database, 'redeemCode', again.redemption)
    await killedAfter(database, 'revokeRefreshToken', { family: revoked.family, agent, delegate: null })
    const since = { since: now - 600, perUser: 20, limit: 100, families: true }
    const { families } = await storage.listRevocations(since)
    expect(families.sort()).toEqual([reused, again, revoked].map(({ family }) => family).sort())
    expect(await storage.rotateRefresh(kept.present(0))).toMatchObject({ outcome: 'rotated' })
    expect(await storage.findViolations()).toEqual([])
  })
})
