import { draft11AgentSigning } from 'countersign/editions/draft-11'
import { signRequest } from 'countersign/signatures'
import { decodeToken } from 'countersign/tokens'
import { describe, expect, it } from 'vitest'
import { newSigner, type Party } from '../../attacks/party.js'
import {
  agentToken,
  askAuth,
  askPerson,
  decide,
  obtainPerson,
  openConsent,
  openPerson,
  openPersonStage,
  type PersonStage,
  pendingIn,
  poll,
  post,
  problemIn,
  resourceToken,
  send,
} from './person-stage.js'

const dwks = { agent: 'aauth-agent.json', resource: 'aauth-resource.json' } as const

/** Revokes a token as its issuer does. */
async function revoke(
  stage: PersonStage,
  { id, signer }: Pick<Party, 'id' | 'signer'>,
  members: object,
  { dwk = dwks.agent, kid = signer.kid }: { dwk?: string; kid?: string } = {},
): Promise<Response> {
  const request = new Request(`${stage.authServer}/person/revoke`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(members),
  })
  const signatureKey = { scheme: 'jwks', id, kid, wellKnown: dwk } as const
  return stage.fetch(
    await signRequest(request, { profile: draft11AgentSigning, signer, signatureKey, created: stage.clock.now }),
  )
}

const resource = { dwk: dwks.resource }

describe('a revocation by an agent provider', () => {
  it('ends the use of that agent token, and of no other', async () => {
    const stage = await openPersonStage()
    const jwt = await agentToken(stage, { jti: 'lost' })
    const { location } = await openPerson(stage, {}, { jwt })
    const { exp } = decodeToken(jwt)?.payload ?? {}
    const response = await revoke(stage, stage.agent, { jti: 'lost', exp })
    expect([response.status, await response.text()]).toEqual([200, ''])
    for (const refused of [await askPerson(stage, {}, { jwt }), await poll(stage, location, { jwt })]) {
      expect(refused.headers.get('signature-error')).toBe('error=revoked_jwt')
      expect(await problemIn(refused)).toMatchObject({ status: 401, error: 'revoked_jwt' })
    }
    expect((await poll(stage, location)).status).toBe(202)
    // A repetition changes nothing.
    expect((await revoke(stage, stage.agent, { jti: 'lost', exp })).status).toBe(200)
  })

  it('is recorded for a token that was never seen', async () => {
    const stage = await openPersonStage()
    await openPerson(stage)
    expect((await revoke(stage, stage.agent, { jti: 'later', exp: stage.clock.now + 3600 })).status).toBe(200)
    expect(await problemIn(await askPerson(stage, {}, { jti: 'later' }))).toMatchObject({ error: 'revoked_jwt' })
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
  it('ends the use of its resource token, and the request that it asked for', async () => {
    const stage = await openPersonStage()
    const presented = await obtainPerson(stage)
    const asked = await resourceToken(stage, presented, { jti: 'withdrawn' })
    const ask = () =>
      post(stage, '/person/authorize', {
        resource_token: asked,
        presented_token: presented,
        capabilities: ['interaction'],
      })
    const { location, page } = pendingIn(await ask())
    const shown = await openConsent(stage, page)
    const exp = stage.clock.now + 300
    expect((await revoke(stage, stage.resource, { jti: 'withdrawn', exp }, resource)).status).toBe(200)
    expect(await problemIn(await ask())).toMatchObject({ status: 400, error: 'revoked_resource_token' })
    expect(await problemIn(await poll(stage, location))).toMatchObject({ status: 403, error: 'revoked' })
    expect(await problemIn(await poll(stage, location))).toMatchObject({ status: 410 })
    const late = await shown.user.submit(shown.html, shown.url, { consent: 'grant' })
    expect(await late.text()).toContain('data-state="request_used"')
    expect((await askAuth(stage, presented)).status).toBe(202)
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
    ['no exp', { exp: undefined }, 400, 'invalid_request'],
    ['an exp that is no integer', { exp: 1.5 }, 400, 'invalid_request'],
    ['an exp far ahead', { exp: 1_800_000_000 + 90_000 }, 400, 'invalid_request'],
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
