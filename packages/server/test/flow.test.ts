import { AgentError } from 'countersign/agent'
import { decodeToken } from 'countersign/tokens'
import { describe, expect, it } from 'vitest'
import { words } from './pages/reading.js'
import { createScriptedUser, decideAs } from './scripted-user.js'
import { createWorld, ids, type World } from './world.js'

/** Opens the consent page, decides, and follows the redirect to the agent’s callback. */
const deciding = (consent: 'grant' | 'deny') => async (world: World, url: string) => {
  const user = createScriptedUser(world.fetch)
  const callback = await decideAs(user, url, consent)
  expect(callback).toContain(`${ids.agent}/callback?`)
  void user.open(callback)
}

describe('the consent flow over a map of origins', () => {
  it('ends with the resource’s response after the user allows it', async () => {
    const world = await createWorld({ onConsent: deciding('grant') })
    const response = await world.agent.fetch(`${ids.resource}/data-auth`)
    expect(response.status).toBe(200)
    expect(await response.json()).toMatchObject({
      agent: ids.agent,
      scheme: 'jwt',
      tokenType: 'auth+jwt',
      iss: ids.authServer,
      scope: ['data.read', 'data.write'],
      thumbprint: world.agentSigner.thumbprint,
    })
  })

  it('reuses the auth token for the next request', async () => {
    const world = await createWorld({ onConsent: deciding('grant') })
    await world.agent.fetch(`${ids.resource}/data-auth`)
    world.sent.length = 0
    const again = await world.agent.fetch(`${ids.resource}/data-auth`)
    expect(again.status).toBe(200)
    expect(world.sent.map(({ url }) => url)).toEqual([`${ids.resource}/data-auth`])
  })

  it('prompts once when many requests need the same consent', async () => {
    let asked = 0
    const world = await createWorld({
      onConsent: (created, url) => {
        asked++
        return deciding('grant')(created, url)
      },
    })
    const responses = await Promise.all(
      Array.from({ length: 10 }, () => world.agent.fetch(`${ids.resource}/data-auth`)),
    )
    expect(responses.map(({ status }) => status)).toEqual(Array(10).fill(200))
    expect(asked).toBe(1)
  })

  it('rejects with access_denied, without issuing a token, after the user denies', async () => {
    const world = await createWorld({ onConsent: deciding('deny') })
    await expect(world.agent.fetch(`${ids.resource}/data-auth`)).rejects.toMatchObject({
      name: 'AgentError',
      code: 'access_denied',
      message: 'Access was denied: The user denied the request.',
    })
    const bodies = await Promise.all(world.sent.map((request) => request.text()))
    expect(bodies.filter((body) => body.includes('request_type=code'))).toEqual([])
  })

  it('signs a POST with a nonce and retries it in full', async () => {
    const world = await createWorld({ onConsent: deciding('grant') })
    const response = await world.agent.fetch(`${ids.resource}/data-auth?x=1`, { method: 'POST', body: 'hello' })
    expect(response.status).toBe(200)
    const posts = world.sent.filter(({ url, method }) => method === 'POST' && url.startsWith(ids.resource))
    expect(await Promise.all(posts.map((request) => request.text()))).toEqual(['hello', 'hello'])
    expect(new Set(posts.map(({ headers }) => headers.get('nonce'))).size).toBe(2)
  })

  it('stops when the request is aborted while the user decides', async () => {
    const abort = new AbortController()
    const world = await createWorld({ onConsent: () => abort.abort(new Error('changed my mind')) })
    await expect(world.agent.fetch(`${ids.resource}/data-auth`, { signal: abort.signal })).rejects.toThrow(
      'changed my mind',
    )
  })

  it.each([
    ['grant', /^\?code=aacd_[\w-]+&amp;state=[\w-]+&amp;iss=https/, 'was allowed'],
    ['deny', /^\?error=access_denied&amp;.*state=[\w-]+&amp;iss=https/, 'was not allowed'],
  ] as const)('leads back to an agent that is an app through a page with a link: %s', async (decision, link, said) => {
    let answer = ''
    const abort = new AbortController()
    const world = await createWorld({
      agent: { redirectUri: 'com.example.app:/callback' },
      onConsent: async (created, url) => {
        answer = await decideAs(createScriptedUser(created.fetch), url, decision)
        abort.abort()
      },
    })
    await world.agent.fetch(`${ids.resource}/data-auth`, { signal: abort.signal }).catch(() => undefined)
    const [, query] = /href="com\.example\.app:\/callback([^"]*)"/.exec(answer) ?? []
    expect(query).toMatch(link)
    expect(words(answer)).toContain(`The request from agent.example ${said}.`)
  })

  it('refuses to send a user to an auth server that is not accepted', async () => {
    const world = await createWorld({ agent: { authServers: [] } })
    await expect(world.agent.fetch(`${ids.resource}/data-auth`)).rejects.toMatchObject({ code: 'auth_server_refused' })
    expect(world.sent.some(({ url }) => url.endsWith('/agent/token'))).toBe(false)
  })

  it('names the agent only when required, if it identifies itself by key', async () => {
    const world = await createWorld({ agent: { interop: { introduce: 'key' } } })
    expect((await world.agent.fetch(`${ids.resource}/data`)).status).toBe(200)
    expect(world.sent.at(-1)?.headers.get('signature-key')).toContain('scheme=hwk')
    expect((await world.agent.fetch(`${ids.resource}/data-jwks`)).status).toBe(200)
  })

  it('carries the claims of the capture in both tokens', async () => {
    const world = await createWorld({ onConsent: deciding('grant') })
    await world.agent.fetch(`${ids.resource}/data-auth`)
    const form = new URLSearchParams(await world.sent.find(({ url }) => url.endsWith('/agent/token'))?.text())
    const resourceToken = decodeToken(form.get('resource_token') ?? '')
    expect(resourceToken?.header).toEqual({ alg: 'EdDSA', kid: 'resource-key-1', typ: 'resource+jwt' })
    expect(resourceToken?.payload).toMatchObject({
      iss: ids.resource,
      aud: ids.authServer,
      agent: ids.agent,
      agent_jkt: world.agentSigner.thumbprint,
      scope: 'data.read data.write',
      exp: world.clock.now + 600,
    })
    const authToken = decodeToken(
      /jwt="([^"]+)"/.exec(
        world.sent.findLast(({ url }) => url.endsWith('/data-auth'))?.headers.get('signature-key') ?? '',
      )?.[1] ?? '',
    )
    expect(authToken?.header).toEqual({ alg: 'EdDSA', kid: 'auth-key-1', typ: 'auth+jwt' })
    expect(authToken?.payload).toMatchObject({
      iss: ids.authServer,
      aud: ids.resource,
      cnf: { jwk: world.agentSigner.jwk },
      scope: 'data.read data.write',
      exp: world.clock.now + 3600,
      agent: ids.agent,
    })
    expect(authToken?.payload.sub).not.toBe('testuser')
  })

  it('rejects with the auth server’s error when it refuses', async () => {
    const world = await createWorld({ server: { policy: () => ({ deny: 'nobody' }) } })
    const refused = await world.agent.fetch(`${ids.resource}/data-auth`).catch((error: unknown) => error)
    expect(refused).toBeInstanceOf(AgentError)
    expect(refused).toMatchObject({
      code: 'access_denied',
      error: 'access_denied',
      message: "Access was denied: This server's policy does not allow this.",
    })
  })
})
