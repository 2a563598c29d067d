import type { Storage } from 'countersign-server'
import { sqliteStorage } from 'countersign-server/sqlite'
import { expect, it } from 'vitest'
import { agent11, decide11, openDevices11, pageOf as pageOf11 } from '../editions/draft-11/device-stage.js'
import { words } from '../pages/reading.js'
import { ids } from '../world.js'
import { allowOnDevice, bob, type ConnectedDevice, connect, connectRemotely, openDevices } from './device-stage.js'

/** Sends a request that the owner of a device must decide, and returns the page. */
async function pageOf({ agent, pages, user }: ConnectedDevice, path = '/data-auth'): Promise<string> {
  const known = pages.length
  agent.fetch(ids.resource + path).catch(() => undefined)
  await expect.poll(() => pages.length, { timeout: 30_000 }).toBeGreaterThan(known)
  return (await user.open(pages.at(-1) ?? '')).text()
}

it('names the device and its owner, and never the server, as the one who asks', async () => {
  const world = await openDevices()
  const device = await connect(world)
  const page = await pageOf(device)
  expect(page).toContain('<title>Allow laptop? ')
  const [text = '', details = ''] = words(page).split('Details, and what it can’t do')
  expect(text).toContain('Allow “laptop” to access api.example for you?')
  expect(text).toContain('This request comes from your device “laptop”, which you connected to this account.')
  expect(text).toMatch(/Did you start this on this computer just now\? Account ada Device “laptop” .*Time /)
  expect(text).not.toMatch(/copy of|calls itself|who runs it/)
  expect([text.includes(device.id), details.includes(`Device ${device.id}`)]).toEqual([false, true])
})

it('asks about the device itself if it was connected with a code', async () => {
  const world = await openDevices({ remote: true })
  const page = await pageOf(await connectRemotely(world))
  const text = words(page)
  expect(text).toContain('Did you start this on that device just now? Account ada Device “server”')
  expect(text).toContain('Your answer goes to your device “server” through this computer (port 49152).')
  expect(text).not.toContain('an app on this device')
})

it.each([
  ['the default durations', undefined, ['3600', '86400']],
  ['only longer ones', ['until-removed'] as const, ['86400']],
])(
  'D09: offers no duration of more than a day to a device that ends after a day, with %s',
  async (_, durations, left) => {
    const world = await openDevices({ remote: true }, { server: { durations } })
    const page = await pageOf(await connectRemotely(world))
    const offered = [
      ...page.matchAll(/name="duration" value="([^"]+)"|<input(?=[^>]*name="duration")[^>]*value="([^"]+)"/g),
    ]
    expect(offered.map(([, one, other]) => one ?? other)).toEqual(left)
  },
)

it('reports nothing about other devices, neither of the same user nor of others', async () => {
  const world = await openDevices()
  await allowOnDevice(await connect(world, bob))
  const text = words(await pageOf(await connect(world)))
  expect(text).toContain('This is the first time this agent has asked you.')
  expect(text).not.toContain('has changed')
  await allowOnDevice(await connect(world))
  const after = words(await pageOf(await connect(world)))
  expect(after).not.toMatch(/You allowed|It can still|has changed|has asked you before/)
})

/** Disconnects every device just before a request is stored, as if the device had sent it at that moment. */
function disconnectingAtRequest(now: () => number): Storage {
  const storage = sqliteStorage(':memory:', { now, sweepInterval: 0, usageDelay: 0 })
  return {
    ...storage,
    async createAuthRequest(request) {
      for (const { id } of await storage.listDevices()) await storage.disconnectDevice({ id, by: 'device' })
      return storage.createAuthRequest(request)
    },
  }
}

it('does not say that a request was allowed if its device was disconnected when it arrived', async () => {
  const world = await openDevices({}, { storage: disconnectingAtRequest })
  const { agent, pages, user } = await connect(world)
  agent.fetch(`${ids.resource}/data-auth`).catch(() => undefined)
  await expect.poll(() => pages.length, { timeout: 30_000 }).toBe(1)
  const [url = ''] = pages
  const decided = await user.submit(await (await user.open(url)).text(), url, { consent: 'grant' })
  const closed = await user.open(new URL(decided.headers.get('location') ?? '', url).href)
  expect(words(await closed.text())).toContain('This request is closed')
  expect(await world.storage.listGrants()).toEqual([])
})

it('returns an error to a device of draft -11 that was disconnected when its request arrived', async () => {
  const world = await openDevices11({}, { storage: disconnectingAtRequest })
  const { signer, user } = await connect(world)
  const decided = await decide11(user, await pageOf11(agent11(world, signer)))
  const ended = await user.open(new URL(decided.headers.get('location') ?? '', ids.authServer).href)
  expect(ended.headers.get('location')).toContain('error=server_error')
  expect(await world.storage.listGrants()).toEqual([])
})
