import type { Storage } from 'countersign-server'
import { describe, expect, it, onTestFinished } from 'vitest'
import { type Asked, allow, openRequest, view } from './attacks/flow.js'
import { delegateOf, identityOf, newSigner } from './attacks/party.js'
import { openMapStage, people, type Stage } from './attacks/stage.js'
import { words } from './pages/reading.js'
import { createScriptedUser, decideAs } from './scripted-user.js'
import { createWorld, ids, type World } from './world.js'

/** Requests something new each time and returns the URL where the user would decide. */
async function consentUrl(world: World, urls: string[], path: string): Promise<string> {
  const abort = new AbortController()
  const before = urls.length
  const ended = world.agent.fetch(`${ids.resource}${path}`, { signal: abort.signal }).catch((error: unknown) => error)
  await expect.poll(() => urls.length).toBeGreaterThan(before)
  abort.abort()
  await ended
  return urls.at(-1) ?? ''
}

it('tells a user what changed since they allowed it, even if a request no one viewed showed it earlier', async () => {
  const urls: string[] = []
  const world = await createWorld({
    onConsent: (_world, url) => {
      urls.push(url)
    },
  })
  const user = createScriptedUser(world.fetch)
  await decideAs(user, await consentUrl(world, urls, '/data-auth'), 'grant')
  const agentOrigin = world.origins.get(ids.agent)
  world.origins.set(ids.agent, async (request) => {
    const response = await agentOrigin?.(request)
    if (!response?.ok || !request.url.endsWith('/.well-known/aauth-agent')) return response ?? new Response(null)
    return Response.json({ ...((await response.json()) as object), name: 'Somebody Else' })
  })
  world.clock.now += 86_400
  const unseen = await consentUrl(world, urls, '/read')
  await world.agent.forget()
  const shown = await consentUrl(world, urls, '/read')
  expect(unseen).not.toBe(shown)
  const signIn = createScriptedUser(world.fetch)
  const page = await (await signIn.open(shown)).text()
  await signIn.submit(page, shown, { username: 'testuser', password: 'testpass', action: 'login' })
  const consent = await (await signIn.open(shown)).text()
  expect(consent).toContain('Somebody Else')
  expect(consent).toContain('Test Agent')
})

it('stores names of agents up to 256 characters', async () => {
  const stage = await openMapStage()
  onTestFinished(() => stage.close())
  stage.agent.document.name = `${'n'.repeat(255)}ab`
  await openRequest(stage)
  expect(await stage.storage.findAgent(stage.agent.id)).toMatchObject({ name: `${'n'.repeat(255)}a` })
})

it('stores the keys that an agent publishes, and not those of its delegates', async () => {
  const requests: Parameters<Storage['createAuthRequest']>[0][] = []
  const stage = await openMapStage({
    wrap: (storage) => ({
      ...storage,
      createAuthRequest: (request) => {
        requests.push(request)
        return storage.createAuthRequest(request)
      },
    }),
  })
  onTestFinished(() => stage.close())
  await openRequest(stage)
  await openRequest(stage, await delegateOf(stage.agent, 'laptop', stage.clock.now))
  const { thumbprint } = stage.agent.signer
  const keys = requests.map(({ display, sighting }) => [display.agent.jkt, sighting?.keyThumbprints])
  expect(keys).toEqual([
    [thumbprint, [thumbprint]],
    [undefined, undefined],
  ])
})

describe('changes of an agent', () => {
  /** The page’s notice about changes, for Alice or for Bob. */
  async function told(stage: Stage, asked: Asked = {}, person: { username: string; password: string } = people.alice) {
    const { page } = await view(stage, await openRequest(stage, undefined, asked), undefined, person)
    const [, said] =
      /(Something about this agent has changed .*?) (?:agent\.example calls itself|This agent gives no name)/.exec(
        words(page),
      ) ?? []
    return said
  }

  async function opened(): Promise<Stage> {
    const stage = await openMapStage()
    onTestFinished(() => stage.close())
    return stage
  }

  /** Has the server see another document of the agent, which it fetches again after a while. */
  function publish(stage: Stage, members: object): void {
    Object.assign(stage.agent.document, members)
    stage.clock.now += 86_400
  }

  const you = 'Something about this agent has changed since you last allowed it:'
  const others = 'Something about this agent has changed since someone else last allowed it:'

  it('are not shown if nothing changed', async () => {
    const stage = await opened()
    await allow(stage)
    expect(await told(stage)).toBeUndefined()
    expect(await told(stage, {}, people.bob)).toBeUndefined()
  })

  it.each([
    ['http://127.0.0.1/callback', 'http://127.0.0.1:49213/callback', 'http://127.0.0.1:51044/callback'],
    ['http://127.0.0.1/callback', 'http://127.0.0.1:49213/callback', 'http://127.0.0.1/callback'],
    ['http://[::1]/callback', 'http://[::1]:49213/callback', 'http://[::1]:51044/callback'],
    ['http://localhost/callback', 'http://localhost:49213/callback', 'http://localhost:51044/callback'],
  ])(
    'do not include a new port of %s on loopback, for any user, or in the audit log',
    async (listed, first, second) => {
      const stage = await opened()
      publish(stage, { redirect_uris: [listed] })
      await allow(stage, undefined, {}, { asked: { redirectUri: first } })
      expect(await told(stage, { redirectUri: second })).toBeUndefined()
      expect(await told(stage, { redirectUri: second }, people.bob)).toBeUndefined()
      expect(await stage.storage.listEvents({ event: 'agent.changed' })).toEqual([])
      expect((await stage.storage.findAgent(stage.agent.id))?.redirectHosts).toEqual([new URL(listed).hostname])
    },
  )

  it.each([
    ['https://agent.example/callback', 'https://elsewhere.example/callback', 'agent.example'],
    ['https://agent.example/callback', 'https://agent.example:8443/callback', 'agent.example'],
    ['https://agent.example/callback', 'http://127.0.0.1:4321/callback', 'agent.example'],
    ['http://127.0.0.1:4321/callback', 'https://agent.example/callback', '127.0.0.1'],
    ['http://127.0.0.1:4321/callback', 'http://localhost:4321/callback', '127.0.0.1'],
    ['example.agent.one:/callback', 'example.agent.two:/callback', 'example.agent.one:'],
  ])('include a new redirect address: %s, then %s', async (first, second, before) => {
    const stage = await opened()
    publish(stage, { redirect_uris: [first, second] })
    const seen = `It now sends you to a different address. Before: ${before}`
    await allow(stage, undefined, {}, { asked: { redirectUri: first } }).catch(() => undefined)
    expect(await told(stage, { redirectUri: second })).toBe(`${you} ${seen}`)
    expect(await told(stage, { redirectUri: second }, people.bob)).toBe(`${others} ${seen}`)
    expect(await told(stage, { redirectUri: first })).toBeUndefined()
  })

  it('include a new key, if another one is known', async () => {
    const stage = await opened()
    await allow(stage)
    const first = identityOf(stage.agent)
    stage.agent.signer = await newSigner()
    stage.agent.keys.push(stage.agent.signer.jwk)
    publish(stage, {})
    expect(await told(stage)).toBe(`${you} It uses a new key.`)
    expect(await told(stage, {}, people.bob)).toBe(`${others} It uses a new key.`)
    await allow(stage)
    const { page } = await view(stage, await openRequest(stage, first))
    expect(words(page)).not.toContain('It uses a new key.')
  })

  it.each([
    [{ name: 'Other Name' }, 'It has a new name. Before: First Agent'],
    [{ name: undefined }, 'It no longer gives a name. Before: First Agent'],
  ])('include its name: %o', async (members, seen) => {
    const stage = await opened()
    stage.agent.document.homepage = `${stage.agent.id}/about`
    await allow(stage)
    publish(stage, members)
    expect(await told(stage)).toBe(`${you} ${seen}`)
    expect(await told(stage, {}, people.bob)).toBe(`${others} ${seen}`)
  })

  it('ignore what was seen only in requests that no one viewed or no one allowed', async () => {
    const stage = await opened()
    await openRequest(stage)
    await view(stage, await openRequest(stage), undefined, people.bob)
    publish(stage, { name: 'Other Name' })
    expect(await told(stage)).toBeUndefined()
  })
})

it('remembers the pages that an agent names', async () => {
  const stage = await openMapStage()
  onTestFinished(() => stage.close())
  const pages = { homepage: '/about', policy_uri: '/privacy', tos_uri: '/terms' }
  for (const [member, path] of Object.entries(pages)) stage.agent.document[member] = `${stage.agent.id}${path}`
  const { page } = await view(stage, await openRequest(stage))
  for (const path of Object.values(pages)) expect(page).toContain(`href="${stage.agent.id}${path}"`)
})
