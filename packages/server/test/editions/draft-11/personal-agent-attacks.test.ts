import { createSigner, generatePrivateJwk, type Signer } from 'countersign'
import { type AgentTokenClaims, draft11AgentSigning, draft11Jose, draft11Tokens } from 'countersign/editions/draft-11'
import { signRequest } from 'countersign/signatures'
import { issueToken, publishedJwk } from 'countersign/tokens'
import { fixedKeys } from 'countersign-server'
import { draft11Server } from 'countersign-server/editions/draft-11'
import { describe, expect, it, onTestFinished } from 'vitest'
import {
  agentWith,
  bob,
  browserOf,
  connect,
  connectRemotely,
  issuer,
  newSigner,
  post,
  renew,
  signedForm,
} from '../../devices/device-stage.js'
import { createWorld, ids } from '../../world.js'
import {
  agent11,
  allow11,
  api,
  type DeviceWorld,
  decide11,
  hurry,
  openDevices11,
  pageOf,
  renew11,
} from './device-stage.js'
import { openFollowing } from './person-stage.js'

/** Requests a person token with an agent token, signed with a key. Resolves to the refusal. */
async function askWith({ fetch, clock }: DeviceWorld, signer: Signer, jwt: string, server: string = issuer) {
  const body = JSON.stringify({ resource: api, capabilities: ['interaction'] })
  const headers = { 'content-type': 'application/json' }
  const request = await signRequest(new Request(`${server}/person/token`, { method: 'POST', headers, body }), {
    signer,
    profile: draft11AgentSigning,
    signatureKey: { scheme: 'jwt', jwt },
    created: clock.now,
  })
  const response = await fetch(request)
  const said = response.headers.get('signature-error')
  const problem = response.ok ? undefined : ((await response.json()) as { error?: string; detail?: string })
  return { status: response.status, error: said?.replace('error=', '') ?? problem?.error, detail: problem?.detail }
}

async function tokenOf(world: DeviceWorld, signer: Signer): Promise<string> {
  const { body } = await renew11(world, signer)
  return String(body.agent_token)
}

describe('the permissions of a device in draft -11', () => {
  it('D05: are given by its owner only, also the first one', async () => {
    const world = await openDevices11()
    const device = await connect(world)
    const page = await pageOf(agent11(world, device.signer))
    const other = await openFollowing(await browserOf(world, bob), page)
    expect([other.response.status, await other.response.text()]).toEqual([
      403,
      expect.stringContaining('request_other_user'),
    ])
    expect((await decide11(device.user, page)).status).toBe(303)
    expect(await world.storage.listGrants({ live: true })).toMatchObject([
      { delegate: `aauth:${device.id}@auth.example` },
    ])
  })

  it('D05: stay with the owner of each device, if two users connect one', async () => {
    const world = await openDevices11()
    const [one, other] = [await connect(world), await connect(world, bob)]
    const [first, second] = [agent11(world, one.signer), agent11(world, other.signer)]
    const subs: string[] = []
    for (const [own, device] of [
      [first, one],
      [second, other],
    ] as const)
      subs.push(((await (await allow11(own, device)).json()) as { sub: string }).sub)
    expect(new Set(subs).size).toBe(2)
    const grants = await world.storage.listGrants({ live: true })
    expect(new Set(grants.map(({ userId, delegate }) => `${userId} ${delegate}`)).size).toBe(2)
    await world.storage.disconnectDevice({ id: one.id, by: 'operator' })
    expect((await second.agent.fetch(`${api}/read`)).status).toBe(200)
  })

  it('D06: end at once when it is disconnected, and its APIs are notified', async () => {
    hurry()
    const world = await openDevices11()
    const device = await connect(world)
    const own = agent11(world, device.signer)
    await allow11(own, device)
    const token = await tokenOf(world, device.signer)
    const [{ userId } = { userId: '' }] = await world.storage.listGrants({ live: true })
    expect(await world.storage.listBindings({ userId })).toHaveLength(1)
    await world.storage.disconnectDevice({ id: device.id, by: 'operator' })
    expect((await renew11(world, device.signer)).body.error).toBe('revoked_delegate')
    expect(await askWith(world, device.signer, token)).toMatchObject({ status: 401, error: 'revoked_jwt' })
    expect(await world.storage.listGrants({ live: true })).toEqual([])
    expect(await world.storage.listBindings({ userId })).toEqual([])
    await expect
      .poll(async () => (await world.storage.listDeliveries({ userId })).map(({ outcome }) => outcome), {
        timeout: 30_000,
      })
      .toEqual(['delivered', 'delivered'])
    await expect(own.agent.fetch(`${api}/read`)).rejects.toMatchObject({ error: 'revoked_delegate' })
  })

  it('D06: end with a request that its owner has not decided yet, also for a poll that waits', async () => {
    const world = await openDevices11()
    const device = await connect(world)
    const { agent, pages } = agent11(world, device.signer, await tokenOf(world, device.signer))
    const pending = agent.fetch(`${api}/read`).catch((error: unknown) => error)
    await expect.poll(() => pages, { timeout: 30_000 }).toHaveLength(1)
    await world.storage.disconnectDevice({ id: device.id, by: 'operator' })
    expect((await openFollowing(device.user, pages[0] ?? '')).response.status).toBe(410)
    expect(await pending).toMatchObject({ name: 'AgentError' })
    expect(await world.storage.listGrants()).toEqual([])
  })

  it('D06: end when its owner is disabled', async () => {
    const world = await openDevices11()
    const device = await connect(world)
    const token = await tokenOf(world, device.signer)
    const [listed] = await world.storage.listDevices()
    await world.storage.setUserStatus(listed?.userId ?? '', 'disabled')
    expect((await renew11(world, device.signer)).body.error).toBe('revoked_delegate')
    expect(await askWith(world, device.signer, token)).toMatchObject({ status: 401, error: 'revoked_jwt' })
  })

  it('D09: exclude what is dangerous if a code was typed into it, and end after 24 hours', async () => {
    const world = await openDevices11({ remote: true })
    const device = await connectRemotely(world)
    const own = agent11(world, device.signer)
    await expect(allow11(own, device, '/delete')).rejects.toMatchObject({ code: 'access_denied' })
    expect(own.pages).toHaveLength(1)
    expect((await allow11(own, device)).status).toBe(200)
    world.clock.now += 86_399
    expect((await renew11(world, device.signer)).body.expires_in).toBe(1)
    const token = await tokenOf(world, device.signer)
    world.clock.now += 1
    expect((await renew11(world, device.signer)).body.error).toBe('revoked_delegate')
    expect(await askWith(world, device.signer, token)).toMatchObject({ status: 401, error: 'expired_jwt' })
    await world.storage.sweep()
    expect(await world.storage.listGrants({ live: true })).toEqual([])
  })
})

describe('an agent token of a device', () => {
  it.each([
    ['of no device', 'fb1b6f2c-7b6d-4a53-9d8a-000000000000'],
    ['of a device with another key', undefined],
  ])('D07: has no authority, although its provider signed it, if it is %s', async (_, unknown) => {
    const world = await openDevices11()
    const device = await connect(world)
    const signer = await newSigner()
    const { clock, signer11 } = world
    const claims: AgentTokenClaims = {
      iss: issuer,
      dwk: 'aauth-agent.json',
      sub: `aauth:${unknown ?? device.id}@auth.example`,
      ps: issuer,
      cnf: { jwk: publishedJwk(signer.jwk, draft11Jose) },
      iat: clock.now,
      exp: clock.now + 3600,
      jti: 'forged',
    }
    const token = await issueToken(draft11Tokens.agent, claims, { signer: signer11, now: () => clock.now })
    expect(await askWith(world, signer, token)).toMatchObject({
      status: 401,
      error: 'revoked_jwt',
      detail: expect.stringContaining('not connected'),
    })
  })

  it('D10: works only with the key of its device', async () => {
    const world = await openDevices11()
    const [one, other] = [await connect(world), await connect(world)]
    expect(await askWith(world, other.signer, await tokenOf(world, one.signer))).toMatchObject({
      status: 401,
      error: 'invalid_signature',
    })
    const { body } = await renew(world, one.signer)
    const stolen = await signedForm(world, other.signer, '/agent/token', {}, String(body.agent_token))
    expect((await world.fetch(stolen)).status).toBe(401)
  })

  it('D11: is refused by the other edition', async () => {
    const world = await openDevices11()
    const { signer } = await connect(world)
    const { body } = await renew(world, signer, issuer)
    expect(await askWith(world, signer, String(body.agent_token))).toMatchObject({ status: 401, error: 'invalid_jwt' })
    const form = { request_type: 'refresh', refresh_token: 'unknown' }
    const request = await signedForm(world, signer, '/agent/token', form, await tokenOf(world, signer))
    expect((await world.fetch(request)).status).toBe(401)
    const held = agentWith(world, signer, await tokenOf(world, signer))
    expect((await held.fetch(`${ids.resource}/data-jwks`)).status).toBe(401)
  })

  it('D08: is refused by another person server, which it does not name', async () => {
    const world = await openDevices11()
    const { signer } = await connect(world)
    const keys = fixedKeys({ signer: await newSigner('other-1'), secret: new Uint8Array(32).fill(3) })
    const otherIssuer = 'https://other-auth.example'
    const other = await createWorld({
      server: { issuer: otherIssuer, fetch: world.fetch },
      others: [draft11Server({ keys })],
    })
    onTestFinished(() => other.storage.close())
    world.origins.set(otherIssuer, (request) => other.server.handler(request))
    expect(await askWith(world, signer, await tokenOf(world, signer), otherIssuer)).toMatchObject({
      status: 400,
      error: 'invalid_request',
      detail: expect.stringContaining('another person server'),
    })
  })

  it('D12: obtained with a stolen key ends with its device, whose list shows where it was last used', async () => {
    const world = await openDevices11()
    const device = await connect(world)
    const thief = agent11(world, device.signer)
    await allow11(agent11(world, device.signer), device)
    expect((await thief.agent.fetch(`${api}/read`)).status).toBe(200)
    const account = await (await device.user.open(`${issuer}/account`)).text()
    expect(account).toContain('laptop')
    const id = /name="device" value="([^"]*)"/.exec(account)?.[1] ?? ''
    await device.user.submit(account, `${issuer}/account`, { action: 'disconnect-device', device: id })
    await expect
      .poll(async () => await outcomeOf(thief.agent.fetch(`${api}/read`)), { timeout: 30_000 })
      .toBe('revoked_delegate')
    expect((await post(world, device.signer, '/delegates', { credential: 'aadc_unknown' })).body.error).toBe(
      'enrollment_denied',
    )
  })

  it('is not issued for a key that has no algorithm in draft -11', async () => {
    const world = await openDevices11()
    const signer = await createSigner(await generatePrivateJwk({ algorithm: 'rsa-pss-sha512', kid: 'rsa' }))
    await connect(world, undefined, signer)
    expect((await renew(world, signer)).status).toBe(200)
    expect(await renew11(world, signer)).toMatchObject({ status: 400, body: { error: 'invalid_request' } })
  })
})

describe('a server without the keys of devices', () => {
  it('accepts no device in draft -11', async () => {
    const world = await openDevices11()
    const { signer } = await connect(world)
    const token = await tokenOf(world, signer)
    const keys = fixedKeys({ signer: await newSigner('person-2'), secret: new Uint8Array(32).fill(3) })
    const other = await createWorld({ server: { fetch: world.fetch }, others: [draft11Server({ keys })] })
    onTestFinished(() => other.storage.close())
    world.origins.set(issuer, (request) => other.server.handler(request))
    expect(await askWith(world, signer, token)).toMatchObject({ status: 401, error: 'unknown_key' })
    expect((await world.fetch(`${issuer}/.well-known/aauth-agent.json`)).status).toBe(404)
  })
})

const outcomeOf = async (request: Promise<Response>) =>
  request.then(
    ({ status }) => String(status),
    (error: unknown) => (error instanceof Error && 'error' in error ? error.error : error),
  )
