import type { OAuthSettings } from 'countersign-server'
import { describe, expect, it } from 'vitest'
import { createRegistration } from '../../../src/editions/oauth/registration.js'
import { fetchFrom, openSharedPostgresStage, openSharedStage } from '../../attacks/stage.js'
import { createScriptedUser } from '../../scripted-user.js'
import {
  authorizeUrl,
  decide,
  issuer,
  type OAuthStage,
  openConsent,
  openStage,
  redeem,
  refresh,
} from './oauth-stage.js'

const metadata = {
  client_name: 'Helper',
  redirect_uris: ['http://127.0.0.1:3000/callback'],
  token_endpoint_auth_method: 'none',
}
const redirect = { redirect_uri: 'http://127.0.0.1:3000/callback' }
const on: OAuthSettings = { registration: { redirectUris: ['https://www.editor.example/callback'] } }
const day = 86_400
const stored = { network: '198.51', lifetime: day, most: 10, mostPerUser: 10 }

interface Registered {
  client_id: string
  error?: string
  error_description?: string
}

async function register(
  stage: Pick<OAuthStage, 'fetch'>,
  changes: object = {},
  init: RequestInit = {},
): Promise<Registered & { status: number } & Record<string, unknown>> {
  const response = await stage.fetch(`${issuer}/oauth/register`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ ...metadata, ...changes }),
    ...init,
  })
  expect(response.headers.get('access-control-allow-origin')).toBe('*')
  expect(response.headers.get('cache-control')).toBe('no-store')
  return { status: response.status, ...((await response.json()) as Registered) }
}

const urlOf = (client_id: string) => authorizeUrl({ client_id, ...redirect })

async function tokenFor(stage: OAuthStage, id: string) {
  const code = (await decide(stage, 'grant', urlOf(id))).searchParams.get('code') ?? ''
  return redeem(stage, code, { client_id: id, ...redirect })
}

it('is off by default: the metadata names no endpoint, and there is none', async () => {
  const stage = await openStage()
  const document = await (await stage.fetch(`${issuer}/.well-known/oauth-authorization-server`)).json()
  expect(document).not.toHaveProperty('registration_endpoint')
  expect((await stage.fetch(`${issuer}/oauth/register`, { method: 'POST', body: '{}' })).status).toBe(404)
})

it.each([
  ['SQLite', openSharedStage],
  ['PostgreSQL', openSharedPostgresStage],
])('a client that registers at one instance gets tokens from both, on %s', async (_name, open) => {
  const stage = await openStage(on, open)
  const document = await (await stage.fetch(`${issuer}/.well-known/oauth-authorization-server`)).json()
  expect(document).toMatchObject({ registration_endpoint: `${issuer}/oauth/register` })
  const client = await register(stage, { scope: 'x', logo_uri: 'https://x.example/l.png' })
  expect(client).toEqual({
    status: 201,
    client_id: expect.stringMatching(/^app-[a-z2-9]{16}$/),
    client_id_issued_at: stage.clock.now,
    client_name: 'Helper',
    redirect_uris: metadata.redirect_uris,
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: 'none',
  })
  // The stage sends requests to the two instances in turn.
  const token = await tokenFor(stage, client.client_id)
  expect(token.status).toBe(200)
  for (let turn = 0, { refresh_token: current } = token; turn < 3; turn += 1) {
    const refreshed = await refresh(stage, current, { client_id: client.client_id })
    expect(refreshed.status).toBe(200)
    current = refreshed.refresh_token
  }
  expect(await stage.storage.findViolations()).toEqual([])
})

it('the consent page says that no one vouches for the name, warns about brands, and is never skipped (B22)', async () => {
  const stage = await openStage(on)
  const { client_id: id } = await register(stage, { client_name: 'Google Drive' })
  const { user, consent, page } = await openConsent(stage, urlOf(id))
  expect(page).toContain('no one vouches for it or for its name')
  expect(page).not.toContain('Its details are published by')
  expect(page).toContain('is a name that people trust')
  await user.submit(page, consent, { consent: 'grant', duration: 'until-removed' })
  expect(await stage.storage.listGrants()).toMatchObject([{ agent: id, remembered: false }])
  expect((await openConsent(stage, urlOf(id))).page).toContain('name="consent"')
})

it.each<[string, object, string]>([
  ['no redirect', { redirect_uris: undefined }, 'invalid_redirect_uri'],
  ['another host', { redirect_uris: ['https://evil.example/callback'] }, 'invalid_redirect_uri'],
  ['another path of a listed URL', { redirect_uris: ['https://www.editor.example/other'] }, 'invalid_redirect_uri'],
  [
    'a query after a listed URL',
    { redirect_uris: ['https://www.editor.example/callback?to=x'] },
    'invalid_redirect_uri',
  ],
  ['a host below a listed one', { redirect_uris: ['https://a.www.editor.example/callback'] }, 'invalid_redirect_uri'],
  [
    'another port of a listed host',
    { redirect_uris: ['https://www.editor.example:8443/callback'] },
    'invalid_redirect_uri',
  ],
  ['a private-use scheme', { redirect_uris: ['editor://app/callback'] }, 'invalid_redirect_uri'],
  ['http elsewhere', { redirect_uris: ['http://www.editor.example/callback'] }, 'invalid_redirect_uri'],
  [
    'too many redirects',
    { redirect_uris: Array.from({ length: 21 }, (_, at) => `http://127.0.0.1/${at}`) },
    'invalid_redirect_uri',
  ],
  ['no name', { client_name: undefined }, 'invalid_client_metadata'],
  ['a name without visible characters', { client_name: '\u202e' }, 'invalid_client_metadata'],
  ['a shared secret', { client_secret: 'x' }, 'invalid_client_metadata'],
  ['a method with a secret', { token_endpoint_auth_method: 'client_secret_post' }, 'invalid_client_metadata'],
  ['a method with keys', { token_endpoint_auth_method: 'private_key_jwt' }, 'invalid_client_metadata'],
  ['another grant', { grant_types: ['client_credentials'] }, 'invalid_client_metadata'],
])('refuses %s', async (_name, changes, error) => {
  const stage = await openStage(on)
  expect(await register(stage, changes)).toMatchObject({ status: 400, error, error_description: expect.any(String) })
})

it('leaves out redirects that the client may not use', async () => {
  const stage = await openStage(on)
  const redirect_uris = [
    'editor://app/callback',
    'https://www.editor.example/callback',
    'http://localhost:8787/callback',
  ]
  expect(await register(stage, { redirect_uris })).toMatchObject({ status: 201, redirect_uris: redirect_uris.slice(1) })
})

it.each<[string, RequestInit, number]>([
  ['another content type', { headers: { 'content-type': 'text/plain' } }, 400],
  ['no JSON', { body: '{' }, 400],
  ['a list', { body: '[]' }, 400],
  ['a large body', { body: JSON.stringify({ ...metadata, x: 'x'.repeat(17_000) }) }, 413],
])('refuses %s', async (_name, init, status) => {
  const stage = await openStage(on)
  expect(await register(stage, {}, init)).toMatchObject({ status, error: expect.stringMatching(/^invalid_/) })
})

it('a client that never redeemed a code ends after 24 hours, and one that does stays', async () => {
  const stage = await openStage(on)
  const [unused, used] = [await register(stage), await register(stage)]
  const { user, consent, page } = await openConsent(stage, urlOf(used.client_id))
  const decided = await user.submit(page, consent, { consent: 'grant', duration: 'until-removed' })
  const code = new URL(decided.headers.get('location') ?? '').searchParams.get('code') ?? ''
  const token = await redeem(stage, code, { client_id: used.client_id, ...redirect })
  stage.clock.now += day
  expect(await stage.storage.findRegisteredClient(unused.client_id)).toBeUndefined()
  expect(await stage.storage.findRegisteredClient(used.client_id)).toBeDefined()
  expect(await stage.storage.sweep()).toBeGreaterThan(0)
  const again = await refresh(stage, token.refresh_token, { client_id: used.client_id })
  expect(again.status).toBe(200)
  stage.clock.now += 29 * day
  expect((await refresh(stage, again.refresh_token, { client_id: used.client_id })).status).toBe(200)
})

it('a client is not kept by a code that it can no longer redeem', async () => {
  const stage = await openStage(on)
  const { client_id: id } = await register(stage)
  const code = (await decide(stage, 'grant', urlOf(id))).searchParams.get('code') ?? ''
  const { expiresAt } = (await stage.storage.findRegisteredClient(id)) ?? {}
  stage.clock.now += 4000
  expect((await redeem(stage, code, { client_id: id, ...redirect })).status).toBe(400)
  expect(await stage.storage.findRegisteredClient(id)).toMatchObject({ expiresAt })
})

it('tells a program that its registration has ended, before the user signs in, and at the token endpoint', async () => {
  const stage = await openStage(on)
  const { client_id: id } = await register(stage)
  const token = await tokenFor(stage, id)
  const dead = await register(stage)
  stage.clock.now += day
  for (const gone of [dead.client_id, 'app-aaaaaaaaaaaaaaaa']) {
    const probe = await stage.fetch(urlOf(gone), { headers: { accept: 'application/json' } })
    expect([probe.status, await probe.json()]).toEqual([400, { error: 'invalid_client' }])
    const page = await createScriptedUser(stage.fetch).open(urlOf(gone))
    expect(page.status).toBe(400)
    expect(page.headers.get('content-type')).toContain('text/html')
    expect(await refresh(stage, token.refresh_token, { client_id: gone })).toMatchObject({
      status: 401,
      error: 'invalid_client',
    })
    expect(await redeem(stage, 'x', { client_id: gone })).toMatchObject({ status: 401, error: 'invalid_client' })
  }
  const known = await stage.fetch(urlOf(id), { headers: { accept: 'application/json' }, redirect: 'manual' })
  expect(known.status).toBe(303)
})

it('switching it off ends what registered clients can do', async () => {
  const stage = await openStage()
  await stage.storage.registerClient({ id: 'app-aaaaaaaaaaaaaaaa', metadata, ...stored })
  const probe = await stage.fetch(urlOf('app-aaaaaaaaaaaaaaaa'), { headers: { accept: 'application/json' } })
  expect(await probe.json()).toEqual({ error: 'invalid_client' })
})

it('a redirect URI that the operator has removed from the list is refused', async () => {
  const stage = await openStage({ registration: true })
  const uris = ['https://www.editor.example/callback', 'http://127.0.0.1:3000/callback']
  const [both, one] = ['app-aaaaaaaaaaaaaaaa', 'app-bbbbbbbbbbbbbbbb']
  await stage.storage.registerClient({ id: both, metadata: { ...metadata, redirect_uris: uris }, ...stored })
  await stage.storage.registerClient({ id: one, metadata: { ...metadata, redirect_uris: [uris[0]] }, ...stored })
  const { user } = await openConsent(stage, urlOf(both))
  const refused = await user.open(authorizeUrl({ client_id: both, redirect_uri: uris[0] }))
  expect(await refused.text()).toContain('data-error-code="redirect_mismatch"')
  const probe = await stage.fetch(urlOf(one), { headers: { accept: 'application/json' } })
  expect(await probe.json()).toEqual({ error: 'invalid_client' })
})

describe('what the registration of clients stores', () => {
  const loopback = (count: number) => Array.from({ length: count }, (_, at) => `http://127.0.0.1/${at}`)

  /** The registration of a server whose storage finds these limits reached. */
  function open({ first, further }: { first?: object; further?: object } = {}, rateFactor = 1) {
    const clock = { now: 1_800_000_000.5 }
    const calls = {
      registered: [] as object[],
      counted: [] as object[],
      extended: [] as object[],
      bytes: [] as number[],
    }
    const found = { metadata, expiresAt: 0 }
    const reached = [first, further]
    const storage = {
      registerClient: async (client: object) => void calls.registered.push(client),
      extendRegisteredClient: async (extended: object) => void calls.extended.push(extended),
      findRegisteredClient: async () => found,
      countWithinLimits: async (limits: { window: number; most: number }[]) => {
        calls.counted.push(limits.map(({ window, most }) => [window, most]))
        return reached.shift()
      },
    }
    const context = { storage, rateFactor, now: () => clock.now } as unknown as Parameters<typeof createRegistration>[0]
    const registration = createRegistration(context, {})
    const send = async (sent: object, remoteAddress?: string) => {
      const headers = { 'content-type': 'application/json' }
      const received = {
        remoteAddress,
        body: async (most: number) => {
          calls.bytes.push(most)
          return Buffer.from(JSON.stringify(sent))
        },
      }
      const request = new Request(`${issuer}/oauth/register`, { method: 'POST', headers })
      return registration.register({ request, received } as unknown as Parameters<typeof registration.register>[0])
    }
    return { clock, calls, found, registration, send }
  }

  it('is a client of its network, for a day', async () => {
    const { calls, send } = open()
    const response = await send(metadata, '198.51.100.7')
    const { client_id: id, client_id_issued_at: at } = await response.json()
    expect(at).toBe(1_800_000_000)
    await send(metadata)
    const stored = {
      metadata: { ...metadata, grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'] },
      lifetime: day,
      most: 10_000,
      mostPerUser: 100,
    }
    expect(calls).toEqual({
      registered: [
        { ...stored, id, network: '198.51' },
        { ...stored, id: expect.stringMatching(/^app-/), network: '' },
      ],
      counted: [
        [
          [3600, 2],
          [3600, 60],
        ],
        [[3600, 60]],
      ],
      extended: [],
      bytes: [16_384, 16_384],
    })
  })

  it('is counted apart for networks that registered before, and refused beyond that', async () => {
    const { calls, send } = open({ first: {}, further: { resetAt: 1_800_000_020.5 } }, 3)
    await expect(send(metadata, '198.51.100.7')).rejects.toMatchObject({ code: 'too_many_requests', retryAfter: 20 })
    expect(calls.counted).toEqual([
      [
        [3600, 6],
        [3600, 180],
      ],
      [
        [3600, 54],
        [3600, 900],
      ],
    ])
    expect(calls.registered).toEqual([])
    const soon = open({ first: {}, further: { resetAt: 1_800_000_000.7 } })
    await expect(soon.send(metadata)).rejects.toMatchObject({ retryAfter: 1 })
  })

  it('is extended by 31 days, at most once a day', async () => {
    const { calls, clock, found, registration } = open()
    const id = 'app-aaaaaaaaaaaaaaaa'
    found.expiresAt = clock.now + 30 * day
    await registration.extend(id)
    expect(calls.extended).toEqual([])
    clock.now += 1
    await registration.extend('editor')
    await registration.extend(id)
    expect(calls.extended).toEqual([{ id, lifetime: 31 * day }])
  })

  it('has up to 20 redirect URIs, of 50 that are sent', async () => {
    const { send, calls } = open()
    const unusable = Array.from({ length: 30 }, (_, at) => `https://editor.example/${at}`)
    await send({ ...metadata, redirect_uris: [...unusable, ...loopback(20)] })
    expect(calls.registered).toMatchObject([{ metadata: { redirect_uris: loopback(20) } }])
    for (const redirect_uris of [loopback(21), [...loopback(1), ...unusable, ...unusable.slice(0, 20)]])
      await expect(send({ ...metadata, redirect_uris })).rejects.toMatchObject({
        error: 'invalid_redirect_uri',
        message: 'redirect_uris may contain at most 20 URLs.',
      })
  })

  it('has no refresh tokens if the client uses none', async () => {
    const { send } = open()
    const response = await send({ ...metadata, grant_types: ['authorization_code'] })
    expect(await response.json()).toMatchObject({ grant_types: ['authorization_code'] })
  })
})

it('limits the registrations of each network and provider, so that none uses up those of others (B22)', async () => {
  const stage = await openStage(on)
  const registerFrom = async (address: string) => register({ fetch: fetchFrom(stage, address) })
  const refused = { status: 429, error: 'temporarily_unavailable' }
  const limit = async (provider: string) => {
    for (let network = 0; network < 30; network += 1) {
      const counts = Array.from({ length: 21 }, (_, count) => count)
      const statuses = await Promise.all(
        counts.map(async (count) => (await registerFrom(`${provider}.${network}.${count}`)).status),
      )
      if (network === 0) expect(statuses.filter((status) => status === 201)).toHaveLength(20)
    }
    expect(await registerFrom(`${provider}.40.1`)).toMatchObject(refused)
  }
  await limit('198.51')
  await limit('192.0')
  for (const status of Array.from({ length: 20 }, () => 201)) {
    expect((await registerFrom('203.0.113.1')).status).toBe(status)
  }
  expect(await registerFrom('203.0.113.1')).toMatchObject(refused)
  stage.clock.now += 3600
  expect((await registerFrom('198.51.40.1')).status).toBe(201)
})

it.each([
  ['SQLite', openSharedStage],
  ['PostgreSQL', openSharedPostgresStage],
])('two instances store a limited number of clients: unused ones give way first, on %s', async (_name, open) => {
  const stage = await openStage(on, (options) =>
    open({
      ...options,
      wrap: (storage) => ({ ...storage, registerClient: (client) => storage.registerClient({ ...client, most: 3 }) }),
    }),
  )
  const registerFrom = async (address: string) => register({ fetch: fetchFrom(stage, address) })
  const used = await registerFrom('198.51.100.1')
  expect((await tokenFor(stage, used.client_id)).status).toBe(200)
  const waiting = await registerFrom('203.0.113.1')
  for (let count = 0; count < 4; count += 1) expect((await registerFrom(`198.51.${count}.1`)).status).toBe(201)
  expect((await tokenFor(stage, waiting.client_id)).status).toBe(200)
  const last = await registerFrom('198.51.9.1')
  expect((await tokenFor(stage, last.client_id)).status).toBe(200)
  stage.clock.now += 1
  const next = await registerFrom('192.0.2.1')
  expect(next.status).toBe(201)
  // All three were in use by one user, who had allowed this one least recently.
  expect(await stage.storage.findRegisteredClient(used.client_id)).toBeUndefined()
  for (const grant of await stage.storage.listGrants({ agent: waiting.client_id }))
    await stage.storage.revokeGrant({ grantId: grant.id, by: 'operator' })
  expect(await registerFrom('192.0.3.1')).toMatchObject({ status: 201 })
  expect(await stage.storage.findRegisteredClient(waiting.client_id)).toBeUndefined()
  for (const { client_id } of [last, next]) expect(await stage.storage.findRegisteredClient(client_id)).toBeDefined()
})
