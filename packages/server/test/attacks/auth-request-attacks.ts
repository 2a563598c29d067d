import { createHmac } from 'node:crypto'
import type { Signer } from 'countersign'
import { january } from 'countersign/editions'
import { issueToken } from 'countersign/tokens'
import { expect } from 'vitest'
import type { Attack, Outcome, Race } from './attack.js'
import { craftToken, encode, resourceClaims, resourceToken, resourceTokenWithout } from './crafted-token.js'
import { authRequest, openRequest, signForm, type TokenRequest } from './flow.js'
import { delegateOf, identityOf, newSigner } from './party.js'
import type { Stage } from './stage.js'

type Change = (request: TokenRequest, stage: Stage) => void | Promise<void>

/** A valid authorization request from the agent, with one change before it is signed. */
function changed(id: string, claim: string, change: Change, expected: Outcome): Attack {
  return {
    id,
    claim,
    when: async (stage) => {
      const request = await authRequest(stage)
      await change(request, stage)
      const signed = await signForm(stage, request)
      return () => stage.fetch(signed)
    },
    expected,
  }
}

/** A valid request with a different resource token. */
function withToken(
  id: string,
  claim: string,
  token: (stage: Stage) => Promise<string>,
  expected: Outcome = badToken,
): Attack {
  return changed(id, claim, async ({ form }, stage) => form.set('resource_token', await token(stage)), expected)
}

const badForm: Outcome = { status: 400, error: 'invalid_request' }
const badToken: Outcome = { status: 400, error: 'invalid_resource_token' }
const badSignature: Outcome = { status: 401, error: 'invalid_signature' }
const badAgentToken: Outcome = { status: 401, error: 'invalid_agent_token' }
const opened: Outcome = {
  status: 200,
  audit: ['request.created'],
  also: (_stage, body) => {
    expect(JSON.parse(body)).toEqual({ request_token: expect.stringMatching(/^aarq_.{43}$/), expires_in: 600 })
  },
}

/** Asserts that no document was fetched. */
const fetchesNothing = (stage: Stage) =>
  expect([...stage.agent.asked, ...stage.otherAgent.asked, ...stage.resource.asked]).toEqual([])

function redirect(claim: string, uri: (callback: string) => string): Attack {
  return changed(
    'A06',
    `a redirect_uri that differs from the listed one by ${claim}`,
    ({ form }, stage) => form.set('redirect_uri', uri(`${stage.agent.id}/callback`)),
    badForm,
  )
}

function typed(typ: string): Attack {
  return withToken('T01', `a resource token with typ ${typ}`, (stage) =>
    craftToken({ alg: 'EdDSA', kid: stage.resource.signer.kid, typ }, resourceClaims(stage), stage.resource.signer),
  )
}

async function unsecured(stage: Stage, alg: string): Promise<string> {
  return `${encode({ alg, kid: stage.resource.signer.kid, typ: 'resource+jwt' })}.${encode(resourceClaims(stage))}.`
}

async function flipped(token: Promise<string>, part: 1 | 2): Promise<string> {
  const parts = (await token).split('.')
  const bytes = Buffer.from(parts[part] ?? '', 'base64url')
  bytes[5] = (bytes[5] ?? 0) ^ 1
  parts[part] = bytes.toString('base64url')
  return parts.join('.')
}

function unknownId(claim: string, id: (own: string) => string): Attack {
  return changed(
    'K04',
    `an agent id with ${claim}`,
    (request, stage) => {
      request.by = {
        ...request.by,
        signatureKey: { scheme: 'jwks', id: id(stage.agent.id), kid: request.by.signer.kid },
      }
    },
    { ...badSignature, also: fetchesNothing },
  )
}

function wellKnown(name: string): Attack {
  return changed(
    'K07',
    `well-known="${name}"`,
    (request, stage) => {
      const { kid } = request.by.signer
      request.by.signatureKey = { scheme: 'jwks', id: stage.agent.id, kid, wellKnown: name }
    },
    { ...badSignature, also: fetchesNothing },
  )
}

function agentToken(
  id: string,
  claim: string,
  claims: (stage: Stage) => Record<string, unknown>,
  expected: Outcome = badAgentToken,
): Attack {
  return changed(
    id,
    claim,
    async (request, stage) => {
      request.by = await delegateOf(stage.agent, 'delegate-1', stage.clock.now, claims(stage))
    },
    expected,
  )
}

/** Requests that are rejected for `request_type=auth`: group A, and the cases of groups K and T that are visible there. */
export const authRequestAttacks: readonly Attack[] = [
  changed('A', 'the base case: the user is prompted', () => undefined, opened),
  changed('A01', 'no request_type', ({ form }) => form.delete('request_type'), badForm),
  ...['exchange-all', 'AUTH', 'auth ', 'toString', '__proto__'].map((type) =>
    changed('A01', `request_type=${type}`, ({ form }) => form.set('request_type', type), {
      status: 400,
      error: 'unsupported_request_type',
    }),
  ),
  changed('A02', 'no resource_token, scope or auth_request_url', ({ form }) => form.delete('resource_token'), badForm),
  changed('A02', 'an empty resource_token', ({ form }) => form.set('resource_token', ''), badForm),
  changed('A02', 'a resource_token and a scope', ({ form }) => form.set('scope', 'data.read'), badForm),
  changed(
    'A02',
    'a resource_token and an auth_request_url',
    ({ form }, { resource }) => form.set('auth_request_url', `${resource.id}/request`),
    badForm,
  ),
  ...['request_type', 'resource_token', 'redirect_uri', 'unknown'].map((name) =>
    changed(
      'A03',
      `${name} twice`,
      ({ form }) => {
        form.append(name, form.get(name) ?? 'a')
        form.append(name, form.get(name) ?? 'b')
      },
      badForm,
    ),
  ),
  changed(
    'A03',
    'request_type twice, the first time empty',
    (request) => {
      request.body = `request_type=&${request.form.toString()}`
    },
    badForm,
  ),
  changed(
    'A03',
    'a JSON body',
    (request) => {
      request.body = JSON.stringify(Object.fromEntries(request.form))
      request.contentType = 'application/json'
    },
    { status: 415, error: 'invalid_request' },
  ),
  changed(
    'A03',
    'a multipart body',
    (request) => {
      request.body = '--b\r\ncontent-disposition: form-data; name="request_type"\r\n\r\nauth\r\n--b--\r\n'
      request.contentType = 'multipart/form-data; boundary=b'
    },
    { status: 415, error: 'invalid_request' },
  ),
  changed('A03', 'a body of 1 MB', ({ form }) => form.set('x', 'x'.repeat(1_000_000)), {
    status: 413,
    error: 'invalid_request',
  }),
  changed('A03', 'a __proto__ parameter, which is ignored', ({ form }) => form.set('__proto__', 'x'), {
    ...opened,
    also: () => expect(Object.keys(Object.prototype)).toEqual([]),
  }),
  changed(
    'A04',
    'a key without an identity',
    (request) => {
      const { kid: _kid, alg: _alg, use: _use, ...jwk } = request.by.signer.jwk
      request.by = { ...request.by, signatureKey: { scheme: 'hwk', jwk } }
    },
    { status: 401, error: 'invalid_request', headers: { 'agent-auth': /identity=\?1/ } },
  ),
  changed(
    'A05',
    'an auth token issued by this server in Signature-Key',
    async (request, stage) => {
      const signer = await newSigner()
      const jwt = await issueToken(
        january.tokens.auth,
        {
          iss: stage.authServer,
          aud: stage.resource.id,
          agent: stage.agent.id,
          cnf: { jwk: signer.jwk },
          exp: stage.clock.now + 600,
        },
        { signer },
      )
      request.by = { agent: stage.agent.id, signer, signatureKey: { scheme: 'jwt', jwt } }
    },
    badForm,
  ),
  changed('A06', 'no redirect_uri', ({ form }) => form.delete('redirect_uri'), badForm),
  redirect('a trailing slash', (uri) => `${uri}/`),
  redirect('case', (uri) => uri.replace('callback', 'Callback')),
  redirect('its port', (uri) => uri.replace(/(:\d+)?\/callback/, ':8443/callback')),
  redirect('a query', (uri) => `${uri}?x=1`),
  redirect('a longer path', (uri) => `${uri}/more`),
  redirect('a shorter path', (uri) => uri.slice(0, -1)),
  redirect('dot segments', (uri) => uri.replace('/callback', '/x/../callback')),
  redirect('a percent-encoded letter', (uri) => uri.replace('callback', '%63allback')),
  redirect('a fragment', (uri) => `${uri}#x`),
  redirect('user-info', (uri) => uri.replace('://', '://user@')),
  redirect('its host', () => 'https://evil.example/callback'),
  redirect('its scheme', (uri) => uri.replace(/^https?:/, 'javascript:')),
  redirect('a trailing space', (uri) => `${uri} `),
  changed(
    'A06',
    'a redirect_uri for an agent that lists none',
    (_request, { agent }) => void delete agent.document.redirect_uris,
    badForm,
  ),
  ...['code=1', 'state=1', 'iss=1', 'error=1', '%63ode=1'].map((query) =>
    changed(
      'A06',
      `a listed redirect_uri whose own query contains ${query}`,
      ({ form }, { agent }) => {
        const listed = `${agent.id}/callback?${query}`
        agent.document.redirect_uris = [listed]
        form.set('redirect_uri', listed)
      },
      {
        ...badForm,
        also: (_stage, body) =>
          expect(JSON.parse(body)).toMatchObject({ error_description: expect.stringContaining('remove it') }),
      },
    ),
  ),
  withToken('A08', 'a resource token signed with another key', async (stage) => {
    const { kid } = stage.resource.signer
    return craftToken({ alg: 'EdDSA', kid, typ: 'resource+jwt' }, resourceClaims(stage), await newSigner())
  }),
  withToken('A08', 'a resource token for another auth server', (stage) =>
    resourceToken(stage, { aud: 'https://auth.example.evil' }),
  ),
  withToken('A08', 'a resource token for another agent', (stage) =>
    resourceToken(stage, { agent: stage.otherAgent.id }),
  ),
  withToken('A08', 'a resource token for another key', async (stage) =>
    resourceToken(stage, { agent_jkt: (await newSigner()).thumbprint }),
  ),
  withToken('A08', 'an expired resource token', (stage) => resourceToken(stage, { exp: stage.clock.now }), {
    status: 400,
    error: 'expired_resource_token',
  }),
  {
    id: 'A10',
    claim: 'a stolen resource token, presented by another agent',
    when: async (stage) => {
      const request = await authRequest(stage, identityOf(stage.otherAgent))
      request.form.set('resource_token', await resourceToken(stage))
      const signed = await signForm(stage, request)
      return () => stage.fetch(signed)
    },
    expected: badToken,
  },
  changed(
    'A10',
    'a stolen resource token, presented by another delegate of the same agent',
    async (request, stage) => {
      const victim = await delegateOf(stage.agent, 'delegate-1', stage.clock.now)
      request.form.set('resource_token', await resourceToken(stage, { agent_jkt: victim.signer.thumbprint }))
      request.by = await delegateOf(stage.agent, 'delegate-2', stage.clock.now)
    },
    badToken,
  ),
  changed(
    'A11',
    'a delegate with a resource token for the key of its agent server',
    async (request, stage) => {
      request.by = await delegateOf(stage.agent, 'delegate-1', stage.clock.now)
    },
    badToken,
  ),
  {
    id: 'A11',
    claim: 'the base case: a delegate with a resource token for its own key',
    when: async (stage) => {
      const delegate = await delegateOf(stage.agent, 'delegate-1', stage.clock.now)
      const signed = await signForm(stage, await authRequest(stage, delegate))
      return () => stage.fetch(signed)
    },
    expected: opened,
  },
  changed(
    'A12',
    'a resource token issued before the agent rotated its key',
    async (request, { agent }) => {
      agent.signer = await newSigner()
      agent.keys = [agent.signer.jwk]
      request.by = identityOf(agent)
    },
    badToken,
  ),
  {
    id: 'A13',
    claim: 'a resource token reused before it expires, which is allowed',
    when: async (stage) => {
      const request = await authRequest(stage)
      await stage.fetch(await signForm(stage, request))
      const again = await signForm(stage, request)
      return () => stage.fetch(again)
    },
    expected: opened,
  },
  {
    id: 'A13',
    claim: 'the 21st open request from one agent for one resource',
    when: async (stage) => {
      for (let count = 0; count < 20; count++) await openRequest(stage)
      const signed = await signForm(stage, await authRequest(stage))
      return () => stage.fetch(signed)
    },
    expected: { status: 429, error: 'too_many_requests', headers: { 'retry-after': /^\d+$/ } },
  },
  {
    id: 'A13',
    claim: 'a request from another delegate while the first has 20 open, which is allowed',
    when: async (stage) => {
      for (let count = 0; count < 20; count++) await openRequest(stage)
      const delegate = await delegateOf(stage.agent, 'delegate-1', stage.clock.now)
      const signed = await signForm(stage, await authRequest(stage, delegate))
      return () => stage.fetch(signed)
    },
    expected: opened,
  },
  changed(
    'A15',
    'an auth_request_url on another origin',
    ({ form }, { otherAgent }) => {
      form.delete('resource_token')
      form.set('auth_request_url', `${otherAgent.id}/request`)
    },
    { ...badForm, also: ({ otherAgent }) => expect(otherAgent.asked).toEqual([]) },
  ),
  withToken(
    'A15',
    'a resource token with an auth_request_url on another origin',
    async (stage) => {
      const { scope: _scope, ...claims } = resourceClaims(stage)
      return issueToken(
        january.tokens.resource,
        { ...claims, auth_request_url: `${stage.otherAgent.id}/request` },
        { signer: stage.resource.signer },
      )
    },
    { ...badToken, also: ({ otherAgent }) => expect(otherAgent.asked).toEqual([]) },
  ),
  changed('A18', 'an unknown agent: the user is prompted and no token is issued', () => undefined, {
    ...opened,
    also: (_stage, body) => expect(body).not.toContain('auth_token'),
  }),
  changed(
    'A19',
    'an agent blocked by an administrator',
    async (_request, { agent, storage }) => {
      await storage.setAgentBlocked({ agent: agent.id, blocked: true, by: 'test' })
    },
    { status: 403, error: 'access_denied', audit: ['agent.refused'] },
  ),

  changed(
    'K02',
    'a key identified only by a JWKS URL, which does not identify an agent',
    (request, { agent }) => {
      const { kid } = request.by.signer
      request.by.signatureKey = { scheme: 'jwks', jwksUri: `${agent.id}/jwks.json`, kid }
    },
    { status: 401, error: 'invalid_request', headers: { 'agent-auth': /identity=\?1/ } },
  ),
  unknownId('a trailing slash', (id) => `${id}/`),
  unknownId('upper case', (id) => id.replace(/https?/, (scheme) => scheme.toUpperCase())),
  unknownId('user-info', (id) => id.replace('://', '://user@')),
  unknownId('a path that is not configured', (id) => `${id}/~agent`),
  unknownId('a query', (id) => `${id}?x`),
  unknownId('a fragment', (id) => `${id}#x`),
  unknownId('a trailing dot on its host', () => 'https://agent.example.'),
  changed(
    'K06',
    'a document that names another agent',
    (_request, { agent, otherAgent }) => {
      agent.document.agent = otherAgent.id
    },
    { ...badSignature, audit: ['agent.refused'] },
  ),
  ...['../aauth-agent', 'a/b', '%2e%2e/x', 'x?y', 'openid-configuration', 'toString'].map(wellKnown),
  changed(
    'K28',
    'the auth server’s own identifier as the agent',
    (request, stage) => {
      const { kid } = request.by.signer
      request.by.signatureKey = { scheme: 'jwks', id: stage.authServer, kid, wellKnown: 'aauth-agent' }
    },
    { ...badSignature, audit: ['agent.refused'] },
  ),

  ...['agent+jwt', 'auth+jwt', 'revocations+jwt', 'JWT', 'at+jwt', 'RESOURCE+JWT', 'application/resource+jwt'].map(
    typed,
  ),
  withToken('T01', 'a resource token without typ', (stage) =>
    craftToken({ alg: 'EdDSA', kid: stage.resource.signer.kid }, resourceClaims(stage), stage.resource.signer),
  ),
  ...['none', 'None', 'nOnE', 'EdDSA'].map((alg) =>
    withToken('T02', `a resource token with alg ${alg} and no signature`, (stage) => unsecured(stage, alg)),
  ),
  withToken('T03', 'a resource token signed with HS256, using the public key as the secret', async (stage) => {
    const { jwk, kid } = stage.resource.signer
    const input = `${encode({ alg: 'HS256', kid, typ: 'resource+jwt' })}.${encode(resourceClaims(stage))}`
    const secret = Buffer.from(String(jwk.x), 'base64url')
    return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`
  }),
  withToken('T04', 'a resource token with alg ES256 and an Ed25519 key', (stage) =>
    craftToken(
      { alg: 'ES256', kid: stage.resource.signer.kid, typ: 'resource+jwt' },
      resourceClaims(stage),
      stage.resource.signer,
    ),
  ),
  ...[undefined, "' OR 1=1 --", '../../etc/passwd', 'k'.repeat(10_000)].map((kid) =>
    withToken(
      'T07',
      `a resource token with kid ${String(kid).slice(0, 20)}`,
      (stage) => craftToken({ alg: 'EdDSA', kid, typ: 'resource+jwt' }, resourceClaims(stage), stage.resource.signer),
      // A kid that could belong to a key is looked up.
      { ...badToken, audit: kid !== undefined && kid.length < 100 ? ['agent.refused'] : [] },
    ),
  ),
  withToken('T08', 'a resource token with one bit of its signature flipped', (stage) =>
    flipped(resourceToken(stage), 2),
  ),
  withToken('T08', 'a resource token with modified claims', (stage) => flipped(resourceToken(stage), 1)),
  withToken('T09', 'a resource token without exp', (stage) => resourceTokenWithout(stage, 'exp')),
  withToken('T09', 'a resource token whose exp is a string', (stage) =>
    resourceToken(stage, { exp: String(stage.clock.now + 60) }),
  ),
  withToken('T09', 'a resource token with a lifetime of more than 15 minutes', (stage) =>
    resourceToken(stage, { exp: stage.clock.now + 901 }),
  ),
  ...['iat', 'nbf'].map((claim) =>
    withToken('T10', `a resource token whose ${claim} is 61 s in the future`, (stage) =>
      resourceToken(stage, { [claim]: stage.clock.now + 61 }),
    ),
  ),
  ...[
    ['a prefix of our identifier', (us: string) => us.slice(0, -1)],
    ['our identifier with a trailing slash', (us: string) => `${us}/`],
    ['our identifier in upper case', (us: string) => us.toUpperCase()],
    ['a list without our identifier', () => ['https://a.example']],
    ['an empty list', () => []],
    ['empty', () => ''],
  ].map(([claim, aud]) =>
    withToken('T12', `a resource token whose aud is ${String(claim)}`, (stage) =>
      resourceToken(stage, { aud: typeof aud === 'function' ? aud(stage.authServer) : aud }),
    ),
  ),
  withToken('T07', 'a resource token with a critical extension', (stage) =>
    craftToken(
      { alg: 'EdDSA', kid: stage.resource.signer.kid, typ: 'resource+jwt', crit: ['b64'], b64: false },
      resourceClaims(stage),
      stage.resource.signer,
    ),
  ),
  withToken(
    'T12',
    'a resource token whose scope is not a valid list of names',
    (stage) => resourceToken(stage, { scope: 'data.read  data.write' }),
    { status: 400, error: 'invalid_scope' },
  ),

  agentToken('T09', 'an expired agent token', ({ clock }) => ({ exp: clock.now }), {
    status: 401,
    error: 'expired_agent_token',
  }),
  agentToken('T09', 'an agent token with a lifetime of more than a day', ({ clock }) => ({ exp: clock.now + 86_401 })),
  agentToken('T13', 'an agent token for another audience', ({ resource }) => ({ aud: resource.id })),
  agentToken('T18', 'an agent token without a delegate', () => ({ sub: undefined })),
  changed(
    'T15',
    'a stolen agent token, signed with another key',
    async (request, stage) => {
      const victim = await delegateOf(stage.agent, 'delegate-1', stage.clock.now)
      request.by = { ...victim, signer: await newSigner() }
    },
    badSignature,
  ),
  changed(
    'T17',
    'an agent token that one delegate signed for another',
    async (request, stage) => {
      const first = await delegateOf(stage.agent, 'delegate-1', stage.clock.now)
      const signer: Signer = await newSigner()
      const jwt = await issueToken(
        january.tokens.agent,
        { iss: stage.agent.id, sub: 'delegate-2', cnf: { jwk: signer.jwk }, exp: stage.clock.now + 60 },
        { signer: first.signer },
      )
      request.by = { agent: stage.agent.id, signer, signatureKey: { scheme: 'jwt', jwt } }
    },
    { ...badSignature, audit: ['agent.refused'] },
  ),
]

/** Many requests from one agent, spread across the instances. */
export const authRequestRaces: readonly Race[] = [
  {
    id: 'A20',
    claim: '310 requests from one agent in a minute, through its delegates',
    when: async (stage) => {
      const requests: Request[] = []
      // At most ten open requests per delegate, because open requests are limited too (A13).
      for (let delegate = 0; delegate < 31; delegate++) {
        const by = await delegateOf(stage.agent, `delegate-${delegate}`, stage.clock.now)
        for (let count = 0; count < 10; count++) requests.push(await signForm(stage, await authRequest(stage, by)))
      }
      return async () => {
        const answers: Response[] = []
        while (requests.length > 0) {
          answers.push(...(await Promise.all(requests.splice(0, 31).map((request) => stage.fetch(request)))))
        }
        return answers
      }
    },
    expected: { '200': 300, '429 too_many_requests': 10 },
    audit: { 'request.created': 300 },
  },
]
