import { decodeToken } from 'countersign/tokens'
import { describe, expect, it } from 'vitest'
import { words } from '../pages/reading.js'
import { createScriptedUser } from '../scripted-user.js'
import { freshHash } from '../storage/fixtures.js'
import { ids } from '../world.js'
import {
  allowOnDevice,
  bob,
  browserOf,
  codePage,
  connect,
  connectRemotely,
  connectUrl,
  decideOnDevice,
  issuer,
  newCode,
  newSigner,
  openDevices,
  post,
  redeem,
  renew,
  signedForm,
  state,
} from './device-stage.js'

describe('a device on the computer of its owner', () => {
  it('D01: is connected with a code that only its key can redeem', async () => {
    const world = await openDevices()
    const signer = await newSigner()
    const user = await browserOf(world)
    const page = await (await user.open(connectUrl(signer))).text()
    expect(page).toContain('Did you start this on this computer just now?')
    expect(page).toContain('laptop')
    const fields = await decideOnDevice(user, connectUrl(signer))
    expect(fields).toEqual({ code: expect.stringMatching(/^aadc_/), state, iss: issuer })
    expect(await world.storage.listDevices()).toEqual([])
    const { status, body } = await redeem(world, signer, fields.code ?? '')
    expect([status, body]).toMatchObject([201, { device: 'laptop', account: 'ada', issuer, expires_at: null }])
    expect(await world.storage.listDevices()).toMatchObject([{ id: body.name, name: 'laptop', isLive: true }])
  })

  it('gets access without publishing documents', async () => {
    const world = await openDevices()
    const device = await connect(world)
    const response = await allowOnDevice(device)
    expect([response.status, await response.json()]).toMatchObject([200, { agent: issuer, delegate: device.id }])
  })

  it('identifies itself at resources by its id', async () => {
    const world = await openDevices()
    const { agent, id } = await connect(world)
    expect(await (await agent.fetch(`${ids.resource}/data-jwks`)).json()).toMatchObject({ agent: issuer, delegate: id })
  })

  it('gets agent tokens that name this server and one recipient', async () => {
    const world = await openDevices()
    const { signer, id } = await connect(world)
    const { status, body } = await renew(world, signer)
    expect(status).toBe(200)
    expect(decodeToken(String(body.agent_token))?.payload).toMatchObject({
      iss: issuer,
      sub: id,
      aud: [issuer, ids.resource],
      exp: world.clock.now + 3600,
    })
  })
})

describe('the pages of devices', () => {
  it('return a refusal to the device', async () => {
    const world = await openDevices()
    const user = await browserOf(world)
    const fields = await decideOnDevice(user, connectUrl(await newSigner()), 'deny')
    expect(fields).toEqual({ error: 'access_denied', state, iss: issuer })
  })

  it('allow only the page with the code to post to the device', async () => {
    const world = await openDevices()
    const user = await browserOf(world)
    const url = connectUrl(await newSigner())
    const question = await user.open(url)
    const returned = await user.submit(await question.text(), url, { action: 'connect-device', consent: 'grant' })
    const policies = [question, returned].map(({ headers }) => headers.get('content-security-policy'))
    expect(policies).toEqual([
      expect.stringContaining("form-action 'self'"),
      expect.not.stringContaining('form-action'),
    ])
  })

  it('require a sign-in within the last ten minutes', async () => {
    const world = await openDevices()
    const user = await browserOf(world)
    world.clock.now += 601
    const response = await user.open(connectUrl(await newSigner()))
    expect(response.headers.get('location')).toContain('/account/confirm?return_to=')
  })

  it.each(['connect-device', 'new-device-code', 'confirm-device'])(
    'require it for %s, too, although the form was shown before',
    async (action) => {
      const world = await openDevices({ remote: true })
      const user = await browserOf(world)
      const url = connectUrl(await newSigner())
      const page = (await (await user.open(url)).text()).replace('value="connect-device"', `value="${action}"`)
      world.clock.now += 601
      const response = await user.submit(page, url, { action, consent: 'grant' })
      expect(response.headers.get('location')).toContain('/account/confirm?return_to=')
    },
  )

  it('list the devices of the user, with a button that disconnects each', async () => {
    const world = await openDevices()
    const { user, signer } = await connect(world)
    const url = `${issuer}/account`
    const page = await (await user.open(url)).text()
    expect(page).toContain('My devices')
    expect(page).toContain('laptop')
    const done = await user.submit(page, url, { action: 'disconnect-device', device: '' })
    expect(done.status).toBe(404)
    const id = /name="device" value="([^"]*)"/.exec(page)?.[1] ?? ''
    await user.submit(page, url, { action: 'disconnect-device', device: id })
    expect((await renew(world, signer)).body.error).toBe('revoked_delegate')
    expect(await (await user.open(url)).text()).not.toContain('laptop')
    expect(await world.storage.listEvents({ event: 'device.disconnected' })).toMatchObject([{ data: { device: id } }])
  })

  it('list and disconnect no device of another user', async () => {
    const world = await openDevices()
    const [mine, other] = [await connect(world), await connect(world, bob)]
    const url = `${issuer}/account`
    const page = await (await other.user.open(url)).text()
    expect([page.includes(other.id), page.includes(mine.id)]).toEqual([true, false])
    const refused = await other.user.submit(page, url, { action: 'disconnect-device', device: mine.id })
    expect(refused.status).toBe(404)
    expect((await renew(world, mine.signer)).status).toBe(200)
  })

  it('list all devices of a user who has many', async () => {
    const world = await openDevices({ devices: 1000 })
    const { user } = await connect(world)
    const [first] = await world.storage.listDevices()
    const { id: userId, credentialRevision } = first?.user ?? expect.fail('no device is connected')
    for (let more = 0; more < 100; more += 1) {
      const code = { codeHash: freshHash(), lifetime: 60, most: 1000 }
      const device = { name: `device-${more}`, thumbprint: freshHash() }
      await world.storage.createDeviceCode({ userId, credentialRevision, device, ...code })
      await world.storage.redeemDeviceCode({ ...code, ...device, ip: undefined })
    }
    const page = await (await user.open(`${issuer}/account`)).text()
    expect(page.match(/value="disconnect-device"/g)).toHaveLength(101)
  })

  it('connect no more devices than allowed', async () => {
    const world = await openDevices({ devices: 1 })
    const { user, id } = await connect(world)
    const url = connectUrl(await newSigner())
    const page = await (await user.open(url)).text()
    const refused = await user.submit(page, url, { action: 'connect-device', consent: 'grant' })
    expect([refused.status, await refused.text()]).toEqual([409, expect.stringContaining('too_many_devices')])
    await world.storage.disconnectDevice({ id, by: 'operator' })
    await connect(world)
    expect(await world.storage.listDevices({ live: true })).toHaveLength(1)
  })

  it('serve only the users that the policy names', async () => {
    const world = await openDevices({ users: ['Ada'] })
    await connect(world)
    const user = await browserOf(world, bob)
    expect((await user.open(connectUrl(await newSigner()))).status).toBe(403)
  })

  it.each<[string, Record<string, string>]>([
    ['another host', { redirect_uri: 'https://evil.example/callback' }],
    ['a host that is a name', { redirect_uri: 'http://localhost:49152/callback' }],
    ['another path', { redirect_uri: 'http://127.0.0.1:49152/other' }],
    ['no port', { redirect_uri: 'http://127.0.0.1/callback' }],
    ['an impossible port', { redirect_uri: 'http://127.0.0.1:99999/callback' }],
    ['no key', { jkt: '' }],
    ['a state that can be guessed', { state: '1' }],
    ['a state that is too long', { state: 's'.repeat(257) }],
    ['a name that looks empty', { name: '\u2800' }],
    ['a name of two lines', { name: 'a\nb' }],
  ])('D01: refuse %s', async (_, changes) => {
    const world = await openDevices()
    const user = await browserOf(world)
    expect((await user.open(connectUrl(await newSigner(), changes))).status).toBe(400)
  })
})

describe('a device without a browser', () => {
  it('is connected once its owner has compared the numbers', async () => {
    const world = await openDevices({ remote: true })
    const signer = await newSigner()
    const user = await browserOf(world)
    const { issued, code } = await newCode(user)
    const early = await (await user.submit(issued, codePage, { action: 'check-device-code' })).text()
    expect(early).toContain('device-code-issued')
    const typed = code.toLowerCase().replace('-', ' ').replaceAll('0', 'o').replaceAll('1', 'l')
    const waiting = await redeem(world, signer, typed, { device: 'server' })
    expect([waiting.status, waiting.body]).toMatchObject([202, { account: 'ada', interval: 2 }])
    const claimed = await (await user.submit(issued, codePage, { action: 'check-device-code' })).text()
    expect(claimed).toContain(`<code>${String(waiting.body.number)}</code>`)
    expect((await redeem(world, signer, code, { device: 'server' })).body).toEqual(waiting.body)
    const confirmed = await user.submit(claimed, codePage, { action: 'confirm-device', consent: 'grant' })
    expect([confirmed.status, confirmed.headers.get('location')]).toEqual([
      303,
      expect.stringMatching(/^[\x21-\x7e]+$/),
    ])
    const account = await (await user.open(new URL(confirmed.headers.get('location') ?? '', issuer).href)).text()
    expect(words(account)).toContain('Your device “server” is being connected.')
    expect(account).not.toContain('You have no agents')
    const checked = await user.submit(issued, codePage, { action: 'check-device-code' })
    expect([checked.status, await checked.text()]).toEqual([409, expect.stringContaining('code_ended')])
    world.clock.now += 65 // Other devices in its network sent too many requests.
    const { status, body } = await redeem(world, signer, code, { device: 'server' })
    expect([status, body]).toMatchObject([201, { device: 'server', expires_at: world.clock.now + 86_400 }])
    const listed = words(await (await user.open(`${issuer}/account`)).text())
    expect(listed).toMatch(/No agent has access to anything\. .*My devices .*server/)
    expect(listed).not.toMatch(/is being connected|You have no agents/)
  })

  it('is what its owner signs in for', async () => {
    const world = await openDevices({ remote: true })
    const user = createScriptedUser(world.fetch)
    const { headers } = await user.open(`${issuer}/account/devices/code`)
    const page = words(await (await user.open(new URL(headers.get('location') ?? '', issuer).href)).text())
    expect(page).toContain('Sign in to connect a device to your account.')
    expect(page).not.toContain('the agents you allowed')
  })

  it('is not connected if its owner does not see the number', async () => {
    const world = await openDevices({ remote: true })
    const signer = await newSigner()
    const user = await browserOf(world)
    const { issued, code } = await newCode(user)
    await redeem(world, signer, code, { device: 'server' })
    const claimed = await (await user.submit(issued, codePage, { action: 'check-device-code' })).text()
    const denied = await user.submit(claimed, codePage, { action: 'confirm-device', consent: 'deny' })
    const account = await user.open(new URL(denied.headers.get('location') ?? '', issuer).href)
    expect(words(await account.text())).toContain('Nothing was connected.')
    expect((await redeem(world, signer, code, { device: 'server' })).body.error).toBe('enrollment_denied')
    expect(await world.storage.listEvents({ event: 'device.denied' })).toHaveLength(1)
  })

  it('D09: cannot be given dangerous permissions', async () => {
    const world = await openDevices({ remote: true })
    const { agent, pages } = await connectRemotely(world)
    await expect(agent.fetch(`${ids.resource}/data`, { method: 'DELETE' })).rejects.toMatchObject({
      error: 'access_denied',
    })
    expect(pages).toEqual([])
  })

  it('D09: ends after 24 hours, with everything that it was given', async () => {
    const world = await openDevices({ remote: true })
    const device = await connectRemotely(world)
    await allowOnDevice(device)
    world.clock.now += 86_399
    expect((await renew(world, device.signer)).body.expires_in).toBe(1)
    world.clock.now += 1
    expect((await renew(world, device.signer)).body.error).toBe('revoked_delegate')
    await world.storage.sweep()
    expect(await world.storage.listGrants({ live: true })).toEqual([])
  })

  it('D09: gets no token that outlives the device, for a code or a refresh token', async () => {
    const world = await openDevices({ remote: true }, { server: { durations: ['until-removed'] } })
    const end = world.clock.now + 86_400
    const device = await connectRemotely(world)
    world.clock.now = end - 6000
    await allowOnDevice(device)
    expect(await device.agent.tokens()).toMatchObject([{ expiresAt: end - 2400, isRenewable: true }])
    world.clock.now = end - 2400
    expect((await device.agent.fetch(`${ids.resource}/data-auth`)).status).toBe(200)
    expect(await device.agent.tokens()).toMatchObject([{ expiresAt: end, isRenewable: true }])
    await device.agent.forget()
    await allowOnDevice(device)
    expect(await device.agent.tokens()).toMatchObject([{ expiresAt: end }])
    world.clock.now = end
    await expect(device.agent.fetch(`${ids.resource}/data-auth`)).rejects.toMatchObject({ error: 'revoked_delegate' })
  })

  it('D09: has nothing extended beyond its end, and nothing once it is disconnected', async () => {
    const world = await openDevices(
      { remote: true },
      { server: { durations: [7200, 43_200, 86_400, 'until-removed'] } },
    )
    const device = await connectRemotely(world)
    world.clock.now += 60
    await allowOnDevice(device)
    const [grant] = await world.storage.listGrants({ live: true })
    const path = `${issuer}/account/agents/${grant?.id}`
    const [name] = grant?.scope.split(' ') ?? []
    const page = await (await device.user.open(`${path}/extend?permission=${name}`)).text()
    expect(page).toContain('value="43200"')
    expect(page).not.toContain('value="86400"')
    expect(page).not.toContain('until-removed')
    expect(await (await device.user.open(path)).text()).toContain('/extend?permission=')
    await world.storage.disconnectDevice({ id: device.id, by: 'operator' })
    expect(await (await device.user.open(path)).text()).not.toContain('/extend?permission=')
  })

  it('is offered only if the operator allows it', async () => {
    const world = await openDevices()
    const user = await browserOf(world)
    expect((await user.open(`${issuer}/account/devices/code`)).status).toBe(404)
    expect(await (await user.open(`${issuer}/account`)).text()).not.toContain('/account/devices/code')
    const document = await (await world.fetch(`${issuer}/.well-known/aauth-agent`)).json()
    expect(document).not.toHaveProperty('device_code_uri')
  })
})

describe('the endpoints of devices', () => {
  it('report the state of a device, and disconnect it', async () => {
    const world = await openDevices()
    const { signer, id } = await connect(world)
    expect(await post(world, signer, '/delegates/status')).toMatchObject({
      status: 200,
      body: { name: id, device: 'laptop', account: 'ada', connected_at: world.clock.now, expires_at: null },
    })
    const done = { status: 200, body: { disconnected: true, device: 'laptop', account: 'ada' } }
    expect(await post(world, signer, '/delegates/disconnect')).toEqual(done)
    expect(await post(world, signer, '/delegates/disconnect')).toEqual(done)
    expect(await post(world, signer, '/delegates/status')).toMatchObject({ body: { error: 'revoked_delegate' } })
    expect(await post(world, await newSigner(), '/delegates/disconnect')).toMatchObject({
      status: 403,
      body: { error: 'unknown_delegate' },
    })
  })

  it.each([
    ['/delegates/token', {}, 'unknown_delegate'],
    ['/delegates/status', {}, 'unknown_delegate'],
    ['/delegates/disconnect', {}, 'unknown_delegate'],
    ['/delegates/token', { audience: 'nowhere' }, 'invalid_request'],
  ])('store no nonce for a request to %s with %j, which they refuse', async (path, form, error) => {
    const world = await openDevices()
    const { signer } = await connect(world)
    const request = await signedForm(world, error === 'unknown_delegate' ? await newSigner() : signer, path, form)
    for (const sent of [request.clone(), request])
      expect(await (await world.fetch(sent)).json()).toMatchObject({ error })
  })

  it('publish keys that appear in no other key set', async () => {
    const world = await openDevices()
    const keysAt = async (path: string) => JSON.stringify(await (await world.fetch(issuer + path)).json())
    const document = await (await world.fetch(`${issuer}/.well-known/aauth-agent`)).json()
    expect(document).toMatchObject({ agent: issuer, jwks_uri: `${issuer}/delegates/jwks.json` })
    expect(await keysAt('/delegates/jwks.json')).toContain('device-key-1')
    expect(await keysAt('/jwks.json')).not.toContain('device-key-1')
  })

  it('do not exist if devices are off', async () => {
    const world = await openDevices({}, { server: { personalAgents: undefined } })
    const user = await browserOf(world)
    const statuses = await Promise.all([
      world.fetch(`${issuer}/.well-known/aauth-agent`),
      world.fetch(`${issuer}/delegates`, { method: 'POST' }),
      user.open(connectUrl(await newSigner())),
    ])
    expect(statuses.map(({ status }) => status)).toEqual([404, 404, 404])
  })
})
