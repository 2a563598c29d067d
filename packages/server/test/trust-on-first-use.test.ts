import { expect, it } from 'vitest'
import { createScriptedUser, decideAs } from './scripted-user.js'
import { createWorld, ids, type World } from './world.js'

/** Asks for something new each time and returns where the person would decide. */
async function consentUrl(world: World, urls: string[], path: string): Promise<string> {
  const abort = new AbortController()
  const before = urls.length
  const ended = world.agent.fetch(`${ids.resource}${path}`, { signal: abort.signal }).catch((error: unknown) => error)
  await expect.poll(() => urls.length).toBeGreaterThan(before)
  abort.abort()
  await ended
  return urls.at(-1) ?? ''
}

it('tells a person what changed since they allowed it, though a request nobody looked at showed it before', async () => {
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
  const shown = await consentUrl(world, urls, '/read')
  expect(unseen).not.toBe(shown)
  const signIn = createScriptedUser(world.fetch)
  const page = await (await signIn.open(shown)).text()
  await signIn.submit(page, shown, { username: 'testuser', password: 'testpass', action: 'login' })
  const consent = await (await signIn.open(shown)).text()
  expect(consent).toContain('Somebody Else')
  expect(consent).toContain('Test Agent')
})
