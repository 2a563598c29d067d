import { createAgent } from 'countersign/agent'
import { type AgentServerOptions, createRateLimit, memoryDelegates, type Workload } from 'countersign/agent-server'
import { createDelegate } from 'countersign/delegate'
import { draft11Agent } from 'countersign/editions/draft-11'
import { draft11AgentServer } from 'countersign/editions/draft-11/agent-server'
import { receiveRequest } from 'countersign/signatures'
import { createTestWorld } from 'countersign/testing'
import { draft11TestEdition } from 'countersign/testing/draft-11'
import { decodeToken } from 'countersign/tokens'
import { describe, expect, it } from 'vitest'
import { creating, openApi } from '../testing/world-api.js'
import { api, codeOf, id, newSigner, openAgentServer, signForm } from './agent-server-stage.js'
import { issuer, openIssuer, type TokenChanges } from './fake-issuer.js'

const own = await newSigner()
const other = await newSigner()

const deploy: Workload = { name: 'deploy', issuer, claims: { repository: 'octo/app', ref: ['refs/heads/main', 'x'] } }

/** An agent server with a workload, and the platform on which it runs. */
async function open(options: Partial<AgentServerOptions> = {}) {
  const stage = await openAgentServer({ workloads: [deploy], enroll: () => undefined, ...options })
  return { ...stage, platform: openIssuer(stage.world) }
}

/** Like {@link open}: the server's lookups reach the test world. */
async function openInWorld(options: Partial<AgentServerOptions> = {}) {
  let reach: typeof fetch = () => Promise.reject(new TypeError('too early'))
  const opened = await open({ fetch: (url, init) => reach(url, init), ...options })
  reach = opened.world.fetch
  const exchange = async (platformToken: string, signer = own, server = opened.server, form = { audience: api }) =>
    server.handler(
      await signForm(
        opened,
        '/delegates/token',
        { ...form, platform_token: platformToken } as Record<string, string>,
        signer,
      ),
    )
  return { ...opened, exchange }
}

const bodyOf = async (response: Response) =>
  (await response.json()) as { agent_token: string } & Record<string, unknown>

/** Why a token is refused, as the workload sees it. */
async function refusalOf(changes: TokenChanges): Promise<unknown> {
  const { exchange, platform } = await openInWorld()
  const response = await exchange(platform.token(changes))
  expect(response.status).toBe(403)
  const { error, error_description: why } = await bodyOf(response)
  expect(error).toBe('workload_denied')
  return why
}

it('issues a token that is bound to the key, and expires with the platform’s token', async () => {
  const { exchange, platform, server, world } = await openInWorld()
  const response = await exchange(platform.token())
  expect([response.status, response.headers.get('cache-control')]).toEqual([200, 'no-store'])
  const { agent_token: jwt, ...rest } = await bodyOf(response)
  expect(rest).toEqual({ expires_in: 300, name: 'workload.deploy' })
  const { kty, crv, x } = own.jwk
  expect(decodeToken(jwt)?.payload).toMatchObject({
    iss: id,
    sub: 'workload.deploy',
    aud: api,
    exp: world.now() + 300,
    cnf: { jwk: { kty, crv, x } },
  })
  expect(await server.list()).toEqual([])
})

it('issues tokens for no longer than its own lifetime', async () => {
  const { exchange, platform, world } = await openInWorld({ lifetime: 60 })
  const { expires_in: lifetime } = await bodyOf(await exchange(platform.token({ claims: { exp: world.now() + 3600 } })))
  expect(lifetime).toBe(60)
})

it('issues tokens of draft -11, with which the workload has an identity', async () => {
  const draft11World = await createTestWorld({ edition: draft11TestEdition, now: 1_800_000_000 })
  const { served } = openApi(draft11World)
  const { fetch, now } = draft11World
  const { server } = await openInWorld({ edition: draft11AgentServer, fetch: fetch as AgentServerOptions['fetch'] })
  draft11World.origins.set(id, (request) => server.handler(request))
  const platform = openIssuer(draft11World)
  const delegate = createDelegate({ id, signer: own, platformToken: () => platform.token(), fetch, now })
  const { payload } = decodeToken(await delegate.agentToken()) ?? {}
  expect(payload).toMatchObject({ sub: 'aauth:workload.deploy@agent.test', iat: now(), exp: now() + 300 })
  const agent = createAgent({
    edition: draft11Agent,
    ...delegate,
    authServers: [draft11World.authServer],
    onePerson: true,
    fetch,
    now,
  })
  expect((await agent.fetch(`${api}/known`, creating)).status).toBe(200)
  expect(served).toEqual(['/known'])
})

it('accepts keys that are configured instead of fetched, and an issuer that is not a URL of the usual form', async () => {
  const stage = await openInWorld()
  const workload: Workload = { ...deploy, issuer: 'https://token.ci.test/', keys: stage.platform.keys() }
  const { exchange } = await openInWorld({ workloads: [workload] })
  const claims = { iss: workload.issuer }
  expect((await exchange(stage.platform.token({ claims }))).status).toBe(200)
  expect(stage.platform.fetches()).toBe(0)
  expect(await codeOf(await exchange(stage.platform.token()))).toEqual([403, 'workload_denied'])
})

it('uses the first workload that matches, with its audience', async () => {
  const release: Workload = {
    name: 'release',
    issuer,
    audience: 'countersign',
    claims: { repository: 'octo/app', ref: { prefix: 'refs/tags/v' } },
  }
  const { exchange, platform } = await openInWorld({ workloads: [deploy, release] })
  const tagged = { aud: ['countersign'], ref: 'refs/tags/v1' }
  expect(await bodyOf(await exchange(platform.token({ claims: tagged })))).toMatchObject({ name: 'workload.release' })
  for (const claims of [
    { ...tagged, aud: id },
    { ...tagged, ref: 'refs/tags/1' },
    { ...tagged, ref: undefined },
  ])
    expect(await codeOf(await exchange(platform.token({ claims })))).toEqual([403, 'workload_denied'])
})

describe('refuses, before it fetches anything', () => {
  const now = 1_800_000_000
  const rows: [string, TokenChanges, string][] = [
    ['another repository (T33)', { claims: { repository: 'evil/app' } }, 'repo:evil/app'],
    ['another branch', { claims: { ref: 'refs/heads/main2' } }, 'no workload with its claims'],
    ['a claim that is a list', { claims: { repository: ['octo/app'] } }, 'no workload with its claims'],
    ['another audience (T34)', { claims: { aud: 'https://other.test' } }, 'its aud is not the audience'],
    ['more than one audience (T34)', { claims: { aud: [id, 'https://other.test'] } }, 'exactly one aud'],
    ['another issuer (T35)', { claims: { iss: 'https://evil.test' } }, 'its issuer is not configured'],
    ['another spelling of the issuer (T35)', { claims: { iss: `${issuer}/` } }, 'its issuer is not configured'],
    ['an expired token', { claims: { exp: now } }, 'it has expired'],
    ['a token from the future', { claims: { nbf: now + 61 } }, 'in the future'],
    ['a token without iat', { claims: { iat: undefined } }, 'is not a time'],
    ['a token that is valid for days', { claims: { exp: now + 90_000 } }, 'its lifetime exceeds 86400 s'],
    ['a token without a subject', { claims: { sub: undefined } }, 'no sub'],
    ['alg none (T36)', { header: { alg: 'none' } }, 'its alg is none of'],
    ['a shared secret (T36)', { secret: 'key-1' }, 'its alg is none of'],
    ['a key in its header (T36)', { header: { jwk: {} } }, 'its header contains jwk'],
    ['another kind of token', { header: { typ: 'at+jwt' } }, 'its typ is not JWT'],
    ['a critical extension', { header: { crit: ['x'] } }, 'its header contains crit'],
    ['a token without a kid', { header: { kid: undefined } }, 'must have a kid'],
    ['an oversized token', { claims: { more: 'x'.repeat(8192) } }, 'at most 8192 characters'],
  ]
  it.each(rows)('%s', async (_title, changes, why) => {
    const { exchange, platform } = await openInWorld()
    const response = await exchange(platform.token(changes))
    const body = await bodyOf(response)
    expect([response.status, body.error]).toEqual([403, 'workload_denied'])
    expect(body.error_description).toContain(why)
    expect(platform.fetches()).toBe(0)
  })
})

describe('refuses a signature', () => {
  it('of another key with the same kid (T36)', async () => {
    const { platform } = await openInWorld()
    expect(await refusalOf({ key: platform.newKey('key-1') })).toContain('not made with a key of its issuer')
  })

  it('with an algorithm that does not match the key (T36)', async () => {
    const { platform } = await openInWorld()
    const key = platform.newKey('key-1', 'ES256')
    expect(await refusalOf({ key })).toContain('its alg does not match')
  })

  it('whose header names another algorithm than that of the key (T36)', async () => {
    expect(await refusalOf({ header: { alg: 'ES256' } })).toContain('its alg does not match')
  })

  it('with a kid that the issuer does not publish', async () => {
    const { platform } = await openInWorld()
    expect(await refusalOf({ key: platform.newKey('key-9') })).toContain('no key with its kid')
  })
})

it('accepts new keys of the issuer, and no longer the previous ones', async () => {
  const { exchange, platform, world } = await openInWorld()
  const [before, after] = [platform.token(), platform.newKey('key-2', 'ES256')]
  expect((await exchange(platform.token())).status).toBe(200)
  platform.rotate(after)
  world.advance(61)
  expect((await exchange(platform.token({ key: after }))).status).toBe(200)
  expect(await codeOf(await exchange(before))).toEqual([403, 'workload_denied'])
})

it('fetches the issuer’s keys once for many tokens, also for unknown kids', async () => {
  const { exchange, platform } = await openInWorld()
  for (let i = 0; i < 3; i++) await exchange(platform.token(), await newSigner())
  expect(platform.fetches()).toBe(2)
  const key = platform.newKey('unknown', 'ES256')
  for (let i = 0; i < 5; i++) await exchange(platform.token({ key }), await newSigner())
  expect(platform.fetches()).toBe(3)
})

describe('a platform token', () => {
  it('works for one key, for any number of recipients (T37)', async () => {
    const { exchange, platform } = await openInWorld()
    const token = platform.token()
    expect((await exchange(token)).status).toBe(200)
    expect((await exchange(token, own, undefined, { audience: 'https://auth.test' })).status).toBe(200)
    expect(await codeOf(await exchange(token, other))).toEqual([409, 'platform_token_used'])
  })

  it('works for one of many keys that present it at the same time, at two instances (T37)', async () => {
    const bound = new Map<string, string>()
    const shared: Partial<AgentServerOptions> = {
      delegates: memoryDelegates(),
      bindPlatformToken: async ({ hash, thumbprint }) => {
        await Promise.resolve()
        if (!bound.has(hash)) bound.set(hash, thumbprint)
        return bound.get(hash) as string
      },
    }
    const first = await openInWorld(shared)
    const second = await openInWorld({ ...shared, fetch: first.world.fetch as typeof fetch })
    const token = first.platform.token()
    const keys = await Promise.all(Array.from({ length: 8 }, newSigner))
    const responses = await Promise.all(
      keys.map(async (signer, i) => first.exchange(token, signer, i % 2 ? first.server : second.server)),
    )
    const statuses = responses.map(({ status }) => status)
    expect([200, 409].map((status) => statuses.filter((one) => one === status).length)).toEqual([1, 7])
  })

  it('is not used up by a request that is refused', async () => {
    const { exchange, platform } = await openInWorld({ audiences: [api] })
    const token = platform.token()
    const elsewhere = { audience: 'https://other.test' }
    expect(await codeOf(await exchange(token, other, undefined, elsewhere))).toEqual([403, 'audience_denied'])
    expect((await exchange(token)).status).toBe(200)
  })

  it('is useless without a signature of the key (T37)', async () => {
    const stage = await openInWorld()
    const form = { audience: api, platform_token: stage.platform.token() }
    const signatureKey = { scheme: 'hwk', jwk: { kty: 'OKP', crv: 'Ed25519', x: own.jwk.x as string } } as const
    const request = await signForm(stage, '/delegates/token', form, other, { signatureKey })
    expect((await stage.server.handler(request)).status).toBe(401)
  })
})

it('reports to the operator, and to no one else, which claim does not match', async () => {
  const events: unknown[] = []
  const workloads = [deploy, { ...deploy, name: 'other', claims: { repository: 'octo/other' } }]
  const { exchange, platform } = await openInWorld({ workloads, onEvent: (event) => void events.push(event) })
  const response = await exchange(platform.token({ claims: { ref: 'refs/heads/x' } }))
  const said = String((await bodyOf(response)).error_description)
  const why = 'for deploy, its ref is "refs/heads/x", for other, its repository is "octo/app"'
  expect(events).toContainEqual(
    expect.objectContaining({ kind: 'refusal', code: 'workload_denied', reason: expect.stringContaining(why) }),
  )
  expect(said).not.toContain('other')
})

describe('limits', () => {
  const at = async (stage: Awaited<ReturnType<typeof openInWorld>>, token: string, signer = own) => {
    const request = await signForm(stage, '/delegates/token', { audience: api, platform_token: token }, signer)
    return stage.server.handler(request, receiveRequest(request, '192.0.2.7'))
  }
  const rateLimit = () => createRateLimit({ address: 3, signature: 3, identity: 4, now: () => 1_800_000_000 })

  it('count the jobs of a workload together, and not those of others in the same network', async () => {
    const workloads = [deploy, { ...deploy, name: 'test', claims: { repository: 'octo/test' } }]
    const stage = await openInWorld({ workloads, rateLimit: rateLimit() })
    const { platform } = stage
    const job = async (repository: string) => at(stage, platform.token({ claims: { repository } }), await newSigner())
    for (const status of [200, 200, 200, 200, 429]) expect((await job('octo/app')).status).toBe(status)
    expect((await job('octo/test')).status).toBe(200)
  })

  it('count refused tokens by network, without keeping out workloads', async () => {
    const stage = await openInWorld({ rateLimit: rateLimit() })
    const { platform } = stage
    const foreign = () => platform.token({ claims: { repository: 'evil/app' } })
    for (const status of [403, 403, 403, 429])
      expect((await at(stage, foreign(), await newSigner())).status).toBe(status)
    expect((await at(stage, platform.token())).status).toBe(200)
  })

  it('count a stolen token by the network of the thief, so that its owner is not kept out (T37)', async () => {
    const stage = await openInWorld({ rateLimit: rateLimit() })
    const token = stage.platform.token()
    expect((await at(stage, token)).status).toBe(200)
    for (const status of [409, 409, 409, 429, 429]) expect((await at(stage, token, other)).status).toBe(status)
    for (const status of [200, 200, 200, 429]) expect((await at(stage, token)).status).toBe(status)
  })
})

describe('if the issuer', () => {
  it('does not respond, says so, and reports the reason to the operator', async () => {
    const events: unknown[] = []
    const { exchange, platform, world } = await openInWorld({ onEvent: (event) => void events.push(event) })
    const token = platform.token()
    world.origins.set(issuer, () => new Response(null, { status: 502 }))
    const response = await exchange(token)
    expect(response.status).toBe(503)
    expect(await bodyOf(response)).toEqual({
      error: 'issuer_unavailable',
      error_description: 'The keys of the issuer of the platform token are not available. Try again later.',
    })
    expect(events).toContainEqual(
      expect.objectContaining({
        kind: 'refusal',
        reason: expect.stringContaining('openid-configuration returned 502'),
      }),
    )
  })

  it('responds after the token has expired, refuses the token', async () => {
    const { exchange, platform, world } = await openInWorld()
    const token = platform.token({ claims: { exp: world.now() + 5 } })
    const respond = world.origins.get(issuer) as (request: Request) => Response
    world.origins.set(issuer, (request) => {
      world.advance(10)
      return respond(request)
    })
    const response = await exchange(token)
    expect(response.status).toBe(403)
    expect((await bodyOf(response)).error_description).toContain('it has expired')
  })

  it('publishes a document of another issuer, refuses it', async () => {
    const { exchange, platform } = await openInWorld()
    platform.describe({ issuer: 'https://evil.test' })
    expect(await codeOf(await exchange(platform.token()))).toEqual([503, 'issuer_unavailable'])
  })

  it('stops responding, does not use the keys that it published before', async () => {
    const { exchange, platform, world } = await openInWorld()
    expect((await exchange(platform.token())).status).toBe(200)
    world.origins.set(issuer, () => new Response(null, { status: 502 }))
    world.advance(601)
    expect(await codeOf(await exchange(platform.token()))).toEqual([503, 'issuer_unavailable'])
  })
})

describe('options', () => {
  const github = 'https://token.actions.githubusercontent.com'
  const rows: [string, unknown, string][] = [
    ['no claims', {}, 'must name the workload'],
    ['only a branch, which every repository has (T38)', { ref: 'refs/heads/main' }, 'repository, repository_id'],
    ['only a prefix (T38)', { repository: { prefix: '' } }, 'not empty'],
    ['only a prefix of the subject (T38)', { sub: { prefix: 'repo:' } }, 'exact values'],
    ['an empty list', { repository: [] }, 'not empty'],
    ['a wildcard', { repository: 'octo/*' }, 'not a wildcard'],
    ['an audience as a claim', { repository: 'octo/app', aud: 'x' }, 'must not contain aud'],
    ['a number', { repository_id: 7 }, 'must be a string'],
    ['more than a prefix', { sub: 'x', ref: { prefix: 'refs/tags/', suffix: '-rc' } }, 'claims.ref must be a string'],
  ]
  it.each(rows)('refuse %s', async (_title, claims, why) => {
    await expect(open({ workloads: [{ name: 'deploy', issuer: github, claims } as Workload] })).rejects.toThrow(why)
  })

  it('refuse invalid members', async () => {
    for (const [change, why] of [
      [{ name: 'octo deploy' }, 'the name must be'],
      [{ issuer: `${github}/` }, 'without a trailing slash'],
      [{ issuer: 'http://10.0.0.1' }, 'https URL'],
      [{ audience: '' }, 'the audience'],
      [{ keys: 'all' }, 'the keys are refused'],
      [{ claim: {} }, 'no member claim'],
    ] as const)
      await expect(open({ workloads: [{ ...deploy, ...change } as unknown as Workload] })).rejects.toThrow(why)
  })

  it.each(['workload.deploy', 'aauth:workload.deploy@agent.test'])(
    'reserve the names of workloads (T39): %s',
    async (name) => {
      const stage = await open({ enroll: () => ({ name }) })
      const request = await signForm(stage, '/delegates', {}, own)
      await expect(stage.server.handler(request)).rejects.toThrow('must not start with workload.')
    },
  )

  it('refuse an installation that was stored with such a name (T39)', async () => {
    const delegates = memoryDelegates()
    await delegates.enroll({ name: 'workload.deploy', thumbprint: own.thumbprint, enrolledAt: 1 }, false)
    const stage = await open({ delegates })
    const response = await stage.server.handler(await signForm(stage, '/delegates/token', { audience: api }, own))
    expect(response.status).toBe(403)
    expect(await bodyOf(response)).toMatchObject({
      error: 'unknown_delegate',
      error_description: expect.stringContaining('must not start with workload.'),
    })
  })

  it('accept no platform tokens by default', async () => {
    const { exchange, platform } = await openInWorld({ workloads: undefined })
    expect(await codeOf(await exchange(platform.token()))).toEqual([403, 'workload_denied'])
  })
})
