import { createAgent } from 'countersign/agent'
import { describe, expect, it } from 'vitest'
import { agentSigner, ids, openStage } from './stage.js'

const about = { name: 'Calendar', logo_uri: `${ids.agent}/logo.png`, homepage: ids.agent }
const open = (options: Parameters<typeof openStage>[0] = {}) => openStage({ about, ...options }).agent

describe('an agent publishes', () => {
  it.each([
    [
      '/.well-known/aauth-agent',
      {
        agent: ids.agent,
        jwks_uri: `${ids.agent}/jwks.json`,
        redirect_uris: [`${ids.agent}/callback`],
        ...about,
      },
    ],
    ['/jwks.json', { keys: [agentSigner.jwk] }],
  ])('%s, for GET and HEAD', async (path, document) => {
    for (const method of ['GET', 'HEAD']) {
      const response = await open().handler(new Request(`${ids.agent}${path}?a=b`, { method }))
      expect(response.status).toBe(200)
      expect(Object.fromEntries(response.headers)).toEqual({
        'content-type': 'application/json',
        'cache-control': 'public, max-age=300',
      })
      expect(await response.json()).toEqual(document)
    }
    const refused = await open().handler(new Request(ids.agent + path, { method: 'POST' }))
    expect([refused.status, refused.headers.get('allow')]).toEqual([405, 'GET, HEAD'])
    expect(await refused.text()).toBe('Method not allowed: use GET, HEAD.\n')
  })

  it('its own metadata, also available as an object', () => {
    expect(open().metadata).toEqual({
      agent: ids.agent,
      jwks_uri: `${ids.agent}/jwks.json`,
      redirect_uris: [`${ids.agent}/callback`],
      ...about,
    })
    expect(open().id).toBe(ids.agent)
  })

  it.each(['/', '/jwks', '/jwks.json/', '/.well-known/aauth-resource', '/callback/more'])(
    'nothing at %s',
    async (path) => {
      const response = await open().handler(new Request(ids.agent + path))
      expect(response.status).toBe(404)
      expect(await response.text()).toBe('Not found.\n')
    },
  )

  it('everything under its path, if it has one', async () => {
    const id = `${ids.agent}/~me`
    const agent = open({ id, allowPath: true })
    for (const path of ['/.well-known/aauth-agent', '/jwks.json'])
      expect((await agent.handler(new Request(id + path))).status).toBe(200)
    expect((await agent.handler(new Request(`${id}/callback?state=a&code=b`))).status).toBe(400)
    expect((await agent.handler(new Request(`${ids.agent}/jwks.json`))).status).toBe(404)
  })
})

describe('the callback', () => {
  const arrive = (path = '/callback?state=a&code=b', init: RequestInit = {}, options = {}) =>
    open(options).handler(new Request(ids.agent + path, { headers: { cookie: 's1' }, ...init }))

  it('is at the path of the redirect URI, even if that has a query or belongs to an app', async () => {
    expect((await arrive('/back', {}, { redirectUri: `${ids.agent}/back?here=1` })).status).toBe(400)
    expect((await arrive('/callback', {}, { redirectUri: `${ids.agent}/back?here=1` })).status).toBe(404)
    const app = createAgent({
      id: ids.agent,
      signer: agentSigner,
      authServers: [],
      redirectUri: 'com.example.app:/back',
      onConsent: () => undefined,
    })
    expect((await app.handler(new Request('com.example.app:/back?state=a&code=b'))).status).toBe(400)
  })

  it('that matches no consent returns a page that loads nothing, leaks nothing and cannot be framed', async () => {
    const response = await arrive()
    expect(response.status).toBe(400)
    const nonce = /style nonce="([\w-]{22})"/.exec(await response.text())?.[1]
    expect(Object.fromEntries(response.headers)).toEqual({
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': `default-src 'none'; style-src 'nonce-${nonce}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
      'referrer-policy': 'no-referrer',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
    })
    expect(await (await arrive()).text()).not.toContain(String(nonce))
  })

  it.each(['prefetch', 'prefetch;prerender', 'prefetch; anonymous-client-ip'])(
    'ignores a browser that only prefetches: %s',
    async (purpose) => {
      const response = await arrive(undefined, { headers: { cookie: 's1', 'sec-purpose': purpose } })
      expect([response.status, response.headers.get('cache-control'), await response.text()]).toEqual([
        503,
        'no-store',
        '',
      ])
    },
  )

  it.each(['HEAD', 'POST', 'OPTIONS'])('rejects %s', async (method) => {
    const response = await arrive(undefined, { method, headers: { cookie: 's1' } })
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'GET'])
  })

  it('of a single-user agent needs no session', async () => {
    let url = ''
    const agent = createAgent({
      id: ids.agent,
      signer: agentSigner,
      authServers: [ids.authServer],
      onePerson: true,
      onConsent: (consent) => {
        expect(consent).not.toHaveProperty('session')
        url = consent.url
      },
      now: () => stage.clock.now,
      fetch: async (input) => {
        const { url: asked } = new Request(input)
        if (asked.endsWith('/data')) return stage.challenge('data.read')
        if (asked.endsWith('/aauth-issuer')) {
          const [token, page] = ['token', 'auth'].map((name) => `${ids.authServer}/agent/${name}`)
          const jwks = `${ids.authServer}/jwks.json`
          return Response.json({
            issuer: ids.authServer,
            jwks_uri: jwks,
            agent_token_endpoint: token,
            agent_auth_endpoint: page,
          })
        }
        return Response.json({ request_token: 'a' })
      },
    })
    const stage = openStage()
    const abort = new AbortController()
    const call = agent.fetch(`${ids.api}/data`, { signal: abort.signal }).catch(({ code }: { code: string }) => code)
    await expect.poll(() => url).not.toBe('')
    const callback = new URL(`${ids.agent}/callback`)
    callback.searchParams.set('state', new URL(url).searchParams.get('state') ?? '')
    callback.searchParams.set('error', 'access_denied')
    const page = await agent.handler(new Request(callback))
    expect([page.status, await call]).toEqual([200, 'access_denied'])
    expect(await page.text()).toContain('You denied this request, so it gave the agent no access.')
  })
})
