import { decodeToken, revocationEntry, signRequest } from 'countersign'
import { type Storage, StorageError, sqliteStorage } from 'countersign-server'
import { describe, expect, it } from 'vitest'
import { createScriptedUser, decideAs, type ScriptedUser } from '../scripted-user.js'
import { createWorld, ids, type World } from '../world.js'

const path = '/.well-known/aauth-revocations'

interface Scene {
  world: World
  user: ScriptedUser
  /** What the resource answers to the token that the agent holds, whatever the agent would do next. */
  use: () => Promise<{ status: number; error: string | undefined }>
}

/** An agent that was allowed to read and write, at a resource with a deny-list. */
async function allowed(storage?: Storage): Promise<Scene> {
  let user: ScriptedUser | undefined
  const world = await createWorld({
    server: { authTokenLifetime: 600, durations: ['until-removed'], onError: () => undefined },
    resource: { denyList: {} },
    ...(storage ? { storage: () => storage } : {}),
    onConsent: async ({ fetch }, url) => {
      user = createScriptedUser(fetch)
      void user.open(await decideAs(user, url, 'grant'))
    },
  })
  expect((await world.agent.fetch(`${ids.resource}/data-auth`)).status).toBe(200)
  const sent = world.sent.findLast(({ url }) => url === `${ids.resource}/data-auth`)
  const signatureKey = sent?.headers.get('signature-key') ?? ''
  if (!user) throw new TypeError('nobody was asked')
  return { world, user, use: () => use(world, /jwt="([^"]+)"/.exec(signatureKey)?.[1] ?? '') }
}

async function use({ agentSigner, fetch, clock }: World, jwt: string) {
  const options = { signer: agentSigner, signatureKey: { scheme: 'jwt', jwt } as const, created: clock.now }
  const response = await fetch(await signRequest(new Request(`${ids.resource}/data-auth`), options))
  const isJson = response.headers.get('content-type')?.includes('json')
  const { error } = isJson ? ((await response.json()) as { error?: string }) : {}
  return { status: response.status, error }
}

async function removeAll({ user }: Scene): Promise<void> {
  const url = `${ids.authServer}/account/remove-all`
  const page = await (await user.open(url)).text()
  expect((await user.submit(page, url, { action: 'remove-all-agents' })).status).toBe(303)
}

const refused = { status: 401, error: 'invalid_auth_token' }

describe('T23: with a deny-list', () => {
  it('the token of an agent that was removed on My agents is refused within 5 s', async () => {
    const scene = await allowed()
    const { clock } = scene.world
    expect(await scene.use()).toEqual({ status: 200, error: undefined })
    clock.now += 4
    await removeAll(scene)
    clock.now += 4
    expect(await scene.use()).toEqual(refused)
    clock.now += 590
    expect(await scene.use()).toEqual(refused)
  })

  it('the agent then asks the person again, and goes on with what they allow', async () => {
    const scene = await allowed()
    const { world } = scene
    await removeAll(scene)
    world.clock.now += 4
    expect((await world.agent.fetch(`${ids.resource}/data-auth`)).status).toBe(200)
    expect(await world.storage.listEvents({ event: 'request.allowed' })).toHaveLength(2)
    expect(await scene.use()).toEqual(refused)
  })

  it('the token of a blocked agent is refused while it is blocked', async () => {
    const { world, use: ask } = await allowed()
    await world.storage.setAgentBlocked({ agent: ids.agent, blocked: true, by: 'operator' })
    world.clock.now += 4
    expect(await ask()).toEqual(refused)
    await world.storage.setAgentBlocked({ agent: ids.agent, blocked: false, by: 'operator' })
    world.clock.now += 4
    expect(await ask()).toMatchObject({ status: 200 })
  })

  it('the token for a person who is disabled is refused', async () => {
    const { world, use: ask } = await allowed()
    const credential = await world.storage.findCredential('testuser')
    await world.storage.setUserStatus(credential?.user.id ?? '', 'disabled')
    world.clock.now += 4
    expect(await ask()).toEqual(refused)
  })

  it('more was taken back than a list holds: older tokens are refused, a fresh one is not', async () => {
    const many: Storage = {
      ...sqliteStorage(':memory:', { now: () => 1_800_000_000, sweepInterval: 0 }),
      listRevocations: async ({ limit }) =>
        Array.from({ length: limit }, (_, index) => ({
          kind: 'grant',
          value: `g-${index}`,
          at: 1_800_000_002 - index,
        })),
    }
    const world = await createWorld({ storage: () => many })
    const answer = await world.server.fetch(new Request(ids.authServer + path))
    const { payload } = decodeToken(await answer.text()) ?? {}
    expect(payload).toMatchObject({ revoked: [], before: 1_800_000_002 })
  })
})

describe('the list', () => {
  it('is named in the document, short-lived, signed, and names nobody', async () => {
    const scene = await allowed()
    const { world } = scene
    await removeAll(scene)
    expect(world.server.metadata.revocation_list_uri).toBe(ids.authServer + path)
    world.clock.now += 1
    const response = await world.server.fetch(new Request(ids.authServer + path))
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toBe('application/jwt')
    expect(response.headers.get('cache-control')).toBe('public, max-age=1')
    const { header, payload } = decodeToken(await response.text()) ?? {}
    expect(header).toEqual({ alg: 'EdDSA', kid: 'auth-key-1', typ: 'revocations+jwt' })
    const [grant] = await world.storage.listGrants()
    const entry = await revocationEntry('grant', grant?.id ?? '')
    const { now } = world.clock
    expect(payload).toEqual({
      iss: ids.authServer,
      iat: now,
      exp: now + 120,
      revoked: [entry],
      jti: expect.any(String),
    })
  })

  it('forgets what can have no token alive any more', async () => {
    const scene = await allowed()
    const { world } = scene
    await removeAll(scene)
    const revokedNow = async () => {
      const response = await world.server.fetch(new Request(ids.authServer + path))
      const { revoked } = decodeToken(await response.text())?.payload ?? {}
      return Array.isArray(revoked) ? revoked.length : undefined
    }
    world.clock.now += 660
    expect(await revokedNow()).toBe(1)
    world.clock.now += 1
    expect(await revokedNow()).toBe(0)
  })

  it('is read from the storage once a second, however many ask, and not kept when that fails', async () => {
    let reads = 0
    let down = false
    const base = sqliteStorage(':memory:', { sweepInterval: 0 })
    const storage: Storage = {
      ...base,
      listRevocations: (filter) => {
        reads++
        return down ? Promise.reject(new StorageError('unavailable', 'down')) : base.listRevocations(filter)
      },
    }
    const world = await createWorld({ storage: () => storage, server: { onError: () => undefined } })
    const ask = async () => (await world.server.fetch(new Request(ids.authServer + path))).status
    expect(new Set(await Promise.all(Array.from({ length: 50 }, ask)))).toEqual(new Set([200]))
    expect(reads).toBe(1)
    world.clock.now += 1
    down = true
    expect(await ask()).toBe(503)
    down = false
    expect(await ask()).toBe(200)
  })
})
