import { createSigner, generatePrivateJwk } from 'countersign'
import { january, revocationEntry, revocationListLimits } from 'countersign/editions'
import { signRequest } from 'countersign/signatures'
import { decodeToken } from 'countersign/tokens'
import { createAuthServer, fixedKeys, type Storage, StorageError } from 'countersign-server'
import { sqliteStorage } from 'countersign-server/sqlite'
import { describe, expect, it } from 'vitest'
import { createScriptedUser, decideAs, type ScriptedUser } from '../scripted-user.js'
import { fillWithRemovals } from '../storage/fill-with-removals.js'
import { temporaryFile } from '../storage/temporary-file.js'
import { createWorld, ids, type World } from '../world.js'

const listPath = '/.well-known/aauth-revocations'

interface Scene {
  world: World
  user: ScriptedUser
  /** The resource’s response to the agent’s current token, without the agent’s retries. */
  use: () => Promise<{ status: number; error: string | undefined }>
}

/** An agent that was allowed to read and write, at a resource with a revocation list. */
async function allowed(
  storage?: (now: () => number) => Storage,
  onError: (error: unknown) => void = () => undefined,
): Promise<Scene> {
  let user: ScriptedUser | undefined
  const world = await createWorld({
    server: { lifetimes: { authToken: 600 }, durations: ['until-removed'], onError },
    resource: { denyList: {} },
    ...(storage ? { storage } : {}),
    onConsent: async ({ fetch }, url) => {
      user = createScriptedUser(fetch)
      void user.open(await decideAs(user, url, 'grant'))
    },
  })
  expect((await world.agent.fetch(`${ids.resource}/data-auth`)).status).toBe(200)
  const sent = world.sent.findLast(({ url }) => url === `${ids.resource}/data-auth`)
  const signatureKey = sent?.headers.get('signature-key') ?? ''
  if (!user) throw new TypeError('no prompt was expected')
  return { world, user, use: () => use(world, /jwt="([^"]+)"/.exec(signatureKey)?.[1] ?? '') }
}

async function use({ agentSigner, fetch, clock }: World, jwt: string) {
  const options = {
    profile: january.signing,
    signer: agentSigner,
    signatureKey: { scheme: 'jwt', jwt } as const,
    created: clock.now,
  }
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

describe('T23: with a revocation list', () => {
  it('the token of an agent that was revoked in My agents is refused within 5 s', async () => {
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

  it('the agent then prompts the user again, and continues with what they allow', async () => {
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

  it('the token for a disabled user is refused', async () => {
    const { world, use: ask } = await allowed()
    const credential = await world.storage.findCredential('testuser')
    await world.storage.setUserStatus(credential?.user.id ?? '', 'disabled')
    world.clock.now += 4
    expect(await ask()).toEqual(refused)
  })

  it('any number of other users’ revocations does not affect an honest user’s token', async () => {
    const path = temporaryFile()
    const scene = await allowed((now) => sqliteStorage(path, { now, sweepInterval: 0 }))
    const { clock } = scene.world
    // Like eight users in eleven minutes, each of whom may allow sixty requests a minute.
    fillWithRemovals(path, { people: 8, each: 660, now: clock.now })
    clock.now += 4
    expect(await scene.use()).toEqual({ status: 200, error: undefined })
    fillWithRemovals(path, { people: 12_000, each: 2, now: clock.now })
    clock.now += 4
    expect(await scene.use()).toEqual({ status: 200, error: undefined })
    await removeAll(scene)
    clock.now += 4
    expect(await scene.use()).toEqual(refused)
  })

  it('a user with more than twenty revocations has all earlier tokens refused, but no later one', async () => {
    const path = temporaryFile()
    const scene = await allowed((now) => sqliteStorage(path, { now, sweepInterval: 0 }))
    const { world, use: ask } = scene
    const [grant] = await world.storage.listGrants()
    const of = { user: grant?.userId ?? '', now: world.clock.now }
    fillWithRemovals(path, { ...of, each: 20 })
    world.clock.now += 4
    expect(await ask()).toMatchObject({ status: 200 })
    fillWithRemovals(path, { ...of, each: 1 })
    world.clock.now += 4
    expect(await ask()).toEqual(refused)
    expect((await world.agent.fetch(`${ids.resource}/data-auth`)).status).toBe(200)
  })
})

describe('the list', () => {
  it('is named in the document, short-lived, signed, and contains no names', async () => {
    const scene = await allowed()
    const { world } = scene
    await removeAll(scene)
    expect(world.server.metadata.revocation_list_uri).toBe(ids.authServer + listPath)
    world.clock.now += 1
    const response = await world.server.fetch(new Request(ids.authServer + listPath))
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

  it('drops entries that can have no valid token', async () => {
    const scene = await allowed()
    const { world } = scene
    await removeAll(scene)
    const revokedNow = async () => {
      const response = await world.server.fetch(new Request(ids.authServer + listPath))
      const { revoked } = decodeToken(await response.text())?.payload ?? {}
      return Array.isArray(revoked) ? revoked.length : undefined
    }
    world.clock.now += 660
    expect(await revokedNow()).toBe(1)
    world.clock.now += 1
    expect(await revokedNow()).toBe(0)
  })

  it('covers all valid tokens, even after a restart that shortened the lifetime of new ones', async () => {
    const scene = await allowed()
    const { world } = scene
    const keys = fixedKeys({
      signer: await createSigner(await generatePrivateJwk({ kid: 'auth-key-2' })),
      secret: new Uint8Array(32).fill(7),
    })
    const { storage, fetch, clock } = world
    const restarted = createAuthServer({
      issuer: ids.authServer,
      keys,
      storage,
      lifetimes: { authToken: 60 },
      fetch,
      now: () => clock.now,
    })
    await removeAll(scene)
    const listed = async () => {
      const list = await restarted.fetch(new Request(ids.authServer + listPath))
      return decodeToken(await list.text())?.payload.revoked
    }
    const [grant] = await storage.listGrants()
    clock.now += 660
    expect(await listed()).toEqual([await revocationEntry('grant', grant?.id ?? '')])
    clock.now += 1
    expect(await listed()).toEqual([])
  })

  it('never exceeds what a resource can read, and warns periodically when it is full', async () => {
    const path = temporaryFile()
    const warnings: string[] = []
    const onError = (error: unknown) => warnings.push(String(error))
    const scene = await allowed((now) => sqliteStorage(path, { now, sweepInterval: 0 }), onError)
    const { world } = scene
    fillWithRemovals(path, { people: 10_001, each: 2, now: world.clock.now })
    for (let polled = 0; polled < 3; polled++) {
      world.clock.now += 4
      expect(await scene.use()).toEqual({ status: 200, error: undefined })
    }
    const text = await (await world.server.fetch(new Request(ids.authServer + listPath))).text()
    const { revoked, revoked_before: times } = decodeToken(text, text.length)?.payload ?? {}
    expect([(revoked as string[]).length, Object.keys(times as object).length]).toEqual([0, 10_000])
    expect(text.length).toBeLessThan(revocationListLimits.characters)
    expect(warnings).toEqual([expect.stringContaining('revocation list is full')])
    // The first warning was 8 s ago.
    for (const [seconds, told] of [
      [591, 1],
      [1, 2],
    ] as const) {
      world.clock.now += seconds
      await world.server.fetch(new Request(ids.authServer + listPath))
      expect(warnings).toHaveLength(told)
    }
  })

  it('contains the time before which nothing is valid, if the storage has too many entries', async () => {
    const base = sqliteStorage(':memory:', { sweepInterval: 0 })
    const before = 1_700_000_000
    const storage: Storage = {
      ...base,
      listRevocations: async (filter) => ({ ...(await base.listRevocations(filter)), before }),
    }
    const { server } = await createWorld({ storage: () => storage })
    const text = await (await server.fetch(new Request(ids.authServer + listPath))).text()
    expect(decodeToken(text, text.length)?.payload).toMatchObject({ before })
  })

  it('is read from the storage at most once a second, and a failed read is not cached', async () => {
    let reads = 0
    let down = false
    const base = sqliteStorage(':memory:', { sweepInterval: 0 })
    const storage: Storage = {
      ...base,
      listRevocations: (filter) => {
        // No edition of this server has families.
        expect(filter.families).toBe(false)
        reads++
        return down ? Promise.reject(new StorageError('unavailable', 'down')) : base.listRevocations(filter)
      },
    }
    const world = await createWorld({ storage: () => storage, server: { onError: () => undefined } })
    const ask = async () => (await world.server.fetch(new Request(ids.authServer + listPath))).status
    expect(new Set(await Promise.all(Array.from({ length: 50 }, ask)))).toEqual(new Set([200]))
    expect(reads).toBe(1)
    world.clock.now += 1
    down = true
    expect(await ask()).toBe(503)
    down = false
    expect(await ask()).toBe(200)
    const { headers } = await world.server.fetch(new Request(ids.authServer + listPath))
    expect(headers.get('cache-control')).toBe('public, max-age=1')
  })
})
