import { decodeToken } from 'countersign/tokens'
import { describe, expect, it } from 'vitest'
import { newSigner } from '../../attacks/party.js'
import { askOnce, dwks, resource, revoke } from './issuers.js'
import {
  agentToken,
  askAuth,
  askPerson,
  decide,
  obtainPerson,
  openConsent,
  openPerson,
  openPersonStage,
  pendingIn,
  poll,
  problemIn,
  send,
} from './person-stage.js'

describe('a revocation by an agent provider', () => {
  it('ends the use of that agent token and of what waits for its user, and of no other', async () => {
    const stage = await openPersonStage()
    const jwt = await agentToken(stage, { jti: 'lost' })
    const { location, page } = await openPerson(stage, {}, { jwt })
    const other = await openPerson(stage, { resource: stage.otherResource.id }, { jti: 'kept' })
    const shown = await openConsent(stage, page)
    const { exp } = decodeToken(jwt)?.payload ?? {}
    const response = await revoke(stage, stage.agent, { jti: 'lost', exp })
    expect([response.status, await response.text()]).toEqual([200, ''])
    for (const refused of [await askPerson(stage, {}, { jwt }), await poll(stage, location, { jwt })]) {
      expect(refused.headers.get('signature-error')).toBe('error=revoked_jwt')
      expect(await problemIn(refused)).toMatchObject({ status: 401, error: 'revoked_jwt' })
    }
    const late = await shown.user.submit(shown.html, shown.url, { consent: 'grant' })
    expect(await late.text()).toContain('data-state="request_used"')
    expect(await problemIn(await poll(stage, location))).toMatchObject({ status: 403, error: 'revoked' })
    expect(await problemIn(await poll(stage, location))).toMatchObject({ status: 410 })
    expect((await poll(stage, other.location)).status).toBe(202)
    // A repetition changes nothing.
    expect((await revoke(stage, stage.agent, { jti: 'lost', exp })).status).toBe(200)
  })

  it('ends the requests that its agent only polled with that token, and the tokens of that agent', async () => {
    const stage = await openPersonStage()
    const presented = await obtainPerson(stage, {}, { jti: 'first' })
    const { location } = await openPerson(stage, { resource: stage.otherResource.id }, { jti: 'first' })
    for (let turn = 0; turn < 2; turn++) {
      expect((await poll(stage, location, { jti: 'renewed' })).status).toBe(202)
      stage.clock.now += 10
    }
    expect((await revoke(stage, stage.agent, { jti: 'renewed', exp: stage.clock.now + 3600 })).status).toBe(200)
    expect(await problemIn(await poll(stage, location, { jti: 'first' }))).toMatchObject({
      status: 403,
      error: 'revoked',
    })
    expect(await problemIn(await askAuth(stage, presented, { by: { jti: 'first' } }))).toMatchObject({
      status: 400,
      error: 'revoked_presented_token',
    })
    expect(await stage.storage.findViolations()).toEqual([])
  })

  it('ends all tokens that its agent holds, whose resources are told; a later agent token gets new ones', async () => {
    const stage = await openPersonStage()
    const presented = await obtainPerson(stage, {}, { jti: 'lost' })
    const pending = pendingIn(await askAuth(stage, presented, { by: { jti: 'renewed' } }))
    await decide(stage, pending.page)
    const { auth_token: token } = await (await poll(stage, pending.location, { jti: 'renewed' })).json()
    expect((await revoke(stage, stage.agent, { jti: 'lost', exp: stage.clock.now + 3600 })).status).toBe(200)
    for (const each of [presented, token])
      expect(await problemIn(await askAuth(stage, each, { by: { jti: 'renewed' } }))).toMatchObject({
        status: 400,
        error: 'revoked_presented_token',
      })
    const due = await stage.storage.claimDeliveries({ edition: 'draft-11', limit: 10, lease: 60 })
    const jtis = [presented, token].map((jwt) => String(decodeToken(jwt)?.payload.jti))
    expect(due.map(({ jti }) => jti).toSorted()).toEqual(jtis.toSorted())
    // The binding and the grants stay.
    const again = await askPerson(stage, {}, { jti: 'renewed' })
    expect(again.status).toBe(200)
    const { person_token: fresh } = await again.json()
    expect((await askAuth(stage, fresh, { by: { jti: 'renewed' } })).status).toBe(200)
    expect(await stage.storage.findViolations()).toEqual([])
  })

  it('that comes while a token is issued ends that token, or it is not issued', async () => {
    let interrupt: (() => Promise<unknown>) | undefined
    const stage = await openPersonStage({
      wrap: (storage) => ({
        ...storage,
        async redeemCode(redemption) {
          await interrupt?.()
          return storage.redeemCode(redemption)
        },
        async issueRemembered(wanted) {
          await interrupt?.()
          return storage.issueRemembered(wanted)
        },
        async createAuthRequest(request) {
          await interrupt?.()
          return storage.createAuthRequest(request)
        },
      }),
    })
    await obtainPerson(stage)
    const revoking = (jti: string) => async () => {
      interrupt = undefined
      expect((await revoke(stage, stage.agent, { jti, exp: stage.clock.now + 3600 })).status).toBe(200)
    }
    const { location, page } = await openPerson(stage, { resource: stage.otherResource.id })
    await decide(stage, page)
    const attempts: readonly [string, () => Promise<Response>][] = [
      ['polling', () => poll(stage, location, { jti: 'polling' })],
      ['remembered', () => askPerson(stage, {}, { jti: 'remembered' })],
      ['opening', () => askPerson(stage, { resource: 'https://third.example' }, { jti: 'opening' })],
    ]
    for (const [jti, attempt] of attempts) {
      interrupt = revoking(jti)
      expect(await problemIn(await attempt()), jti).toMatchObject({ status: 401, error: 'revoked_jwt' })
    }
    expect((await poll(stage, location)).status).toBe(200)
  })

  it('is recorded for a token that was never seen', async () => {
    const stage = await openPersonStage()
    await openPerson(stage)
    const jti = 'x'.repeat(256)
    expect((await revoke(stage, stage.agent, { jti, exp: stage.clock.now + 3600 })).status).toBe(200)
    expect(await problemIn(await askPerson(stage, {}, { jti }))).toMatchObject({ error: 'revoked_jwt' })
  })

  it('is stored once for each token, up to 10,000 of an issuer', async () => {
    const stored: object[] = []
    let isFull = false
    const stage = await openPersonStage({
      wrap: (storage) => ({
        ...storage,
        async recordRevocation({ nonce, ...revocation }) {
          expect(nonce).toBeDefined()
          stored.push(revocation)
          return !isFull
        },
      }),
    })
    await openPerson(stage)
    const { clock, agent } = stage
    const tokens = [
      { jti: 'x'.repeat(256), exp: clock.now + 86_460 },
      { jti: 'y', exp: 0 },
    ]
    for (const token of tokens) expect((await revoke(stage, agent, token)).status).toBe(200)
    expect(stored).toEqual(
      tokens.map(({ jti, exp }) => ({ edition: 'draft-11', issuer: agent.id, jti, expiresAt: exp, most: 10_000 })),
    )
    isFull = true
    const refused = await revoke(stage, agent, { jti: 'z', exp: clock.now })
    expect(refused.headers.get('retry-after')).toBe('60')
    expect(await problemIn(refused)).toEqual({
      status: 429,
      error: 'rate_limited',
      detail: 'Too many tokens of this server are revoked.',
    })
  })

  it('does not concern the token of another issuer with the same id', async () => {
    const stage = await openPersonStage()
    await obtainPerson(stage)
    const exp = stage.clock.now + 3600
    expect((await revoke(stage, stage.resource, { jti: 'agent-token-1', exp }, resource)).status).toBe(200)
    expect((await askPerson(stage)).status).toBe(200)
  })
})

describe('a revocation by a resource', () => {
  it('ends what a user allowed and the agent has not fetched; the grant stays', async () => {
    const stage = await openPersonStage()
    const presented = await obtainPerson(stage)
    const { ask, withdraw } = await askOnce(stage, 'withdrawn', presented)
    const { location, page } = pendingIn(await ask())
    await decide(stage, page)
    await withdraw()
    expect(await problemIn(await poll(stage, location))).toMatchObject({ status: 403, error: 'revoked' })
    expect(await problemIn(await poll(stage, location))).toMatchObject({ status: 410 })
    expect((await askAuth(stage, presented)).status).toBe(200)
  })

  it('takes a user who decides too late back to the callback, with an error', async () => {
    const stage = await openPersonStage()
    const callback = 'https://agent.example/done'
    stage.documents.agent.callback_endpoint = callback
    const { ask, withdraw } = await askOnce(stage, 'withdrawn', await obtainPerson(stage))
    const { page } = pendingIn(await ask())
    const { user, html, url } = await openConsent(stage, `${page}&${new URLSearchParams({ callback })}`)
    await withdraw()
    const late = await user.submit(html, url, { consent: 'grant' })
    expect(late.headers.get('location')).toBe(`${callback}?error=server_error`)
  })

  it('that comes while a request is stored refuses it', async () => {
    let interrupt: (() => Promise<unknown>) | undefined
    const stage = await openPersonStage({
      wrap: (storage) => ({
        ...storage,
        async createAuthRequest(request) {
          await interrupt?.()
          return storage.createAuthRequest(request)
        },
      }),
    })
    const { ask, withdraw } = await askOnce(stage, 'withdrawn', await obtainPerson(stage))
    interrupt = withdraw
    expect(await problemIn(await ask())).toMatchObject({ status: 400, error: 'revoked_resource_token' })
  })

  it('comes too late for a token that was delivered', async () => {
    const stage = await openPersonStage()
    const presented = await obtainPerson(stage)
    const { location, page } = pendingIn(await askAuth(stage, presented, { claims: { jti: 'done' } }))
    await decide(stage, page)
    expect((await poll(stage, location)).status).toBe(200)
    expect((await revoke(stage, stage.resource, { jti: 'done', exp: stage.clock.now + 300 }, resource)).status).toBe(
      200,
    )
    expect((await askAuth(stage, presented)).status).toBe(200)
  })
})

describe('a revocation is refused', () => {
  it('from a server whose tokens were never accepted, before anything is fetched', async () => {
    const stage = await openPersonStage()
    const before = stage.resource.asked.length
    for (const [party, dwk] of [
      [stage.agent, dwks.agent],
      [stage.resource, dwks.resource],
    ] as const)
      expect(await problemIn(await revoke(stage, party, { jti: 'x', exp: 0 }, { dwk }))).toMatchObject({
        status: 403,
        error: 'unsupported_iss',
      })
    expect(stage.resource.asked.length).toBe(before)
  })

  it.each<[string, object, number, string]>([
    ['no jti', { jti: undefined }, 400, 'invalid_request'],
    ['a long jti', { jti: 'x'.repeat(257) }, 400, 'invalid_request'],
    ['a jti that databases cannot store', { jti: 'a\0b' }, 400, 'invalid_request'],
    ['no exp', { exp: undefined }, 400, 'invalid_request'],
    ['an exp that is no integer', { exp: 1.5 }, 400, 'invalid_request'],
    ['an exp in the past of time', { exp: -1 }, 400, 'invalid_request'],
    ['an exp of more than a day and a minute ahead', { exp: 1_800_000_000 + 86_461 }, 400, 'invalid_request'],
    ['an empty jti', { jti: '' }, 400, 'invalid_request'],
  ])('with %s', async (_what, members, status, error) => {
    const stage = await openPersonStage()
    await openPerson(stage)
    const sent = { jti: 'x', exp: stage.clock.now + 60, ...members }
    expect(await problemIn(await revoke(stage, stage.agent, sent))).toMatchObject({ status, error })
  })

  it('with another key, another document, or signed as an agent', async () => {
    const stage = await openPersonStage()
    await openPerson(stage)
    const members = { jti: 'x', exp: stage.clock.now + 60 }
    const forged = { id: stage.agent.id, signer: await newSigner() }
    expect(await problemIn(await revoke(stage, forged, members))).toMatchObject({ status: 401, error: 'unknown_key' })
    const stolenName = { kid: stage.agent.signer.kid }
    expect(await problemIn(await revoke(stage, forged, members, stolenName))).toMatchObject({ status: 401 })
    const other = { dwk: 'aauth-person.json' }
    expect(await problemIn(await revoke(stage, stage.agent, members, other))).toMatchObject({
      status: 401,
      error: 'unknown_key',
    })
    const asAgent = await send(
      stage,
      new Request(`${stage.authServer}/person/revoke`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(members),
      }),
    )
    expect(asAgent.headers.get('accept-signature-scheme')).toBe('jwks_uri')
    expect(await problemIn(asAgent)).toMatchObject({ status: 401, error: 'unsupported_scheme' })
  })

  it('after sixty in a minute', async () => {
    const stage = await openPersonStage()
    await openPerson(stage)
    const statuses: number[] = []
    for (let count = 0; count < 62; count++)
      statuses.push((await revoke(stage, stage.agent, { jti: `${count}`, exp: stage.clock.now + 60 })).status)
    expect(statuses.filter((status) => status === 200)).toHaveLength(60)
    const refused = await revoke(stage, stage.agent, { jti: 'x', exp: stage.clock.now + 60 })
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(await problemIn(refused)).toMatchObject({ status: 429, error: 'rate_limited' })
  })
})
