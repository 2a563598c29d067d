import { january } from 'countersign/editions'
import { signRequest } from 'countersign/signatures'
import { issueToken } from 'countersign/tokens'
import { createAuthServer, fixedKeys } from 'countersign-server'
import { describe, expect, it, onTestFinished } from 'vitest'
import { freshHash } from '../storage/fixtures.js'
import { createWorld, ids } from '../world.js'
import {
  agentWith,
  allowOnDevice,
  bob,
  browserOf,
  type ConnectedDevice,
  callback,
  codePage,
  connect,
  connectRemotely,
  connectUrl,
  decideOnDevice,
  issuer,
  newCode,
  newSigner,
  openDevices,
  redeem,
  renew,
  signedForm,
} from './device-stage.js'

const failureOf = async (request: Promise<unknown>) =>
  request.then(
    () => 'none',
    (error: unknown) => (error instanceof Error && 'error' in error ? error.error : error),
  )

describe('a code', () => {
  it('D02: does not work with another key, and then not anymore', async () => {
    const world = await openDevices()
    const signer = await newSigner()
    const { code = '' } = await decideOnDevice(await browserOf(world), connectUrl(signer))
    const stolen = await redeem(world, await newSigner(), code)
    expect(stolen).toMatchObject({ status: 403, body: { error: 'enrollment_denied' } })
    expect((await redeem(world, signer, code)).body.error).toBe('enrollment_denied')
    expect(await world.storage.listEvents({ event: 'device.foreign_key' })).toMatchObject([{ data: { used: false } }])
    expect(await world.storage.listDevices()).toEqual([])
  })

  it('D02: connects one device, however often it is sent', async () => {
    const world = await openDevices()
    const signer = await newSigner()
    const { code = '' } = await decideOnDevice(await browserOf(world), connectUrl(signer))
    const answers = await Promise.all(Array.from({ length: 5 }, () => redeem(world, signer, code)))
    expect(new Set(answers.map(({ body }) => body.name)).size).toBe(1)
    expect(await world.storage.listEvents({ event: 'device.connected' })).toHaveLength(1)
    expect((await redeem(world, await newSigner(), code)).body.error).toBe('enrollment_denied')
    world.clock.now += 60
    expect((await redeem(world, signer, code)).body.error).toBe('enrollment_denied')
    expect((await renew(world, signer)).status).toBe(200)
  })

  it('D02: expires after a minute', async () => {
    const world = await openDevices()
    const signer = await newSigner()
    const { code = '' } = await decideOnDevice(await browserOf(world), connectUrl(signer))
    world.clock.now += 60
    expect((await redeem(world, signer, code)).body.error).toBe('enrollment_denied')
  })

  it('D03: cannot be guessed: a network sends 100 a minute at most', async () => {
    const world = await openDevices({ remote: true })
    const statuses: number[] = []
    for (let sent = 0; sent < 101; sent += 1)
      statuses.push((await redeem(world, await newSigner(), `${1000 + sent}-0000`, { device: 'x' })).status)
    expect([statuses.slice(0, 100).every((status) => status === 403), statuses.at(-1)]).toEqual([true, 429])
  })

  it('D03: that is typed in is bound to the first key that sends it, and another key ends it', async () => {
    const world = await openDevices({ remote: true })
    const user = await browserOf(world)
    const { code } = await newCode(user)
    const first = await newSigner()
    expect((await redeem(world, first, code, { device: 'mine' })).status).toBe(202)
    expect((await redeem(world, await newSigner(), code, { device: 'theirs' })).body.error).toBe('enrollment_denied')
    expect((await redeem(world, first, code, { device: 'mine' })).body.error).toBe('enrollment_denied')
    const other = await browserOf(world, bob)
    const theirs = await newCode(other)
    const claimed = await other.submit(theirs.issued, codePage, { action: 'check-device-code', device_code: code })
    expect(claimed.status).toBe(409)
  })
})

describe('a key', () => {
  it('D04: has one owner, even after it was disconnected', async () => {
    const world = await openDevices()
    const { signer, id } = await connect(world)
    const { code = '' } = await decideOnDevice(await browserOf(world, bob), connectUrl(signer))
    expect(await redeem(world, signer, code)).toMatchObject({ status: 409, body: { error: 'key_taken' } })
    await world.storage.disconnectDevice({ id, by: 'operator' })
    const again = await decideOnDevice(await browserOf(world, bob), connectUrl(signer))
    expect((await redeem(world, signer, again.code ?? '')).body.error).toBe('key_taken')
  })
})

describe('the permissions of a device', () => {
  it('D05: are given by its owner only', async () => {
    const world = await openDevices()
    const device = await connect(world)
    device.agent.fetch(`${ids.resource}/data-auth`).catch(() => undefined)
    await expect.poll(() => device.pages, { timeout: 30_000 }).toHaveLength(1)
    const page = await (await browserOf(world, bob)).open(device.pages[0] ?? '')
    expect([page.status, await page.text()]).toEqual([403, expect.stringContaining('request_other_user')])
    expect((await device.user.open(device.pages[0] ?? '')).status).toBe(200)
  })

  it('D05: are given by no policy, and not at this server itself', async () => {
    const granted = { decision: 'grant', name: 'devices', agent: issuer, scopes: ['data.read'] } as const
    const world = await openDevices({}, { server: { policies: [granted] } })
    const { agent, pages, signer } = await connect(world)
    agent.fetch(`${ids.resource}/read`).catch(() => undefined)
    await expect.poll(() => pages, { timeout: 30_000 }).toHaveLength(1)
    const { body } = await renew(world, signer)
    const form = { request_type: 'auth', scope: 'data.read', redirect_uri: callback }
    const request = await signedForm(world, signer, '/agent/token', form, String(body.agent_token))
    expect(await (await world.fetch(request)).json()).toMatchObject({ error: 'invalid_request' })
  })

  it('D05: are for the users that the policy names', async () => {
    const world = await openDevices({ users: ['Ada'] })
    const users = await world.storage.listUsers()
    const { id: userId = '', credentialRevision = 0 } = users.find(({ username }) => username === bob.username) ?? {}
    const signer = await newSigner()
    const code = { codeHash: freshHash(), lifetime: 60, most: 20 }
    const device = { name: 'laptop', thumbprint: signer.thumbprint }
    await world.storage.createDeviceCode({ userId, credentialRevision, device, ...code })
    await world.storage.redeemDeviceCode({ ...code, ...device, ip: undefined })
    expect((await renew(world, signer)).body.error).toBe('revoked_delegate')
  })

  it('D15: wait after a denial of the same device only, whatever others are allowed', async () => {
    const world = await openDevices()
    const [denied, other] = [await connect(world), await connect(world)]
    const ask = async ({ agent, pages, user }: ConnectedDevice) => {
      const known = pages.length
      agent.fetch(`${ids.resource}/data-auth`).catch(() => undefined)
      await expect.poll(() => pages.length, { timeout: 30_000 }).toBeGreaterThan(known)
      const url = pages.at(-1) ?? ''
      return { url, page: await user.open(url) }
    }
    const { url, page } = await ask(denied)
    const decided = await denied.user.submit(await page.text(), url, { consent: 'deny' })
    await denied.agent.handler(new Request(decided.headers.get('location') ?? ''))
    expect((await allowOnDevice(other)).status).toBe(200)
    expect((await ask(denied)).page.status).toBe(429)
  })

  it('D06: end at once when it is disconnected, with its codes, refresh tokens and auth tokens', async () => {
    const world = await openDevices()
    const device = await connect(world)
    await allowOnDevice(device)
    const [grant] = await world.storage.listGrants({ live: true })
    const { body } = await renew(world, device.signer)
    await world.storage.disconnectDevice({ id: device.id, by: 'operator' })
    expect((await renew(world, device.signer)).body.error).toBe('revoked_delegate')
    expect(await world.storage.listGrants({ live: true })).toEqual([])
    const revocations = await world.storage.listRevocations({ since: world.clock.now - 60, perUser: 10, limit: 10 })
    expect(JSON.stringify(revocations)).toContain(grant?.id)
    const held = agentWith(world, device.signer, String(body.agent_token))
    expect(await failureOf(held.fetch(`${ids.resource}/read`))).toBe('invalid_agent_token')
  })

  it('D06: end with a request that its owner has not decided yet', async () => {
    const world = await openDevices()
    const device = await connect(world)
    device.agent.fetch(`${ids.resource}/data-auth`).catch(() => undefined)
    await expect.poll(() => device.pages, { timeout: 30_000 }).toHaveLength(1)
    await world.storage.disconnectDevice({ id: device.id, by: 'operator' })
    expect((await device.user.open(device.pages[0] ?? '')).status).toBe(410)
  })

  it.each([
    ['lets its owner connect devices', connect, { remote: true, users: [bob.username] }],
    ['lets codes be typed into devices', connectRemotely, { remote: false }],
  ])('D06: end with the policy that %s', async (_, connectTo, settings) => {
    const world = await openDevices({ remote: true })
    const { signer } = await connectTo(world)
    const { body } = await renew(world, signer)
    const held = agentWith(world, signer, String(body.agent_token))
    expect(await failureOf(held.fetch(`${ids.resource}/read`))).toEqual(new Error('a user was asked'))
    const later = createAuthServer({
      issuer,
      keys: fixedKeys({ signer: await newSigner(), secret: new Uint8Array(32).fill(7) }),
      personalAgents: {
        keys: fixedKeys({ signer: world.deviceSigner, secret: new Uint8Array(32).fill(8) }),
        ...settings,
      },
      storage: world.storage,
      fetch: world.fetch,
      now: () => world.clock.now,
    })
    world.origins.set(issuer, (request) => later.handler(request))
    expect((await renew(world, signer)).body.error).toBe('revoked_delegate')
    expect(await failureOf(agentWith(world, signer, String(body.agent_token)).fetch(`${ids.resource}/read`))).toBe(
      'invalid_agent_token',
    )
  })

  it('D06: do not outlive the account of its owner', async () => {
    const world = await openDevices()
    const device = await connect(world)
    const [listed] = await world.storage.listDevices()
    await world.storage.setUserStatus(listed?.userId ?? '', 'disabled')
    expect((await renew(world, device.signer)).body.error).toBe('revoked_delegate')
    await world.storage.setUserStatus(listed?.userId ?? '', 'active')
    expect((await renew(world, device.signer)).status).toBe(200)
    const { id: userId, credentialRevision } = (await world.storage.findUser(listed?.userId ?? '')) ??
      listed?.user ?? { id: '', credentialRevision: 0 }
    await world.storage.closeAccount({ userId, credentialRevision })
    expect((await renew(world, device.signer)).body.error).toBe('unknown_delegate')
  })
})

describe('the signature of the agent server alone', () => {
  it.each([
    ['of no device', 'fb1b6f2c-7b6d-4a53-9d8a-000000000000'],
    ['of a device with another key', undefined],
  ])('D07: gives no authority to a token %s', async (_, unknown) => {
    const world = await openDevices()
    const device = await connect(world)
    const key = await newSigner()
    const { kid: _kid, use: _use, alg: _alg, ...jwk } = key.jwk
    const claims = { iss: issuer, sub: unknown ?? device.id, aud: [issuer, ids.resource], cnf: { jwk } }
    const token = await issueToken(
      january.tokens.agent,
      { ...claims, exp: world.clock.now + 3600 },
      { signer: world.deviceSigner, now: () => world.clock.now },
    )
    const agent = agentWith(world, key, token)
    expect(await failureOf(agent.fetch(`${ids.resource}/read`))).toBe('invalid_agent_token')
  })
})

describe('the requests of a device', () => {
  it('are limited for each device, and not for each network', async () => {
    const world = await openDevices()
    const [one, other] = [await connect(world), await connect(world)]
    const statuses: number[] = []
    for (let sent = 0; sent < 101; sent += 1) statuses.push((await renew(world, one.signer)).status)
    expect([statuses.indexOf(429), statuses.slice(0, 100).every((status) => status === 200)]).toEqual([100, true])
    expect((await renew(world, other.signer)).status).toBe(200)
  })
})

describe('another auth server', () => {
  it('D08: accepts a device only with a token that names it', async () => {
    const world = await openDevices()
    const { signer } = await connect(world)
    const other = await createWorld({ server: { issuer: otherIssuer, fetch: world.fetch } })
    onTestFinished(() => other.storage.close())
    const refusal = async (audience: string) => {
      const { body } = await renew(world, signer, audience)
      const request = await signRequest(
        new Request(`${otherIssuer}/agent/token`, {
          method: 'POST',
          headers: { 'content-type': 'application/x-www-form-urlencoded' },
          body: 'request_type=refresh&refresh_token=unknown',
        }),
        {
          signer,
          profile: january.signing,
          signatureKey: { scheme: 'jwt', jwt: String(body.agent_token) },
          created: world.clock.now,
        },
      )
      return ((await (await other.server.handler(request)).json()) as { error: string }).error
    }
    expect(await refusal(ids.resource)).toBe('invalid_agent_token')
    expect(await refusal(otherIssuer)).toBe('invalid_grant')
  })
})

const otherIssuer = 'https://other-auth.example'
