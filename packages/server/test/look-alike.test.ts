import { expect, it } from 'vitest'
import { createScriptedUser } from './scripted-user.js'
import { createWorld, ids } from './world.js'

const caution = 'stands for an address with letters from outside a–z.'

/** The consent page shown to a signed-in user for an agent with this identifier. */
async function consentPageFor(id: string): Promise<string> {
  const urls: string[] = []
  const world = await createWorld({
    agent: { id },
    onConsent: (_world, url) => {
      urls.push(url)
    },
  })
  world.origins.set(id, (request) => world.agent.handler(request))
  const abort = new AbortController()
  const ended = world.agent
    .fetch(`${ids.resource}/data-auth`, { signal: abort.signal })
    .catch((error: unknown) => error)
  await expect.poll(() => urls).toHaveLength(1)
  abort.abort()
  await ended
  const [url = ''] = urls
  const user = createScriptedUser(world.fetch)
  await user.submit(await (await user.open(url)).text(), url, {
    username: 'testuser',
    password: 'testpass',
    action: 'login',
  })
  return (await user.open(url)).text()
}

it('K05: the consent page shows a confusable host as its A-label, with a caution', async () => {
  const { origin, host } = new URL('https://\u0430gent.example')
  expect(host).toBe('xn--gent-43d.example')
  const page = await consentPageFor(origin)
  expect(page).toContain('value="grant"')
  expect(page).toContain(host)
  expect(page.replace(/<[^>]*>/g, '')).toContain(`${host} ${caution}`)
  expect(page).not.toContain('\u0430gent.example')
})

it('K05, control: a host of plain letters is shown without a caution', async () => {
  const page = await consentPageFor(ids.agent)
  expect(page).toContain('value="grant"')
  expect(page).toContain('agent.example')
  expect(page).not.toContain(caution)
})
