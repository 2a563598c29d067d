import { decodeToken } from 'countersign/tokens'
import { describe, expect, it } from 'vitest'
import { createScriptedUser, decideAs, type ScriptedUser } from '../scripted-user.js'
import { createWorld, ids, type World } from '../world.js'

const lifetime = 600

interface Scene {
  world: World
  user: ScriptedUser
  /** The number of consent prompts. */
  asked: () => number
  /** A request to the resource, through the agent. */
  request: () => Promise<number>
  /** The tokens requested since the last call. */
  tokenRequests: () => Promise<string[]>
}

/** An agent that was allowed to read and write until it is revoked, and that holds a token. */
async function allowed(): Promise<Scene> {
  let asked = 0
  let user: ScriptedUser | undefined
  const world = await createWorld({
    server: { lifetimes: { authToken: lifetime }, durations: ['until-removed'] },
    onConsent: async ({ fetch }, url) => {
      asked++
      user = createScriptedUser(fetch)
      void user.open(await decideAs(user, url, 'grant'))
    },
  })
  const request = async () => (await world.agent.fetch(`${ids.resource}/data-auth`)).status
  expect(await request()).toBe(200)
  world.sent.length = 0
  if (!user) throw new TypeError('no prompt was expected')
  return { world, user, asked: () => asked, request, tokenRequests: () => tokenRequestsOf(world) }
}

async function tokenRequestsOf({ sent }: World): Promise<string[]> {
  const forms = sent.splice(0).filter(({ url }) => url.endsWith('/agent/token'))
  return Promise.all(forms.map(async (form) => new URLSearchParams(await form.text()).get('request_type') ?? ''))
}

/** Waits for background work. */
const settled = async (scene: Scene) => {
  for (let turns = 0; turns < 50; turns++) await new Promise((resolve) => setTimeout(resolve, 2))
  return scene.tokenRequests()
}

async function removeAll({ world, user }: Scene): Promise<void> {
  const url = `${ids.authServer}/account/remove-all`
  await user.submit(await (await user.open(url)).text(), url, { action: 'remove-all-agents' })
  world.sent.length = 0
}

/** Sends a request, and waits until the token that it refreshes in the background is stored. */
async function requestAndRefresh(scene: Scene): Promise<void> {
  const expiry = async () => Math.max(...(await scene.world.agent.tokens()).map(({ expiresAt }) => expiresAt))
  const before = await expiry()
  expect(await scene.request()).toBe(200)
  await expect.poll(expiry).toBeGreaterThan(before)
}

describe('an agent with a refresh token', () => {
  it('requests nothing before 80 % of the lifetime of its auth token', async () => {
    const scene = await allowed()
    scene.world.clock.now += 0.8 * lifetime - 1
    expect(await scene.request()).toBe(200)
    expect(await settled(scene)).toEqual([])
  })

  it('gets a new auth token in the background after that, without a prompt', async () => {
    const scene = await allowed()
    scene.world.clock.now += 0.8 * lifetime
    await requestAndRefresh(scene)
    expect(await scene.tokenRequests()).toEqual(['refresh'])
    scene.world.clock.now += 0.5 * lifetime
    expect(await scene.request()).toBe(200)
    expect(await settled(scene)).toEqual([])
    expect(scene.asked()).toBe(1)
  })

  it('gets a new one before the request if the old one has expired', async () => {
    const scene = await allowed()
    scene.world.clock.now += lifetime + 1
    expect(await scene.request()).toBe(200)
    const paths = scene.world.sent.map(({ url }) => new URL(url).pathname)
    expect(paths.filter((path) => path === '/agent/token' || path === '/data-auth')).toEqual([
      '/agent/token',
      '/data-auth',
    ])
    expect(await scene.tokenRequests()).toEqual(['refresh'])
  })

  it('gets one new token for many concurrent requests', async () => {
    const scene = await allowed()
    scene.world.clock.now += lifetime + 1
    expect(await Promise.all(Array.from({ length: 10 }, scene.request))).toEqual(Array(10).fill(200))
    expect(await scene.tokenRequests()).toEqual(['refresh'])
  })

  it('keeps the same refresh token across refreshes', async () => {
    const scene = await allowed()
    const used = new Set<string | null>()
    for (let round = 0; round < 4; round++) {
      scene.world.clock.now += lifetime + 1
      expect(await scene.request()).toBe(200)
      for (const sent of scene.world.sent.splice(0).filter(({ url }) => url.endsWith('/agent/token')))
        used.add(new URLSearchParams(await sent.text()).get('refresh_token'))
    }
    expect(used.size).toBe(1)
    expect(scene.asked()).toBe(1)
  })

  it('prompts the user again after they revoked it', async () => {
    const scene = await allowed()
    await removeAll(scene)
    scene.world.clock.now += lifetime + 1
    expect(await scene.request()).toBe(200)
    expect(await scene.tokenRequests()).toEqual(['refresh', 'auth', 'code'])
    expect(scene.asked()).toBe(2)
  })

  it('continues with its token while the auth server is down, until the token expires', async () => {
    const scene = await allowed()
    const { origins, clock } = scene.world
    const handler = origins.get(ids.authServer)
    let isRefused = false
    origins.set(ids.authServer, () => {
      isRefused = true
      return new Response('down', { status: 503 })
    })
    clock.now += 0.9 * lifetime
    expect(await scene.request()).toBe(200)
    await expect.poll(() => isRefused).toBe(true)
    expect(await settled(scene)).toEqual(['refresh'])
    clock.now += 0.2 * lifetime
    await expect(scene.request()).rejects.toMatchObject({ code: 'token_request_failed' })
    if (handler) origins.set(ids.authServer, handler)
    expect(await scene.request()).toBe(200)
    expect(scene.asked()).toBe(1)
  })

  it('gets one bound to its key, with the same scope and subject', async () => {
    const scene = await allowed()
    const shown = async () => {
      await scene.request()
      const header = scene.world.sent.findLast(({ url }) => url.endsWith('/data-auth'))?.headers.get('signature-key')
      return decodeToken(/jwt="([^"]+)"/.exec(header ?? '')?.[1] ?? '')?.payload
    }
    const first = await shown()
    scene.world.clock.now += lifetime + 1
    const second = await shown()
    expect(second).toMatchObject({ sub: first?.sub, scope: first?.scope, cnf: first?.cnf, agent: ids.agent })
    expect(second?.jti).not.toBe(first?.jti)
    expect(String(second?.jti).split('.')[0]).toBe(String(first?.jti).split('.')[0])
  })
})
