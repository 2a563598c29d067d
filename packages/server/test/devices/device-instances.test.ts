import { createAuthServer, fixedKeys, januaryServer } from 'countersign-server'
import { describe, expect, it, onTestFinished } from 'vitest'
import { agent11, allow11, openDevices11, renew11 } from '../editions/draft-11/device-stage.js'
import { takeInTurn } from '../in-turn.js'
import { engines } from '../keys/two-storages.js'
import {
  allowOnDevice,
  browserOf,
  connect,
  connectUrl,
  decideOnDevice,
  issuer,
  newSigner,
  redeem,
  renew,
} from './device-stage.js'

describe.each(engines)('two instances on %s', (_, open) => {
  /** A world in which the instances receive requests in turn. `stop` ends the first one, as if its machine had failed. */
  async function openInstances() {
    const secret = new Uint8Array(32).fill(7)
    const keys = fixedKeys({ signer: await newSigner('auth-key-1'), secret })
    let clock = () => 1_800_000_000
    const [first, second] = await open(() => clock())
    if (!first || !second) throw new TypeError('expected two storages')
    const storage = (now: () => number) => {
      clock = now
      return first
    }
    const world = await openDevices11({}, { storage, server: { keys } })
    const options = {
      issuer,
      keys,
      storage: second,
      personalAgents: { keys: fixedKeys({ signer: world.deviceSigner, secret }) },
      fetch: world.fetch,
      now: () => world.clock.now,
    }
    const other = createAuthServer(options, januaryServer, ...world.others)
    onTestFinished(async () => {
      await other.close()
      await second.close()
    })
    const next = takeInTurn([world.server, other])
    world.origins.set(issuer, (request) => next().handler(request))
    const stop = async () => {
      await world.server.close()
      world.origins.set(issuer, (request) => other.handler(request))
    }
    return { world, stop, second }
  }

  it('connect a device, and serve it in both editions, whichever instance it reaches', async () => {
    const { world } = await openInstances()
    const device = await connect(world)
    expect((await allowOnDevice(device)).status).toBe(200)
    expect((await allow11(agent11(world, device.signer), device)).status).toBe(200)
    for (const request of [renew, renew, renew11, renew11])
      expect((await request(world, device.signer)).status).toBe(200)
  })

  it('D02: connect one device with a code that reaches both at once', async () => {
    const { world } = await openInstances()
    const signer = await newSigner()
    const { code = '' } = await decideOnDevice(await browserOf(world), connectUrl(signer))
    const responses = await Promise.all(Array.from({ length: 4 }, () => redeem(world, signer, code)))
    expect(new Set(responses.map(({ status, body }) => `${status} ${String(body.name)}`)).size).toBe(1)
    expect(await world.storage.listDevices()).toHaveLength(1)
  })

  it('D06: refuse a device that one of them disconnected', async () => {
    const { world, second } = await openInstances()
    const device = await connect(world)
    for (const request of [renew, renew, renew11, renew11])
      expect((await request(world, device.signer)).status).toBe(200)
    await second.disconnectDevice({ id: device.id, by: 'operator' })
    for (const request of [renew, renew, renew11, renew11])
      expect((await request(world, device.signer)).body.error).toBe('revoked_delegate')
  })

  it.each(['before its first request', 'before its owner decides'])(
    'serve a device if the instance that connected it stops %s',
    async (when) => {
      const { world, stop } = await openInstances()
      const device = await connect(world)
      if (when === 'before its first request') await stop()
      const own = agent11(world, device.signer)
      const pending = allow11(own, device, '/read', when === 'before its first request' ? undefined : stop)
      expect((await pending).status).toBe(200)
      expect((await allowOnDevice(device)).status).toBe(200)
    },
  )
})
