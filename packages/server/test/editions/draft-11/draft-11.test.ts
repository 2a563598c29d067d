import { createAgent, createWebAgent } from 'countersign/agent'
import { decodeToken } from 'countersign/tokens'
import { describe, expect, it } from 'vitest'
import { quickHash } from '../../quick-hash.js'
import { createScriptedUser } from '../../scripted-user.js'
import { ids, type World } from '../../world.js'
import { draft11 } from './draft-11.js'
import { deciding, exchangesAt, lastAt, openStage, shownToken } from './stage.js'

describe('draft -11 over a map of origins', () => {
  it('ends with the resource’s response after a user allowed both requests', async () => {
    const stage = await openStage()
    const response = await stage.agent.fetch(`${ids.resource}/data-auth`)
    expect(response.status).toBe(200)
    expect(await response.json()).toMatchObject({
      scheme: 'jwt',
      tokenType: 'aa-auth+jwt',
      iss: ids.authServer,
      scope: ['data.read', 'data.write'],
      thumbprint: stage.agentSigner.thumbprint,
    })
    expect(stage.asked).toHaveLength(2)
  })

  it('presents one token after another, each time the one that the resource requires', async () => {
    const stage = await openStage()
    await stage.agent.fetch(`${ids.resource}/data-auth`)
    const calls = exchangesAt(stage, '/data-auth')
    expect(calls.map((each) => shownToken(each)?.header.typ)).toEqual(['aa-agent+jwt', 'aa-person+jwt', 'aa-auth+jwt'])
    const asked = calls.map(({ response }) => response.headers.get('aauth-requirement'))
    expect(asked[0]).toBe('requirement=person-token')
    expect(asked[1]).toMatch(/^requirement=auth-token;resource-token="[\w.-]+"$/)
    expect(calls.map(({ response }) => response.status)).toEqual([401, 401, 200])
    expect(await calls[0]?.response.json()).toMatchObject({ detail: 'The request has no person token.' })
    expect(await calls[1]?.response.json()).toMatchObject({ detail: 'The request has no auth token.' })
    for (const { request } of calls) {
      expect(request.headers.get('signature-key')).toMatch(/^sig=jwt;jwt="[\w.-]+"$/)
      expect(request.headers.get('signature-input')).toMatch(/^sig=\("@method" "@authority" "@path" "signature-key"\)/)
    }
  })

  it('names Ed25519 in every token and on every key, and the same user in all three', async () => {
    const stage = await openStage()
    await stage.agent.fetch(`${ids.resource}/data-auth`)
    const [agent, person, auth] = exchangesAt(stage, '/data-auth').map(shownToken)
    const { request } = lastAt(stage, '/person/authorize')
    const resource = decodeToken((await request.json()).resource_token)
    expect([agent, person, auth, resource].map((token) => token?.header.alg)).toEqual(Array(4).fill('Ed25519'))
    expect([agent, person, auth].map((token) => token?.payload.cnf)).toMatchObject(
      Array(3).fill({ jwk: { alg: 'Ed25519', x: stage.agentSigner.jwk.x } }),
    )
    expect(agent?.payload).toMatchObject({ iss: ids.agent, sub: 'aauth:agent@agent.example', ps: ids.authServer })
    expect(person?.payload).toMatchObject({ iss: ids.authServer, dwk: 'aauth-person.json', aud: ids.resource })
    expect(person?.payload).not.toHaveProperty('scope')
    const { sub, jti } = person?.payload ?? {}
    expect(resource?.payload).toMatchObject({ sub, presented_jti: jti, aud: ids.authServer, ps: ids.authServer })
    expect(resource?.payload).not.toHaveProperty('agent')
    expect(auth?.payload).toMatchObject({ sub, ps: ids.authServer, scope: 'data.read data.write' })
    expect(auth?.payload.exp).toBeLessThanOrEqual(Number(person?.payload.exp))
    for (const path of ['/jwks.json', '/person/jwks.json']) {
      for (const { response } of exchangesAt(stage, path)) {
        expect((await response.json()).keys).toMatchObject([{ alg: 'Ed25519' }])
      }
    }
  })

  it('publishes documents that name their issuer', async () => {
    const stage = await openStage()
    for (const [id, name] of [
      [ids.agent, 'aauth-agent.json'],
      [ids.authServer, 'aauth-person.json'],
      [ids.resource, 'aauth-resource.json'],
    ]) {
      expect(await (await stage.fetch(`${id}/.well-known/${name}`)).json()).toMatchObject({ issuer: id })
    }
  })

  it('sends the user to a page with a code that the agent shows too, and holds the agent’s poll in the meantime', async () => {
    const stage = await openStage()
    await stage.agent.fetch(`${ids.resource}/data-auth`)
    const { response } = lastAt(stage, '/person/token')
    expect(response.status).toBe(202)
    expect(response.headers.get('aauth-requirement')).toMatch(
      /^requirement=interaction;url="https:\/\/auth\.example\/person\/interact";code="\w{4}-\w{4}-\w{4}"$/,
    )
    expect(response.headers.get('cache-control')).toBe('no-store')
    expect(await response.json()).toEqual({ status: 'pending' })
    const polls = exchangesAt(stage, '/person/pending')
    expect(polls.map((poll) => poll.response.status)).toEqual([200, 200])
    expect(polls.map((poll) => poll.request.headers.get('prefer'))).toEqual(['wait=20', 'wait=20'])
  })

  it('reuses the auth token, and presents it to request more when its scope is too narrow', async () => {
    const stage = await openStage()
    await stage.agent.fetch(`${ids.resource}/read`)
    stage.exchanges.length = 0
    expect((await stage.agent.fetch(`${ids.resource}/read`)).status).toBe(200)
    expect(stage.exchanges).toHaveLength(1)
    const removed = await stage.agent.fetch(`${ids.resource}/data`, { method: 'DELETE' })
    expect(await removed.json()).toEqual(['data.read', 'data.delete'])
    expect(exchangesAt(stage, '/person/token')).toEqual([])
    expect(stage.asked).toHaveLength(3)
  })

  it('does not prompt again for access that a user has allowed until it is removed', async () => {
    const stage = await openStage({ person: allowingUntilRemoved })
    await stage.agent.fetch(`${ids.resource}/read`)
    const again = createAgent({
      edition: draft11,
      id: ids.agent,
      signer: stage.agentSigner,
      authServers: [ids.authServer],
      onePerson: true,
      onConsent: ({ url }) => allowingUntilRemoved(stage, url).then(() => void stage.asked.push(url)),
      fetch: stage.fetch,
      now: () => stage.clock.now,
    })
    expect((await again.fetch(`${ids.resource}/read`)).status).toBe(200)
    // Two prompts the first time; then one for the person token, because no agent is bound to a user here.
    expect(stage.asked).toHaveLength(3)
    const { response } = lastAt(stage, '/person/authorize')
    expect(response.headers.get('aauth-requirement')).toBe('requirement=approval')
  })

  it('signs a user in to the agent itself', async () => {
    const stage = await openStage()
    expect(await stage.agent.signIn({ authServer: ids.authServer })).toMatchObject({
      iss: ids.authServer,
      aud: ids.agent,
    })
  })

  it('is not available to web agents, whose users it cannot tell apart, or if users may be sent links', async () => {
    const { agentSigner: signer } = await openStage()
    const options = {
      edition: draft11,
      id: ids.agent,
      signer,
      authServers: [ids.authServer],
      onConsent: () => undefined,
    }
    expect(() => createWebAgent({ ...options, sessionOf: () => undefined })).toThrow(/does not redirect users back/)
    expect(() => createAgent({ ...options, redirectUri: 'http://127.0.0.1:8080/callback' })).toThrow(/onePerson/)
  })
})

describe('a user in draft -11', () => {
  it('denies the request: the agent learns this when it polls, and its call rejects', async () => {
    const stage = await openStage({ person: deciding('deny') })
    await expect(stage.agent.fetch(`${ids.resource}/data-auth`)).rejects.toMatchObject({
      name: 'AgentError',
      code: 'access_denied',
      message: 'Access was denied: The user denied the request.',
      error: 'denied',
    })
    const { response } = lastAt(stage, '/person/pending')
    expect(response.status).toBe(403)
    expect(response.headers.get('content-type')).toBe('application/problem+json')
    expect(response.headers.get('signature-error')).toBeNull()
    expect(await response.json()).toEqual({
      type: 'about:blank',
      status: 403,
      error: 'denied',
      detail: 'The user denied the request.',
    })
  })

  it('ends up on a page of the person server, with no redirect', async () => {
    const pages: unknown[] = []
    const stage = await openStage({
      person: async (world, url) => pages.push(await deciding('grant')(world, url)),
    })
    await stage.agent.fetch(`${ids.resource}/data-auth`)
    expect(pages).toHaveLength(2)
    for (const page of pages) expect(page).toMatch(/^no redirect: 200 [\s\S]*data-state="return-to-app"/)
  })

  it('must be the one that the agent acts for: another user’s decision yields no token', async () => {
    const people = ['testuser', 'other']
    const stage = await openStage({ person: (world, url) => deciding('grant', people.shift())(world, url) })
    await stage.storage.createUser({ username: 'other', passwordHash: await quickHash('testpass') })
    await expect(stage.agent.fetch(`${ids.resource}/data-auth`)).rejects.toMatchObject({ code: 'access_denied' })
    expect(exchangesAt(stage, '/data-auth')).toHaveLength(2)
  })
})

/** Signs in and allows the request until it is removed. */
async function allowingUntilRemoved(world: World, url: string): Promise<void> {
  const user = createScriptedUser(world.fetch)
  const signIn = await (await user.open(url)).text()
  await user.submit(signIn, url, { username: 'testuser', password: 'testpass', action: 'login' })
  const page = await (await user.open(url)).text()
  await user.submit(page, url, { consent: 'grant', duration: 'until-removed' })
}
