import { decodeToken } from 'countersign/tokens'
import { describe, expect, it } from 'vitest'
import { connect, connectRemotely, issuer } from '../../devices/device-stage.js'
import { agent11, allow11, api, openDevices11, pageOf, renew11 } from './device-stage.js'
import { openFollowing } from './person-stage.js'

describe('a device that speaks draft -11', () => {
  it('gets agent tokens that name this server as its person server', async () => {
    const world = await openDevices11()
    const { signer, id } = await connect(world)
    const { status, body } = await renew11(world, signer)
    const name = `aauth:${id}@auth.example`
    expect([status, body]).toMatchObject([200, { expires_in: 3600, name }])
    const { header, payload } = decodeToken(String(body.agent_token)) ?? {}
    expect(header).toMatchObject({ typ: 'aa-agent+jwt', alg: 'Ed25519' })
    expect(payload).toEqual({
      iss: issuer,
      dwk: 'aauth-agent.json',
      sub: name,
      ps: issuer,
      cnf: { jwk: expect.objectContaining({ alg: 'Ed25519', x: signer.jwk.x }) },
      iat: world.clock.now,
      exp: world.clock.now + 3600,
      jti: expect.any(String),
    })
  })

  it('identifies itself, and gets access without publishing documents', async () => {
    const world = await openDevices11()
    const device = await connect(world)
    const own = agent11(world, device.signer)
    const delegate = `aauth:${device.id}@auth.example`
    expect(await (await own.agent.fetch(`${api}/identity`)).json()).toMatchObject({ agent: issuer, delegate })
    const response = await allow11(own, device)
    expect([response.status, await response.json()]).toMatchObject([200, { scope: ['data.read'] }])
    expect(own.pages).toHaveLength(2)
    expect((await agent11(world, device.signer).agent.fetch(`${api}/read`)).status).toBe(200)
  })

  it('is named on the page with its account, and the page asks whether its owner started the request', async () => {
    const world = await openDevices11()
    const device = await connect(world)
    const url = await pageOf(agent11(world, device.signer))
    const page = await (await openFollowing(device.user, url)).response.text()
    expect(page).toContain('Did you start this on this computer just now?')
    const facts = [...page.matchAll(/<dt>([^<]*)<\/dt><dd>(.*?)<\/dd>/g)].map(([, name, value = '']) => [
      name,
      value.replaceAll(/<[^>]*>/g, ''),
    ])
    expect(Object.fromEntries(facts)).toMatchObject({ Account: 'ada', Device: '“laptop”', Time: expect.any(String) })
    expect(page).not.toContain('acts for no one')
  })
})

describe('a device without a browser that speaks draft -11', () => {
  it('is not asked about as if it were the computer that shows the page', async () => {
    const world = await openDevices11({ remote: true })
    const device = await connectRemotely(world)
    const url = await pageOf(agent11(world, device.signer))
    const page = await (await openFollowing(device.user, url)).response.text()
    expect(page).not.toContain('on this computer')
    expect(page).toContain('“<bdi>server</bdi>”')
  })
})
