import { draft11Jose, draft11Tokens } from 'countersign/editions/draft-11'
import { decodeToken, issueToken, publishedJwk } from 'countersign/tokens'
import { type Storage, StorageError } from 'countersign-server'
import { describe, expect, it } from 'vitest'
import { newSigner } from '../../attacks/party.js'
import { scopes } from '../../world.js'
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

const interaction = { capabilities: ['interaction'] }

describe('a request for a person token is refused', () => {
  it.each<[string, object, string]>([
    ['without a resource', { resource: undefined }, 'invalid_request'],
    ['for a resource with a port', { resource: 'https://api.example:8443' }, 'invalid_request'],
    ['for a resource with a path', { resource: 'https://api.example/x' }, 'invalid_request'],
    ['for a resource with a trailing slash', { resource: 'https://api.example/' }, 'invalid_request'],
    ['for a resource in upper case', { resource: 'https://API.example' }, 'invalid_request'],
    ['for this server itself', { resource: 'https://auth.example' }, 'invalid_request'],
    ['with a mission', { mission_s256: 'x' }, 'invalid_request'],
    ['for a sub-agent', { subagent_token: 'x' }, 'invalid_request'],
    ['with an upstream token', { upstream_token: 'x' }, 'invalid_request'],
    ['with capabilities that are no list', { capabilities: 'interaction' }, 'invalid_request'],
    ['with an unknown prompt', { prompt: 'create' }, 'invalid_request'],
    ['with a contradictory prompt', { prompt: 'none login' }, 'invalid_request'],
    ['with a long justification', { justification: 'x'.repeat(2001) }, 'invalid_request'],
    ['with a long device', { device: 'x'.repeat(65) }, 'invalid_request'],
    ['with an unprintable device', { device: 'x\u0007' }, 'invalid_request'],
    ['with a login hint that is no text', { login_hint: 1 }, 'invalid_request'],
  ])('%s', async (_what, members, error) => {
    const stage = await openPersonStage()
    expect(await problemIn(await askPerson(stage, members))).toMatchObject({ status: 400, error })
  })

  it('but not because of members that mean nothing here', async () => {
    const stage = await openPersonStage()
    const members = { tenant: 'x', domain_hint: 'y', platform: 'fridge', other: 1, justification: 'x'.repeat(2000) }
    expect((await askPerson(stage, members)).status).toBe(202)
  })

  it('with another body, media type or method', async () => {
    const stage = await openPersonStage()
    const url = `${stage.authServer}/person/token`
    const sent = (body: string, type: string) =>
      send(stage, new Request(url, { method: 'POST', headers: { 'content-type': type }, body }))
    const json = 'application/json'
    expect(await problemIn(await sent('{}', 'text/plain'))).toMatchObject({ status: 415, error: 'invalid_request' })
    expect(await problemIn(await sent('[]', json))).toMatchObject({ status: 400, error: 'invalid_request' })
    expect(await problemIn(await sent('{"resource":"a","resource":"b"}', json))).toMatchObject({ status: 400 })
    const long = JSON.stringify({ resource: 'x'.repeat(33_000) })
    expect(await problemIn(await sent(long, json))).toMatchObject({ status: 413, error: 'invalid_request' })
    const got = await send(stage, new Request(url))
    expect(got.headers.get('allow')).toBe('POST')
    expect(await problemIn(got)).toMatchObject({ status: 405, error: 'invalid_request' })
  })

  it.each<[string, object, { status: number; error: string }]>([
    ['names another person server', { ps: 'https://other.example' }, { status: 400, error: 'invalid_request' }],
    [
      'has a parent',
      { sub: 'aauth:bot+sub@agent.example', parent_agent: 'aauth:bot@agent.example' },
      { status: 400, error: 'invalid_request' },
    ],
    ['is of another host', { sub: 'aauth:bot@other.example' }, { status: 401, error: 'invalid_jwt' }],
    ['names another document', { dwk: 'aauth-person.json' }, { status: 401, error: 'invalid_jwt' }],
    [
      'has no alg on its key',
      { cnf: { jwk: { kty: 'OKP', crv: 'Ed25519', x: 'A'.repeat(43) } } },
      { status: 401, error: 'unsupported_algorithm' },
    ],
  ])('if the agent token %s', async (_what, by, expected) => {
    const stage = await openPersonStage()
    expect(await problemIn(await askPerson(stage, {}, by))).toMatchObject(expected)
  })

  it('if the agent token has expired, or the request is signed with another key', async () => {
    const stage = await openPersonStage()
    const { now } = stage.clock
    expect(await problemIn(await askPerson(stage, {}, { iat: now - 60, exp: now }))).toMatchObject({
      status: 401,
      error: 'expired_jwt',
    })
    const jwt = await agentToken(stage)
    const stolen = await askPerson(stage, {}, { jwt, signer: await newSigner() })
    expect(await problemIn(stolen)).toMatchObject({ status: 401, error: 'invalid_signature' })
  })

  it('if it is replayed', async () => {
    const stage = await openPersonStage()
    const sent: Request[] = []
    const { fetch } = stage
    const recording = {
      ...stage,
      async fetch(input: RequestInfo | URL) {
        const request = new Request(input)
        sent.push(request.clone())
        return fetch(request)
      },
    }
    expect((await askPerson(recording)).status).toBe(202)
    expect(await problemIn(await fetch(sent[0] ?? ''))).toMatchObject({ status: 401, error: 'invalid_signature' })
  })

  it('if its body was changed after signing', async () => {
    const stage = await openPersonStage()
    const { fetch } = stage
    const changing = {
      ...stage,
      async fetch(input: RequestInfo | URL) {
        const { url, headers } = new Request(input)
        const body = JSON.stringify({ resource: stage.otherResource.id, ...interaction })
        return fetch(new Request(url, { method: 'POST', headers, body }))
      },
    }
    expect(await problemIn(await askPerson(changing))).toMatchObject({ status: 401, error: 'invalid_signature' })
  })

  it('if the agent asks for too many resources in a day, or has too many open requests', async () => {
    const stage = await openPersonStage({ limits11: { resourcesPerDay: 2, openRequests: 3 } })
    const resources = [stage.resource.id, stage.otherResource.id, 'https://third.example']
    for (const resource of resources.slice(0, 2)) expect((await askPerson(stage, { resource })).status).toBe(202)
    expect((await askPerson(stage)).status).toBe(202)
    const tooMany = await askPerson(stage)
    expect(tooMany.headers.get('retry-after')).toBe('60')
    expect(await problemIn(tooMany)).toMatchObject({ status: 429, error: 'rate_limited' })
    stage.clock.now += 600
    // Refused however often the agent asks.
    for (let times = 0; times < 3; times++)
      expect(await problemIn(await askPerson(stage, { resource: resources[2] }))).toMatchObject({
        status: 429,
        error: 'rate_limited',
      })
    expect((await askPerson(stage)).status).toBe(202)
    stage.clock.now += 86_400
    expect((await askPerson(stage, { resource: resources[2] })).status).toBe(202)
  })

  it('if the agent is blocked, or a policy denies it', async () => {
    const stage = await openPersonStage({
      policy: ({ resource }) => (resource.includes('mail') ? { deny: 'no-mail' } : 'ask'),
    })
    expect(await problemIn(await askPerson(stage, { resource: stage.otherResource.id }))).toMatchObject({
      status: 403,
      error: 'denied',
    })
    await stage.storage.setAgentBlocked({ agent: stage.agent.id, blocked: true, by: 'operator' })
    expect(await problemIn(await askPerson(stage))).toMatchObject({ status: 403, error: 'denied' })
  })
})

/** A stage on which the agent has a person token. */
async function openWithPerson() {
  const stage = await openPersonStage()
  return { stage, person: await obtainPerson(stage) }
}

async function authRefusal(stage: PersonStage, presented: string, options: Parameters<typeof askAuth>[2] = {}) {
  return problemIn(await askAuth(stage, presented, options))
}

describe('a request for an auth token is refused', () => {
  it.each<[string, object, string]>([
    ['is for another key', { agent_jkt: 'A'.repeat(43) }, 'invalid_resource_token'],
    ['is for another server', { aud: 'https://other.example', ps: 'https://other.example' }, 'invalid_resource_token'],
    ['names another person server', { ps: 'https://other.example' }, 'invalid_resource_token'],
    ['names another presented token', { presented_jti: 'other' }, 'invalid_resource_token'],
    ['names another user', { sub: 'other' }, 'invalid_resource_token'],
    ['names a tenant that the presented token does not', { tenant: 'x' }, 'invalid_resource_token'],
    ['has a mission', { mission_s256: 'x' }, 'invalid_resource_token'],
    ['has an interaction', { interaction: { url: 'https://x.example', code: 'x' } }, 'invalid_resource_token'],
    ['has a long account', { account: 'x'.repeat(257) }, 'invalid_resource_token'],
    ['has an account that databases cannot store', { account: 'a\0b' }, 'invalid_resource_token'],
    ['has an account that is no text', { account: '\ud800' }, 'invalid_resource_token'],
    ['has a jti that databases cannot store', { jti: 'a\0b' }, 'invalid_resource_token'],
    ['has no scope', { scope: undefined }, 'invalid_resource_token'],
    ['has a scope that is no list of values', { scope: 'a  b' }, 'invalid_resource_token'],
    ['names the agent', { agent: 'aauth:bot@agent.example' }, 'invalid_resource_token'],
    ['names another document', { dwk: 'aauth-person.json' }, 'invalid_resource_token'],
    ['is from the future', { iat: 1_800_000_200 }, 'clock_skew'],
  ])('if the resource token %s', async (_what, claims, error) => {
    const { stage, person } = await openWithPerson()
    expect(await authRefusal(stage, person, { claims })).toMatchObject({ status: 400, error })
  })

  it('if the resource token has expired, or another resource signed it', async () => {
    const { stage, person } = await openWithPerson()
    const { now } = stage.clock
    const expired = { iat: now - 300, exp: now }
    expect(await authRefusal(stage, person, { claims: expired })).toMatchObject({
      status: 400,
      error: 'expired_resource_token',
    })
    const forged = { signer: await newSigner() }
    expect(await authRefusal(stage, person, { claims: forged })).toMatchObject({ error: 'invalid_resource_token' })
  })

  it.each(['resource_token', 'presented_token'])('without %s', async (name) => {
    const { stage, person } = await openWithPerson()
    expect(await authRefusal(stage, person, { [name]: undefined })).toMatchObject({
      status: 400,
      error: 'invalid_request',
    })
    expect(await authRefusal(stage, person, { [name]: 'x' })).toMatchObject({ status: 400, error: `invalid_${name}` })
  })

  it('if another token than a person or auth token is presented', async () => {
    const { stage, person } = await openWithPerson()
    for (const presented_token of [await agentToken(stage), await resourceToken(stage, person)])
      expect(await authRefusal(stage, person, { presented_token })).toMatchObject({
        status: 400,
        error: 'invalid_presented_token',
      })
  })

  it('if the presented token has expired', async () => {
    const { stage, person } = await openWithPerson()
    stage.clock.now += 3600
    expect(await authRefusal(stage, person)).toMatchObject({ status: 400, error: 'expired_presented_token' })
  })

  it('if the presented token is another one of the same user and agent: the operator is told', async () => {
    const { stage, person } = await openWithPerson()
    const other = await (await askPerson(stage)).json()
    const asked = await resourceToken(stage, person)
    const refused = await post(stage, '/person/authorize', {
      resource_token: asked,
      presented_token: other.person_token,
      ...interaction,
    })
    expect(await problemIn(refused)).toMatchObject({ status: 400, error: 'invalid_resource_token' })
    expect(stage.reported).toEqual([
      expect.objectContaining({ message: expect.stringContaining('does not belong to the presented token') }),
    ])
  })

  it('if the presented token was issued to another agent, though to the same key', async () => {
    const { stage, person } = await openWithPerson()
    const refused = await authRefusal(stage, person, { by: { sub: 'aauth:other@agent.example' } })
    expect(refused).toMatchObject({ status: 400, error: 'invalid_presented_token' })
  })

  it('if the user removed the access of the presented token, or the agent', async () => {
    const { stage, person } = await openWithPerson()
    const [grant] = await stage.storage.listGrants()
    await stage.storage.revokeGrant({ grantId: grant?.id ?? '', by: 'test' })
    expect(await authRefusal(stage, person)).toMatchObject({ status: 400, error: 'revoked_presented_token' })
    const again = await obtainPerson(stage)
    const userId = String(grant?.userId)
    const agent = { edition: 'draft-11', agent: stage.agent.id, delegate: 'aauth:bot@agent.example' }
    await stage.storage.removeBinding({ ...agent, userId, by: userId })
    expect(await authRefusal(stage, again)).toMatchObject({ status: 400, error: 'revoked_presented_token' })
  })

  it('if the presented token is bound to another key than the resource token', async () => {
    const { stage, person } = await openWithPerson()
    const signer = await newSigner()
    const by = { signer, cnf: { jwk: publishedJwk(signer.jwk, draft11Jose) } }
    const claims = { agent_jkt: signer.thumbprint }
    const refused = await authRefusal(stage, person, { by, claims })
    expect(refused).toMatchObject({ status: 400, error: 'invalid_presented_token' })
  })

  it.each([
    ['of another edition', { edition: 'january' }],
    ['to another provider’s agent', { agent: 'https://other.example' }],
    ['to another agent', { delegate: 'aauth:other@agent.example' }],
    ['for another resource', { resource: 'https://other.example' }],
  ])('if the presented token was issued %s, according to the database', async (_whom, changes) => {
    let isChanged = false
    const stage = await openPersonStage({
      wrap: (storage) => ({
        ...storage,
        async findIssue(jti) {
          const issue = await storage.findIssue(jti)
          return issue && isChanged ? { ...issue, ...changes } : issue
        },
      }),
    })
    const person = await obtainPerson(stage)
    isChanged = true
    expect(await authRefusal(stage, person)).toMatchObject({ status: 400, error: 'invalid_presented_token' })
  })

  it('if nothing is known of the presented token any more', async () => {
    const stage = await openPersonStage({ wrap: (storage) => ({ ...storage, findIssue: async () => undefined }) })
    const person = await obtainPerson(stage)
    expect(await authRefusal(stage, person)).toMatchObject({ status: 400, error: 'invalid_presented_token' })
  })

  it('if the agent acts for another user than the presented token', async () => {
    let isTaken = false
    const stage = await openPersonStage({
      wrap: (storage) => ({
        ...storage,
        async findBinding(agent) {
          const binding = await storage.findBinding(agent)
          return binding && isTaken ? { ...binding, userId: 'other' } : binding
        },
      }),
    })
    const person = await obtainPerson(stage)
    isTaken = true
    expect(await authRefusal(stage, person)).toMatchObject({ status: 400, error: 'revoked_presented_token' })
  })

  it('if a person or auth token is used to sign it', async () => {
    const { stage, person } = await openWithPerson()
    const { location, page } = pendingIn(await askAuth(stage, person))
    await decide(stage, page)
    const { auth_token: auth } = await (await poll(stage, location)).json()
    for (const jwt of [person, auth])
      expect(await problemIn(await askPerson(stage, {}, { jwt }))).toMatchObject({ status: 401, error: 'invalid_jwt' })
  })

  it('if a token of another edition with the same claims is presented', async () => {
    const { stage, person } = await openWithPerson()
    const signer = await newSigner()
    const { payload } = decodeToken(person) ?? {}
    const forged = await issueToken(draft11Tokens.person, payload as never, { signer, now: () => stage.clock.now })
    expect(await authRefusal(stage, forged)).toMatchObject({ status: 400, error: 'invalid_presented_token' })
  })
})

describe('nothing new is issued while keys are out of date and their origin is down (K23)', () => {
  async function openDown(party: 'agent' | 'resource') {
    const { stage, person } = await openWithPerson()
    const { location } = pendingIn(await askAuth(stage, person))
    stage.clock.now += 301
    stage.origins?.set(stage[party].id, async () => new Response(null, { status: 503 }))
    return { stage, person, location }
  }

  it('to the agent', async () => {
    const { stage, person, location } = await openDown('agent')
    for (const response of [await askPerson(stage), await askAuth(stage, person)]) {
      expect(response.headers.get('signature-error')).toBe('error=unknown_key')
      expect(response.status).toBe(401)
    }
    expect((await poll(stage, location)).status).toBe(202)
  })

  it('for the resource', async () => {
    const { stage, person } = await openDown('resource')
    expect(await authRefusal(stage, person)).toMatchObject({
      status: 400,
      error: 'invalid_resource_token',
      detail: expect.stringContaining('cannot be fetched right now'),
    })
    expect((await askPerson(stage)).status).toBe(200)
  })
})

describe('an auth token', () => {
  it('ends with the presented token and the agent token, and repeats the account', async () => {
    const { stage, person } = await openWithPerson()
    stage.clock.now += 1800
    const { location, page } = pendingIn(await askAuth(stage, person, { claims: { account: 'work' } }))
    await decide(stage, page, 'grant', { duration: '86400' })
    const { auth_token: auth } = await (await poll(stage, location)).json()
    const { payload } = decodeToken(auth) ?? {}
    expect(payload).toMatchObject({ account: 'work', scope: 'data.read' })
    expect(payload?.exp).toBe(decodeToken(person)?.payload.exp)
    // What was allowed for one account allows nothing for another, or for none.
    for (const claims of [{ account: 'home' }, {}, { account: 'work', scope: 'data.read data.write' }])
      expect((await askAuth(stage, person, { claims })).status).toBe(202)
    const again = await askAuth(stage, person, { claims: { account: 'work' } })
    expect(again.status).toBe(200)
    const { exp } = payload ?? {}
    expect(decodeToken((await again.json()).auth_token)?.payload).toMatchObject({
      account: 'work',
      scope: 'data.read',
      exp,
    })
    const soon = stage.clock.now + 100
    const short = await askAuth(stage, person, { claims: { account: 'work' }, by: { exp: soon } })
    expect(decodeToken((await short.json()).auth_token)?.payload.exp).toBe(soon)
    const shortPerson = await askPerson(stage, {}, { exp: soon })
    expect(decodeToken((await shortPerson.json()).person_token)?.payload.exp).toBe(soon)
  })

  it('is asked for with an auth token as well, for more than that allows', async () => {
    const { stage, person } = await openWithPerson()
    const first = pendingIn(await askAuth(stage, person))
    await decide(stage, first.page)
    const { auth_token: auth } = await (await poll(stage, first.location)).json()
    const more = pendingIn(await askAuth(stage, auth, { claims: { scope: 'data.read data.write' } }))
    const { html, user, url } = await openConsent(stage, more.page)
    expect(html).toMatch(/New<\/strong>[\s\S]*Create and change your data/)
    await user.submit(html, url, { consent: 'grant' })
    const { auth_token: wider } = await (await poll(stage, more.location)).json()
    expect(decodeToken(wider)?.payload).toMatchObject({ scope: 'data.read data.write' })
    expect(decodeToken(wider)?.payload.exp).toBeLessThanOrEqual(Number(decodeToken(auth)?.payload.exp))
  })

  it('lists every scope that the resource asked for and the user allowed, and no other', async () => {
    const { stage, person } = await openWithPerson()
    const scopeOf = async (response: Response) => decodeToken((await response.json()).auth_token)?.payload.scope
    const claims = { scope: 'email data.read' }
    const { location, page } = pendingIn(await askAuth(stage, person, { claims }))
    await decide(stage, page)
    expect(await scopeOf(await poll(stage, location))).toBe('email data.read')
    expect(await scopeOf(await askAuth(stage, person, { claims }))).toBe('email data.read')
    expect(await scopeOf(await askAuth(stage, person))).toBe('data.read')
  })

  it('has identity claims only for the identity scopes that the user allowed', async () => {
    const { stage, person } = await openWithPerson()
    const { location, page } = pendingIn(
      await askAuth(stage, person, { claims: { scope: 'openid profile data.read' } }),
    )
    await decide(stage, page)
    const { auth_token: auth } = await (await poll(stage, location)).json()
    expect(decodeToken(auth)?.payload).toMatchObject({ scope: 'openid profile data.read', preferred_username: 'alice' })
    expect(decodeToken(person)?.payload).not.toHaveProperty('preferred_username')
  })

  it('is bound to the new key after the agent changed its key, without a page', async () => {
    const { stage } = await openWithPerson()
    const signer = await newSigner()
    const cnf = { jwk: publishedJwk(signer.jwk, draft11Jose) }
    const response = await askPerson(stage, {}, { signer, cnf })
    expect(response.status).toBe(200)
    expect(decodeToken((await response.json()).person_token)?.payload.cnf).toMatchObject({ jwk: { x: signer.jwk.x } })
  })
})

describe('a request that waits for its user', () => {
  /** A stage, and what its server stores. */
  async function openStoring() {
    const requests: Parameters<Storage['createAuthRequest']>[0][] = []
    const stage = await openPersonStage({
      wrap: (storage) => ({
        ...storage,
        createAuthRequest: (request) => {
          requests.push(request)
          return storage.createAuthRequest(request)
        },
      }),
    })
    return { stage, requests }
  }

  const hash = expect.stringMatching(/^[\w-]{43}$/)
  const ofAgent = ({ agent }: PersonStage) => ({
    nonce: expect.any(Object),
    edition: 'draft-11',
    tokenHash: hash,
    pollHash: hash,
    linkHandle: expect.stringMatching(/^\w+$/),
    agent: agent.id,
    delegate: 'aauth:bot@agent.example',
    agentJkt: agent.signer.thumbprint,
    redirectUri: null,
    lifetime: 600,
    maxOpenOfAgent: 20,
    bindsAgent: true,
  })

  it('is stored with what its pages show', async () => {
    const { stage, requests } = await openStoring()
    const { agent, resource, clock } = stage
    Object.assign(stage.documents.agent, {
      name: 'n'.repeat(257),
      policy_uri: `${agent.id}/privacy`,
      tos_uri: `${agent.id}/terms`,
      callback_endpoint: `${agent.id}/done`,
      localhost_callback_allowed: true,
    })
    Object.assign(stage.documents.resource, {
      name: 'Files',
      description: 'd'.repeat(2001),
      access_mode: 'person-token',
    })
    const said = { justification: 'j'.repeat(2000), device: 'd'.repeat(64), platform: 'self-hosted' }
    const hints = { login_hint: 'l'.repeat(257), prompt: ' select_account  login consent ' }
    await openPerson(stage, { ...said, ...hints })
    expect(requests).toEqual([
      {
        ...ofAgent(stage),
        maxOpen: 20,
        resource: resource.id,
        scope: 'openid',
        display: {
          agent: {
            id: 'aauth:bot@agent.example',
            name: 'n'.repeat(257),
            policyUri: `${agent.id}/privacy`,
            tosUri: `${agent.id}/terms`,
          },
          resource: {
            name: 'Files',
            actsAs: true,
            supportedScopes: Object.keys(scopes),
            scopeDescriptions: scopes,
          },
        },
        prompt: 'consent login select_account',
        agentToken: { jti: 'agent-token-1', expiresAt: clock.now + 3600 },
        details: {
          kind: 'person',
          resourceToken: null,
          until: null,
          account: null,
          loginHint: 'l'.repeat(256),
          callback: `${agent.id}/done`,
          loopback: true,
          agentSays: { reason: said.justification, device: said.device, platform: said.platform },
          resourceSays: { description: 'd'.repeat(2000), needs: 'identity' },
        },
        sighting: { name: 'n'.repeat(256), redirectHosts: [] },
      },
    ])
  })

  it('is stored with what its token must contain', async () => {
    const { stage, requests } = await openStoring()
    const person = await obtainPerson(stage)
    const { exp: until } = decodeToken(person)?.payload ?? {}
    const grant = (await stage.storage.listGrants())[0]
    stage.documents.resource.access_mode = 'auth-token'
    stage.clock.now += 301
    const claims = { jti: 'r1', account: 'a'.repeat(256), login_hint: 'alice', scope: 'openid data.read' }
    pendingIn(await askAuth(stage, person, { claims }))
    pendingIn(await askAuth(stage, person, { claims: { ...claims, jti: 'r2' }, login_hint: 'bob' }))
    const wanted = {
      ...ofAgent(stage),
      // It was claimed when the grants of the user were looked up.
      nonce: undefined,
      maxOpen: 1000,
      resource: stage.resource.id,
      scope: 'openid data.read',
      display: expect.any(Object),
      agentToken: { jti: 'agent-token-1', expiresAt: stage.clock.now + 3600 },
      requiredUserId: grant?.userId,
      sighting: { name: 'Test Agents', redirectHosts: [] },
    }
    const details = {
      kind: 'auth',
      until,
      account: claims.account,
      callback: null,
      loopback: false,
      agentSays: {},
      resourceSays: { needs: 'permission' },
    }
    expect(requests.slice(1)).toEqual(
      [
        ['r1', 'alice'],
        ['r2', 'bob'],
      ].map(([jti, loginHint]) => ({
        ...wanted,
        resourceTokenId: jti,
        details: { ...details, loginHint, resourceToken: { iss: stage.resource.id, jti, scope: claims.scope } },
      })),
    )
  })

  it('counts towards 200 resources a day by default', async () => {
    const counted: { window: number; most: number }[] = []
    const stage = await openPersonStage({
      wrap: (storage) => ({
        ...storage,
        countWithinLimits: (limits) => {
          counted.push(...limits.map(({ window, most }) => ({ window, most })))
          return storage.countWithinLimits(limits)
        },
      }),
    })
    await openPerson(stage)
    expect(counted).toContainEqual({ window: 86_400, most: 200 })
  })

  it('gets another code if one like it is in use, up to eight times', async () => {
    let [attempts, taken] = [0, 7]
    const stage = await openPersonStage({
      wrap: (storage) => ({
        ...storage,
        async createAuthRequest(request) {
          attempts++
          if (taken-- > 0) throw new StorageError('link_taken', 'the handle is taken')
          return storage.createAuthRequest(request)
        },
      }),
    })
    expect((await askPerson(stage)).status).toBe(202)
    expect(attempts).toBe(8)
    taken = 8
    expect((await askPerson(stage)).status).not.toBe(202)
    expect(attempts).toBe(16)
  })

  it('says so if the documents of its parties cannot be read, and what it does not know', async () => {
    const { stage, requests } = await openStoring()
    stage.documents.resource.access_mode = 'other'
    await openPerson(stage)
    await openPerson(stage, { resource: 'https://nobody.example' })
    expect(requests.map(({ details }) => details?.resourceSays)).toEqual([{}, { isUnreachable: true }])
    expect(requests[1]?.display.resource).toEqual({ actsAs: true })
  })
})
