import { describe, expect, it } from 'vitest'
import { openDevices11 } from '../editions/draft-11/device-stage.js'
import { hashOf } from '../storage/fixtures.js'
import { ids, type World } from '../world.js'
import {
  browserOf,
  codePage,
  connect,
  connectUrl,
  decideOnDevice,
  issuer,
  newCode,
  newSigner,
  openDevices,
  post,
  redeem,
  renew,
} from './device-stage.js'

const endpoints = [
  '/delegates',
  '/delegates/token',
  '/delegates/disconnect',
  '/delegates/status',
  '/person/delegates/token',
]

/** Sends the last request to the auth server again, unchanged. */
async function replay({ sent, origins }: World) {
  const request = sent.findLast(({ url }) => url.includes('/delegates')) ?? expect.fail('no request')
  const response = await origins.get(issuer)?.(request)
  return { status: response?.status, body: (await response?.json()) as Record<string, unknown> }
}

describe('each endpoint of devices', () => {
  it.each(endpoints)('%s accepts a signed request once', async (path) => {
    const world = await openDevices11()
    const { signer } = await connect(world)
    const form = { credential: 'x', audience: ids.resource }
    const first = await post(world, signer, path, form)
    expect(first.status).toBe(path === '/delegates' ? 403 : 200)
    expect(await replay(world)).toMatchObject({ status: 401, body: { error: 'invalid_signature' } })
  })

  it.each(endpoints)('%s serves keys that are not connected a hundred times a minute', async (path) => {
    const world = await openDevices11()
    const signer = await newSigner()
    const statuses: number[] = []
    for (let sent = 0; sent < 101; sent += 1)
      statuses.push((await post(world, signer, path, { credential: 'x', audience: ids.resource })).status)
    expect(statuses).toEqual([...Array(100).fill(403), 429])
  })
})

describe('a renewal', () => {
  it('records the use of the device', async () => {
    const world = await openDevices()
    const { signer } = await connect(world)
    world.clock.now += 100
    await renew(world, signer)
    expect(await world.storage.listDevices()).toMatchObject([{ lastUsedAt: world.clock.now }])
  })

  it.each(['', 'api.example', 'http://api.example', `${ids.resource}/?a`])(
    'requires the identifier of a server, not “%s”',
    async (audience) => {
      const world = await openDevices()
      const { signer } = await connect(world)
      expect(await renew(world, signer, audience)).toMatchObject({ status: 400, body: { error: 'invalid_request' } })
    },
  )

  it('D06: fails if the device is disconnected while the request is checked', async () => {
    const world = await openDevices()
    const { signer, id } = await connect(world)
    const { storage } = world
    const claimNonce = storage.claimNonce.bind(storage)
    storage.claimNonce = async (claim) => {
      await storage.disconnectDevice({ id, by: 'operator' })
      return claimNonce(claim)
    }
    expect((await renew(world, signer)).body.error).toBe('revoked_delegate')
  })
})

describe('a redemption', () => {
  it.each(['\u2800', 'a\nb', 'x'.repeat(65)])('refuses the name %j', async (device) => {
    const world = await openDevices({ remote: true })
    const refused = await redeem(world, await newSigner(), '7XQ2-94K0', { device })
    expect(refused).toMatchObject({ status: 400, body: { error: 'invalid_request' } })
  })

  it('accepts a code that is typed in for five minutes', async () => {
    const world = await openDevices({ remote: true })
    const user = await browserOf(world)
    const { code } = await newCode(user)
    const signer = await newSigner()
    world.clock.now += 299
    expect((await redeem(world, signer, code, { device: 'box' })).status).toBe(202)
    world.clock.now += 1
    expect((await redeem(world, signer, code, { device: 'box' })).body.error).toBe('enrollment_denied')
  })

  it('lets a device wait for the decision, a request every two seconds', async () => {
    const world = await openDevices({ remote: true })
    const user = await browserOf(world)
    const { code } = await newCode(user)
    const signer = await newSigner()
    for (let second = 0; second < 120; second += 2) {
      const waiting = await redeem(world, signer, code, { device: 'box' })
      expect([second, waiting.status]).toEqual([second, 202])
      world.clock.now += 2
    }
  })

  it('accepts letters for the digits that look like them', async () => {
    const world = await openDevices({ remote: true })
    const [user] = await world.storage.listUsers()
    const { id: userId, credentialRevision } = user ?? expect.fail('no user')
    const codeHash = hashOf('01011ABC')
    await world.storage.createDeviceCode({ userId, credentialRevision, codeHash, number: '47', lifetime: 300, most: 1 })
    expect((await redeem(world, await newSigner(), ' oIoLi-abc', { device: 'box' })).status).toBe(202)
  })
})

describe('the owner of a device', () => {
  it('may allow it dangerous permissions if it was connected on their computer', async () => {
    const world = await openDevices()
    const { agent, pages } = await connect(world)
    agent.fetch(`${ids.resource}/data`, { method: 'DELETE' }).catch(() => undefined)
    await expect.poll(() => pages, { timeout: 30_000 }).toHaveLength(1)
  })

  it('decides even where a rule grants the same to agents for themselves', async () => {
    const world = await openDevices({}, { server: { policy: () => ({ grant: 'own-agents' }) } })
    const { agent, pages } = await connect(world)
    agent.fetch(`${ids.resource}/data-auth`).catch(() => undefined)
    await expect.poll(() => pages, { timeout: 30_000 }).toHaveLength(1)
  })

  it('connects nothing with a form that contains no decision', async () => {
    const world = await openDevices({ remote: true })
    const user = await browserOf(world)
    const signer = await newSigner()
    expect(await decideOnDevice(user, connectUrl(signer), '' as 'deny')).toMatchObject({ error: 'access_denied' })
    const { issued, code } = await newCode(user)
    const send = async () => redeem(world, signer, code, { device: 'server' })
    expect((await send()).status).toBe(202)
    const claimed = await (await user.submit(issued, codePage, { action: 'check-device-code' })).text()
    await user.submit(claimed, codePage, { action: 'confirm-device', consent: '' })
    expect((await send()).body.error).toBe('enrollment_denied')
  })
})
