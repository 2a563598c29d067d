import {
  draft11AgentWithBaseCoverage,
  draft11BaseSigning,
  draft11Tokens,
  serializeRequirement,
  serializeSignatureError,
} from 'countersign/editions/draft-11'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import {
  agentSigner,
  boundTo,
  ids,
  openStage,
  problem,
  requirement,
  type Seen,
  type Stage,
  trace,
  unauthorized,
} from './agent-stage.js'
import { craftToken, newSigner } from './wire.js'

const data = `${ids.resource}/data?page=1`

const callsOf = ({ seen }: Stage): Seen[] => seen.filter(({ url }) => url.startsWith(ids.resource))
const typesOf = (stage: Stage) => callsOf(stage).map(({ typ }) => typ.slice(3, -4))

/** A resource that requires an auth token with the scope of the path. */
function requireScope(stage: Stage): void {
  const { api } = stage
  stage.api = async (seen) => {
    const scope = new URL(seen.url).pathname.slice(1)
    if (seen.typ === draft11Tokens.agent.typ) return api(seen)
    if (String(seen.claims.scope).split(' ').includes(scope)) return new Response('data')
    const resourceToken = await stage.resourceToken(seen, {
      scope: [seen.claims.scope, scope].filter(Boolean).join(' '),
    })
    return unauthorized(requirement(serializeRequirement({ requirement: 'auth-token', resourceToken })))
  }
}

describe('an agent of draft -11', () => {
  it('obtains a person token and then an auth token, as the resource requires them, and prompts the user for each', async () => {
    const stage = openStage()
    const response = await stage.agent.fetch(data)
    expect(await response.text()).toBe('data')
    expect(trace(stage)).toEqual([
      'GET api.example/data agent',
      'POST ps.example/token agent',
      'GET ps.example/pending agent',
      'GET api.example/data person',
      'POST ps.example/authorize agent',
      'GET ps.example/pending agent',
      'GET api.example/data auth',
    ])
    expect(stage.asked).toMatchObject([
      { authServer: ids.personServer, resource: ids.resource, scope: undefined, permissions: [] },
      { scope: 'data.read', permissions: [{ scope: 'data.read', description: 'See your data' }] },
    ])
  })

  it('covers the query, the content and the token, with a nonce, and declares that it can send users to a page', async () => {
    const stage = openStage()
    await stage.agent.fetch(data)
    const [call, request, poll] = stage.seen
    expect(call?.covered).toEqual(['@method', '@authority', '@path', 'signature-key', '@query'])
    expect(request?.covered).toEqual(
      expect.arrayContaining(['@method', '@authority', '@path', 'signature-key', 'content-type', 'content-digest']),
    )
    expect(new Set(stage.seen.map(({ nonce }) => nonce)).size).toBe(stage.seen.length)
    expect(call?.headers.get('aauth-capabilities')).toBe('interaction')
    expect(JSON.parse(request?.body ?? '')).toEqual({ resource: ids.resource, capabilities: ['interaction'] })
    expect(poll?.headers.get('prefer')).toBe('wait=20')
  })

  it('issues its own agent tokens for an hour, and replaces them after 55 minutes', async () => {
    const stage = openStage()
    stage.api = () => new Response('data')
    await stage.agent.fetch(data)
    stage.clock.now += 3299
    await stage.agent.fetch(data)
    stage.clock.now += 1
    await stage.agent.fetch(data)
    const [first, second, third] = stage.seen
    expect(first?.claims).toMatchObject({
      iss: ids.agent,
      dwk: 'aauth-agent.json',
      sub: 'aauth:agent@agent.example',
      ps: ids.personServer,
      cnf: { jwk: { alg: 'Ed25519', x: agentSigner.jwk.x } },
      exp: 1_790_000_000 + 3600,
    })
    expect(first?.claims).not.toHaveProperty('aud')
    expect([second?.jwt === first?.jwt, third?.jwt === first?.jwt]).toEqual([true, false])
  })

  it('publishes a document with its issuer and where users return, and a key with its algorithm', async () => {
    const { agent } = openStage()
    const answerTo = async (path: string) => (await agent.handler(new Request(ids.agent + path))).json()
    expect(await answerTo('/.well-known/aauth-agent.json')).toEqual({
      issuer: ids.agent,
      jwks_uri: `${ids.agent}/jwks.json`,
      callback_endpoint: `${ids.agent}/callback`,
    })
    expect(await answerTo('/jwks.json')).toMatchObject({ keys: [{ kid: 'agent-1', alg: 'Ed25519' }] })
  })

  it('presents the agent tokens of another provider, and requests a new one when they expire', async () => {
    const signer = await newSigner('ap-1')
    let provided = 0
    const agentToken = () =>
      craftToken('aa-agent+jwt', signer, { exp: 1_790_000_000 + 600 * ++provided, cnf: boundTo(agentSigner) })
    const stage = openStage({ agentToken })
    stage.api = () => new Response('data')
    for (const _ of [1, 2]) await stage.agent.fetch(data)
    expect(provided).toBe(1)
    stage.clock.now += 500
    await stage.agent.fetch(data)
    expect(provided).toBe(2)
    expect(new Set(stage.seen.map(({ jwt }) => jwt)).size).toBe(2)
  })

  it('rejects an agent token for another key', async () => {
    const other = await newSigner('other')
    const agentToken = () => craftToken('aa-agent+jwt', other, { exp: 1_790_000_600, cnf: boundTo(other) })
    const stage = openStage({ agentToken })
    await expect(stage.agent.fetch(data)).rejects.toThrow('is bound to another key than the signer’s')
    expect(stage.seen).toEqual([])
  })

  it.each([
    [{ id: 'https://agent.example:8443' }, /^id: .*has no port/],
    [{ authServers: [ids.personServer, 'https://other.example'] }, /^authServers: .*one person server/],
    [{ interop: { introduce: 'key' as const } }, /^interop.introduce does not apply/],
  ])('refuses the options %j', (options, message) => {
    expect(() => openStage(options).agent).toThrow(message)
  })
})

describe('tokens that are held', () => {
  it('are reused by resource and scope, and the auth token is presented when more is required', async () => {
    const stage = openStage()
    requireScope(stage)
    await stage.agent.fetch(`${ids.resource}/data.read`)
    await stage.agent.fetch(`${ids.resource}/data.read`)
    await stage.agent.fetch(`${ids.resource}/data.write`)
    await stage.agent.fetch(`${ids.resource}/data.read`)
    expect(typesOf(stage)).toEqual(['agent', 'person', 'auth', 'auth', 'auth', 'auth', 'auth'])
    expect(stage.asked).toHaveLength(3)
    const { body } = stage.seen.findLast(({ url }) => url.endsWith('/authorize')) as Seen
    expect(JSON.parse(body)).toMatchObject({ presented_token: callsOf(stage)[3]?.jwt })
  })

  it('are not presented in their last five minutes, and are renewed without the user if the person server allows it', async () => {
    const stage = openStage()
    await stage.agent.fetch(data)
    const { personServer } = stage
    personServer.token = async (seen) => Response.json({ person_token: await stage.personToken(seen) })
    personServer.authorize = async (seen) => Response.json({ auth_token: await stage.authToken(seen) })
    stage.seen.length = 0
    stage.clock.now += 3290
    await stage.agent.fetch(data)
    expect(typesOf(stage)).toEqual(['auth'])
    stage.clock.now += 10
    await stage.agent.fetch(data)
    expect(typesOf(stage)).toEqual(['auth', 'person', 'auth'])
    expect(stage.asked).toHaveLength(2)
  })

  it('are kept apart by account', async () => {
    const stage = openStage()
    stage.api = async (seen) => {
      if (seen.typ === draft11Tokens.agent.typ) return unauthorized(requirement('requirement=person-token'))
      const account = new URL(seen.url).pathname.slice(1)
      if (seen.claims.account === account) return new Response(account)
      const resourceToken = await stage.resourceToken(seen, { account })
      return unauthorized(requirement(serializeRequirement({ requirement: 'auth-token', resourceToken })))
    }
    for (const account of ['work', 'home', 'work', 'home'])
      expect(await (await stage.agent.fetch(`${ids.resource}/${account}`)).text()).toBe(account)
    expect(stage.seen.filter(({ url }) => url.endsWith('/authorize'))).toHaveLength(2)
  })

  it('are not sent to routes that require the agent token', async () => {
    const stage = openStage()
    const { api } = stage
    stage.api = (seen) => {
      if (!seen.url.endsWith('/status')) return api(seen)
      return seen.typ === draft11Tokens.agent.typ
        ? new Response('up')
        : unauthorized(requirement('requirement=agent-token'))
    }
    await stage.agent.fetch(data)
    stage.seen.length = 0
    for (const path of ['/status', '/status', '/data'])
      expect((await stage.agent.fetch(ids.resource + path)).status).toBe(200)
    expect(typesOf(stage)).toEqual(['auth', 'agent', 'agent', 'auth'])
  })

  it('are presented at a route that required the agent token before, without another request for them', async () => {
    const stage = openStage()
    let isForAgents = true
    stage.api = ({ url, typ }) => {
      const kind = isForAgents && url.endsWith('/status') ? 'agent' : 'person'
      return typ === draft11Tokens[kind].typ
        ? new Response('data')
        : unauthorized(requirement(`requirement=${kind}-token`))
    }
    for (const path of ['/data', '/status']) expect((await stage.agent.fetch(ids.resource + path)).status).toBe(200)
    isForAgents = false
    stage.seen.length = 0
    expect((await stage.agent.fetch(`${ids.resource}/status`)).status).toBe(200)
    expect(trace(stage)).toEqual(['GET api.example/status agent', 'GET api.example/status person'])
  })

  it('identify the user to the agent itself', async () => {
    const stage = openStage()
    expect(await stage.agent.signIn({ authServer: ids.personServer })).toMatchObject({
      iss: ids.personServer,
      aud: ids.agent,
      sub: `user-at ${ids.agent}`,
    })
    await expect(stage.agent.signIn({ authServer: ids.personServer, scope: 'openid email' })).rejects.toMatchObject({
      code: 'challenge_unsupported',
    })
  })

  it('name the user differently at each resource', async () => {
    const stage = openStage()
    stage.api = (seen) =>
      seen.typ === draft11Tokens.person.typ
        ? new Response('data')
        : unauthorized(requirement('requirement=person-token'))
    expect((await stage.agent.fetch(data)).status).toBe(200)
    expect((await stage.agent.fetch('https://other-api.example/data')).status).toBe(200)
    const [one, two] = stage.seen.filter(({ typ }) => typ === draft11Tokens.person.typ)
    expect(one?.claims.sub).not.toBe(two?.claims.sub)
  })

  it('belong to one user: a token for another user at the same resource is not stored', async () => {
    const stage = openStage()
    await stage.agent.fetch(data)
    stage.clock.now += 3600
    stage.personServer.token = async (seen) =>
      Response.json({ person_token: await stage.personToken(seen, { sub: 'someone else' }) })
    await expect(stage.agent.fetch(data)).rejects.toMatchObject({ code: 'other_user' })
  })
})

const refusing = (error: Parameters<typeof serializeSignatureError>, headers: Record<string, string> = {}) =>
  unauthorized({ 'signature-error': serializeSignatureError(...error), ...headers })

describe('a refused signature or token', () => {
  it.each(['expired_jwt', 'revoked_jwt'] as const)('%s: sends a new agent token, once', async (error) => {
    const stage = openStage()
    stage.api = ({ jwt }) => (jwt === stage.seen[0]?.jwt ? refusing([error]) : new Response('data'))
    expect((await stage.agent.fetch(data)).status).toBe(200)
    expect(stage.seen).toHaveLength(2)
    stage.api = () => refusing([error])
    stage.seen.length = 0
    await stage.agent.fetch(data).catch(() => undefined)
    expect(callsOf(stage).filter(({ typ }) => typ === draft11Tokens.agent.typ)).toHaveLength(2)
  })

  it('sends a new agent token beside the same session token', async () => {
    const stage = openStage()
    const refused = new Set<string>()
    stage.api = ({ headers, jwt }) => {
      if (headers.get('authorization') !== 'AAuth one') return new Response('', { headers: { 'aauth-access': 'one' } })
      if (refused.size > 0 && !refused.has(jwt)) return new Response('data')
      refused.add(jwt)
      return refusing(['expired_jwt'])
    }
    await stage.agent.fetch(data)
    expect(await (await stage.agent.fetch(data)).text()).toBe('data')
    expect(refused.size).toBe(1)
  })

  it('sends a new agent token to the person server, too', async () => {
    const stage = openStage()
    const { token } = stage.personServer
    const refused = new Set<string>()
    stage.personServer.token = (seen) => {
      if (refused.size > 0) return token(seen)
      refused.add(seen.jwt)
      return refusing(['expired_jwt'])
    }
    expect((await stage.agent.fetch(data)).status).toBe(200)
  })

  it.each(['expired_jwt', 'revoked_jwt'] as const)(
    '%s: drops the auth token, and goes back to the person server for a new person token',
    async (error) => {
      const stage = openStage()
      const { api } = stage
      await stage.agent.fetch(data)
      const [held] = callsOf(stage).slice(-1)
      stage.api = (seen) =>
        seen.jwt === held?.jwt ? refusing([error], requirement('requirement=person-token')) : api(seen)
      stage.seen.length = 0
      expect((await stage.agent.fetch(data)).status).toBe(200)
      expect(trace(stage).filter((each) => !each.includes('pending'))).toEqual([
        'GET api.example/data auth',
        'POST ps.example/token agent',
        'GET api.example/data person',
        'POST ps.example/authorize agent',
        'GET api.example/data auth',
      ])
    },
  )

  it('revoked_jwt: reports that another user allowed the new person token', async () => {
    const stage = openStage()
    const asksFor = requirement('requirement=person-token')
    stage.api = ({ typ }) => (typ === 'aa-person+jwt' ? new Response('yours') : unauthorized(asksFor))
    await stage.agent.fetch(data)
    stage.api = () => refusing(['revoked_jwt'], asksFor)
    stage.personServer.token = async (seen) =>
      Response.json({ person_token: await stage.personToken(seen, { sub: 'someone else' }) })
    await expect(stage.agent.fetch(data)).rejects.toMatchObject({ code: 'other_user' })
  })

  it.each(['expired_presented_token', 'revoked_presented_token'])(
    '%s: obtains a new person token, and with it a new resource token',
    async (error) => {
      const stage = openStage()
      const { authorize } = stage.personServer
      stage.personServer.authorize = (seen) => {
        stage.personServer.authorize = authorize
        return problem(400, error, seen.url)
      }
      expect((await stage.agent.fetch(data)).status).toBe(200)
      expect(trace(stage).filter((each) => !each.includes('pending'))).toEqual([
        'GET api.example/data agent',
        'POST ps.example/token agent',
        'GET api.example/data person',
        'POST ps.example/authorize agent',
        'POST ps.example/token agent',
        'GET api.example/data person',
        'POST ps.example/authorize agent',
        'GET api.example/data auth',
      ])
    },
  )

  it.each(['expired_presented_token', 'revoked_presented_token'])(
    '%s: is reported if the request presented no token',
    async (error) => {
      const stage = openStage()
      const { token } = stage.personServer
      let requests = 0
      stage.personServer.authorize = () => problem(400, error)
      stage.personServer.token = (seen) =>
        ++requests === 1 ? token(seen) : problem(400, requests < 10 ? error : 'invalid_request')
      await expect(stage.agent.fetch(data)).rejects.toMatchObject({ code: 'token_request_failed', error })
      expect(requests).toBe(2)
    },
  )

  it.each(['invalid_presented_token', 'expired_resource_token', 'revoked_resource_token', 'invalid_resource_token'])(
    '%s: is reported',
    async (error) => {
      const stage = openStage()
      stage.personServer.authorize = () => problem(400, error, 'No.')
      await expect(stage.agent.fetch(data)).rejects.toMatchObject({
        code: 'token_request_failed',
        error,
        message: `ps.example responded with 400 ${error}: No.`,
      })
    },
  )

  it('takes at most six steps, whatever the person server responds', async () => {
    const stage = openStage()
    stage.personServer.token = async (seen) => Response.json({ person_token: await stage.personToken(seen) })
    stage.personServer.authorize = () => problem(400, 'revoked_presented_token')
    expect((await stage.agent.fetch(data)).status).toBe(401)
    expect(callsOf(stage).length).toBeLessThanOrEqual(7)
  })

  it.each(['invalid_jwt', 'expired_jwt'] as const)(
    '%s: replaces an auth token even if nothing is required',
    async (error) => {
      const stage = openStage()
      const { api } = stage
      await stage.agent.fetch(data)
      const [held] = callsOf(stage).slice(-1)
      stage.api = (seen) => (seen.jwt === held?.jwt ? refusing([error]) : api(seen))
      expect((await stage.agent.fetch(data)).status).toBe(200)
    },
  )

  it('invalid_jwt: returns the response if the agent token was refused', async () => {
    const stage = openStage()
    stage.api = () => refusing(['invalid_jwt'])
    expect((await stage.agent.fetch(data)).status).toBe(401)
    expect(stage.seen).toHaveLength(1)
  })

  it('covers the components that the resource requires, also from then on', async () => {
    const stage = openStage()
    const required = ['@method', '@authority', '@path', 'signature-key', 'x-order', 'x-absent'] as const
    stage.api = ({ covered }) =>
      covered.includes('x-order') ? new Response('data') : refusing(['invalid_input', [...required]])
    const headers = { 'x-order': '7' }
    for (const _ of [1, 2]) expect((await stage.agent.fetch(data, { headers })).status).toBe(200)
    expect(stage.seen.map(({ covered }) => covered.includes('x-order'))).toEqual([false, true, true])
    expect((await stage.agent.fetch(data)).status, 'not covered, because the request does not have it').toBe(401)
  })

  it.each(['a b', 'a"b', 'X-Custom', '', '@status', '@query-param'])(
    'does not cover a component that it cannot sign: %j',
    async (name) => {
      const stage = openStage()
      const required = `error=invalid_input, required_input=("${name.replaceAll('"', '\\"')}" "@method")`
      stage.api = () => unauthorized({ 'signature-error': required })
      expect((await stage.agent.fetch(data)).status).toBe(401)
      expect(stage.seen).toHaveLength(1)
      stage.api = () => new Response('data')
      expect((await stage.agent.fetch(data)).status).toBe(200)
    },
  )

  it('returns the response if a resource requires more than 32 components', async () => {
    const stage = openStage()
    const names = Array.from({ length: 29 }, (_, at) => `x-${at}`)
    const headers = Object.fromEntries(names.map((name) => [name, '1']))
    stage.api = () => refusing(['invalid_input', ['@method', '@authority', '@path', 'signature-key', ...names]])
    expect((await stage.agent.fetch(data, { headers })).status).toBe(401)
    expect(stage.seen).toHaveLength(1)
  })

  it('covers only the base components for a resource, if the program chose that, until the resource requires more', async () => {
    const stage = openStage({ edition: draft11AgentWithBaseCoverage })
    stage.signing = draft11BaseSigning
    const init = { method: 'POST', body: '{}', headers: { 'content-type': 'application/json' } }
    const base = ['@method', '@authority', '@path', 'signature-key']
    expect((await stage.agent.fetch(data, init)).status).toBe(200)
    const further = ['content-type', 'content-digest']
    const isForResource = ({ url }: Seen) => new URL(url).origin === ids.resource
    for (const seen of stage.seen.filter(({ method }) => method === 'POST'))
      expect(seen.covered).toEqual(isForResource(seen) ? base : [...base, ...further])
    stage.seen.length = 0
    stage.api = ({ covered }) =>
      covered.includes('@query') ? new Response('data') : refusing(['invalid_input', [...base, '@query', ...further]])
    expect((await stage.agent.fetch(data, init)).status).toBe(200)
    expect(stage.seen.map(({ covered }) => covered)).toEqual([base, [...base, '@query', ...further]])
  })

  it.each([['x-order'], ['@target-uri']])('returns the response if %s cannot be covered', async (name) => {
    const stage = openStage()
    stage.api = () => refusing(['invalid_input', [name]])
    expect((await stage.agent.fetch(data)).status).toBe(401)
    const { length } = stage.seen
    expect((await stage.agent.fetch(data)).status).toBe(401)
    expect(stage.seen).toHaveLength(length + 1)
  })

  it('adjusts to the clock of a server that reports clock_skew', async () => {
    const stage = openStage()
    const created = ({ headers }: Seen) => Number(/created=(\d+)/.exec(headers.get('signature-input') ?? '')?.[1])
    const date = new Date((stage.clock.now - 50) * 1000 - 10_000).toUTCString()
    let cancelled = 0
    const unread = new ReadableStream({ cancel: () => void cancelled++ })
    stage.api = (seen) =>
      created(seen) === stage.clock.now
        ? new Response(unread, refusing(['clock_skew'], { date }))
        : new Response('data')
    expect((await stage.agent.fetch(data)).status).toBe(200)
    expect(stage.seen.map(created)).toEqual([stage.clock.now, stage.clock.now - 60])
    expect(cancelled).toBe(1)
  })

  it('does not send a request again if the clock of the server is too far off, or if it was aborted', async () => {
    const stage = openStage()
    const abort = new AbortController()
    const dateAt = (seconds: number) => ({ date: new Date(seconds * 1000).toUTCString() })
    stage.api = () => refusing(['clock_skew'], dateAt(stage.clock.now - 7200))
    expect((await stage.agent.fetch(data)).status).toBe(401)
    expect(stage.seen).toHaveLength(1)
    stage.api = () => {
      abort.abort()
      return refusing(['clock_skew'], dateAt(stage.clock.now - 60))
    }
    await stage.agent.fetch(data, { signal: abort.signal }).catch(() => undefined)
    expect(stage.seen).toHaveLength(2)
  })

  it.each([
    ['an unknown requirement', requirement('requirement=payment')],
    ['a malformed requirement', requirement('requirement=auth-token')],
    [
      'a challenge of January 2026',
      { 'agent-auth': 'httpsig; auth-token; resource_token="a.b.c"; auth_server="https://ps.example"' },
    ],
    ['no requirement', {}],
  ])('returns a response with %s', async (_, headers) => {
    const stage = openStage()
    stage.api = () => unauthorized(headers)
    expect((await stage.agent.fetch(data)).status).toBe(401)
    expect(stage.seen).toHaveLength(1)
  })

  it('warns that an API requires January 2026', async () => {
    const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
    onTestFinished(() => warned.mockRestore())
    const id = 'https://mismatched.example'
    const stage = openStage({ id })
    stage.api = () => unauthorized({ 'agent-auth': 'httpsig' })
    for (const _ of [1, 2]) await stage.newAgent().fetch(data)
    const saidOfJanuary = () =>
      warned.mock.calls.map(([message]) => String(message)).filter((text) => text.includes('January'))
    const said = saidOfJanuary()
    for (const response of [
      new Response('', { status: 403, headers: { 'agent-auth': 'httpsig' } }),
      unauthorized({ 'agent-auth': 'httpsig', ...requirement('requirement=payment') }),
      unauthorized({}),
      new Response('data'),
    ]) {
      stage.api = () => response
      await stage.newAgent({ id: 'https://matching.example' }).fetch(data)
    }
    expect(saidOfJanuary()).toEqual(said)
    expect(said).toEqual([expect.stringContaining(`${ids.resource}: it requires AAuth of January 2026`)])
  })

  it('returns the response if the same is required again', async () => {
    const stage = openStage()
    stage.api = () => unauthorized(requirement('requirement=person-token'))
    expect((await stage.agent.fetch(data)).status).toBe(401)
    expect(typesOf(stage)).toEqual(['agent', 'person'])
  })
})
