import { decodeToken } from 'countersign/tokens'
import { describe, expect, it, onTestFinished } from 'vitest'
import {
  type Asked,
  allow,
  authRequest,
  openRequest,
  ownRequest,
  redeem,
  refresh,
  signForm,
  type TokenRequest,
  view,
} from '../attacks/flow.js'
import { delegateOf, type Identity, identityOf } from '../attacks/party.js'
import { openMapStage, type Stage, type StageOptions } from '../attacks/stage.js'

async function opened(options: StageOptions = {}): Promise<Stage> {
  const stage = await openMapStage(options)
  onTestFinished(() => stage.close())
  return stage
}

/** The claims of the auth token in a response. */
async function claimsOf(response: Response): Promise<Record<string, unknown>> {
  expect(response.status).toBe(200)
  const { auth_token: token } = (await response.json()) as { auth_token: string }
  return { ...decodeToken(token)?.payload }
}

/** The claims of the token that a user allowed. */
async function allowedClaims(stage: Stage, asked: Asked | TokenRequest, by?: Identity) {
  return claimsOf(await redeem(stage, await allow(stage, by, {}, { asked })))
}

async function responseOf(response: Response): Promise<Record<string, unknown>> {
  expect(response.status).toBe(200)
  return (await response.json()) as Record<string, unknown>
}

describe('an auth token', () => {
  it('names the delegate that requested it, and is bound to its key', async () => {
    const stage = await opened()
    const delegate = await delegateOf(stage.agent, 'delegate-1', stage.clock.now)
    expect(await allowedClaims(stage, {}, delegate)).toMatchObject({
      agent: stage.agent.id,
      agent_delegate: 'delegate-1',
      cnf: { jwk: { x: delegate.signer.jwk.x } },
    })
  })

  it('names no delegate if the agent server itself requested it', async () => {
    expect(await allowedClaims(await opened(), {})).not.toHaveProperty('agent_delegate')
  })

  it('has an opaque subject: the same in every token for a resource, and another one for another resource', async () => {
    const stage = await opened()
    const { sub } = await allowedClaims(stage, {})
    expect(sub).not.toBe('alice')
    expect((await allowedClaims(stage, {})).sub).toBe(sub)
    expect((await allowedClaims(stage, ownRequest(stage, 'data.read'))).sub).not.toBe(sub)
  })

  it('comes with the subject by which the agent knows the user, whatever the resource, also when refreshed (W38)', async () => {
    const stage = await opened()
    const first = await responseOf(await redeem(stage, await allow(stage)))
    expect(first.agent_sub).toMatch(/^[0-9a-f-]{36}$/)
    const other = await responseOf(
      await redeem(stage, await allow(stage, undefined, {}, { asked: ownRequest(stage, 'data.read') })),
    )
    expect(other.agent_sub).toBe(first.agent_sub)
    const refreshed = await responseOf(await refresh(stage, identityOf(stage.agent), String(first.refresh_token)))
    expect(refreshed).toMatchObject({ agent_sub: first.agent_sub })
    expect(decodeToken(String(refreshed.auth_token))?.payload.sub).not.toBe(first.agent_sub)
  })

  it('is for the agent itself, without naming it, if it requested a scope (S§3.5)', async () => {
    const stage = await opened()
    const claims = await allowedClaims(stage, ownRequest(stage, 'openid notes.read'))
    expect(claims).toMatchObject({ aud: stage.agent.id, scope: 'notes.read' })
    expect(claims).not.toHaveProperty('agent')
  })
})

describe('identity scopes', () => {
  const person = { username: 'dora', displayName: 'Dora D.', email: 'dora@home.example' }

  async function claimsFor(scope: string) {
    const stage = await opened()
    const alice = (await stage.storage.findCredential('alice'))?.passwordHash ?? ''
    await stage.storage.createUser({ ...person, passwordHash: alice })
    const request = await openRequest(stage, undefined, ownRequest(stage, scope))
    const { user, page } = await view(stage, request, undefined, { username: 'dora', password: 'alice-password-1' })
    const decided = await user.submit(page, request.url, { consent: 'grant' })
    const location = decided.headers.get('location') ?? ''
    const code = new URL(location).searchParams.get('code') ?? ''
    return claimsOf(await redeem(stage, { ...request, user, page, location, code }))
  }

  it('become claims and grant no access', async () => {
    const claims = await claimsFor('openid profile email notes.read')
    expect(claims).toMatchObject({
      scope: 'notes.read',
      name: 'Dora D.',
      preferred_username: 'dora',
      email: 'dora@home.example',
      email_verified: false,
    })
  })

  it('leave the scope out if nothing else remains', async () => {
    const claims = await claimsFor('openid')
    expect(claims).toHaveProperty('sub')
    for (const absent of ['scope', 'name', 'preferred_username', 'email']) expect(claims).not.toHaveProperty(absent)
  })

  it.each([
    ['profile', ['name', 'preferred_username'], ['email']],
    ['email', ['email'], ['name', 'preferred_username']],
  ])('return the claims of %s and no more', async (scope, present, absent) => {
    const claims = await claimsFor(`openid ${scope}`)
    for (const name of present) expect(claims).toHaveProperty(name)
    for (const name of absent) expect(claims).not.toHaveProperty(name)
  })

  it('return nothing without openid', async () => {
    const claims = await claimsFor('profile email notes.read')
    expect(claims).toMatchObject({ scope: 'notes.read' })
    for (const name of ['name', 'preferred_username', 'email']) expect(claims).not.toHaveProperty(name)
  })
})

describe('access by policy (W19)', () => {
  const policy: StageOptions['policy'] = ({ agent, scope }) =>
    agent === 'https://agent.example' && scope.every((name) => name === 'data.read') ? { grant: 'readers' } : 'ask'

  const ask = async (stage: Stage, by: Identity, asked: Asked = {}) =>
    stage.fetch(await signForm(stage, await authRequest(stage, by, asked)))

  it('gives the agent a token for itself, without a user or a refresh token, recorded under the policy’s name', async () => {
    const stage = await opened({ policy })
    const response = await ask(stage, identityOf(stage.agent))
    const answer = (await response.clone().json()) as object
    expect(Object.keys(answer).sort()).toEqual(['auth_token', 'expires_in', 'token_type'])
    const claims = await claimsOf(response)
    expect(claims).toMatchObject({ aud: stage.resource.id, agent: stage.agent.id, scope: 'data.read' })
    expect(claims).not.toHaveProperty('sub')
    expect(claims.jti).toMatch(/^readers\.[\w-]{20,}$/)
    const [event] = await stage.storage.listEvents({ event: 'token.issued_by_policy' })
    expect(event).toMatchObject({ agent: stage.agent.id, resource: stage.resource.id })
  })

  it('prompts a user for more than the policy grants, and for other agents', async () => {
    const stage = await opened({ policy })
    const more = await ask(stage, identityOf(stage.agent), { scope: 'data.read data.write' })
    expect(await more.json()).toHaveProperty('request_token')
    const other = await ask(stage, identityOf(stage.otherAgent))
    expect(await other.json()).toHaveProperty('request_token')
  })

  it('gives nothing to a blocked agent', async () => {
    const stage = await opened({ policy })
    await stage.storage.setAgentBlocked({ agent: stage.agent.id, blocked: true, by: 'test' })
    const response = await ask(stage, identityOf(stage.agent))
    expect(response.status).toBe(403)
    expect(await response.json()).toMatchObject({ error: 'access_denied' })
  })

  it('still checks the resource token first', async () => {
    const stage = await opened({ policy })
    const request = await authRequest(stage, identityOf(stage.otherAgent))
    const response = await stage.fetch(await signForm(stage, { ...request, by: identityOf(stage.agent) }))
    expect(await response.json()).toMatchObject({ error: 'invalid_resource_token' })
  })
})

describe('the revocation endpoint', () => {
  it('is named in the document and accepts only signed requests', async () => {
    const stage = await opened()
    const document = await stage.fetch(`${stage.authServer}/.well-known/aauth-issuer`)
    const { agent_revocation_endpoint: endpoint } = (await document.json()) as { agent_revocation_endpoint: string }
    expect(endpoint).toBe(`${stage.authServer}/agent/revoke`)
    const body = new URLSearchParams({ token: 'aart_x' })
    expect((await stage.fetch(endpoint, { method: 'POST', body })).status).toBe(401)
  })
})
