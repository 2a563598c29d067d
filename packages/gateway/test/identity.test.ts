import { createSigner, generatePrivateJwk } from 'countersign'
import { decodeJwt } from 'jose'
import { expect, it } from 'vitest'
import { identityHeaders, identityOf } from '../src/identity.js'

type Level = Parameters<typeof identityOf>[1]

const claims = { iss: 'https://auth.example', sub: 'ann', exp: 1 }
const agent = { agent: 'https://agent.example', delegate: 'd', thumbprint: 't', scheme: 'jwks_uri' }
const client = { agent: 'c1', delegate: undefined, thumbprint: undefined, scheme: 'bearer' }
const authorization = { claims, scope: ['a', 'b'] }

it.each<[string, object, Level, object]>([
  ['an agent', agent, 'identity', {}],
  ['an agent with a permission that is not needed', { ...agent, authorization }, 'identity', {}],
  [
    'an agent with a permission',
    { ...agent, authorization },
    'authorization',
    { iss: claims.iss, sub: 'ann', scope: ['a', 'b'] },
  ],
  ['an agent of a user', { ...agent, claims }, 'user', { iss: claims.iss, sub: 'ann' }],
  ['an agent of a user who is not needed', { ...agent, claims }, 'signature', {}],
  [
    'a client',
    { ...client, authorization },
    'authorization',
    { ...client, proof: 'bearer', iss: claims.iss, sub: 'ann', scope: ['a', 'b'] },
  ],
  ['a client without a permission', client, 'identity', { ...client, proof: 'bearer' }],
])('%s, as verified', (_who, verified, level, expected) => {
  const { scheme: _scheme, ...identity } = { ...agent, iss: undefined, sub: undefined, scope: [], ...expected }
  expect(identityOf(verified as never, level)).toEqual({ level, proof: 'signature', ...identity })
})

const request = { method: 'POST', rawTarget: '/a?b' }
const signer = await createSigner(await generatePrivateJwk())
const assertion = { signer, issuer: 'https://api.example', audience: 'http://127.0.0.1:3000' }
const whole = identityOf({ ...agent, authorization } as never, 'authorization')
const none = {
  'X-AAuth-Level': '',
  'X-AAuth-Proof': '',
  'X-AAuth-Agent-Server': '',
  'X-AAuth-Delegate': '',
  'X-AAuth-JKT': '',
  'X-AAuth-Issuer': '',
  'X-AAuth-Subject': '',
  'X-AAuth-Scope': '',
}

it('headers name the whole identity, or nothing', async () => {
  expect(await identityHeaders(whole, request, undefined)).toEqual({
    'X-AAuth-Level': 'authorization',
    'X-AAuth-Proof': 'signature',
    'X-AAuth-Agent-Server': 'https://agent.example',
    'X-AAuth-Delegate': 'd',
    'X-AAuth-JKT': 't',
    'X-AAuth-Issuer': 'https://auth.example',
    'X-AAuth-Subject': 'ann',
    'X-AAuth-Scope': 'a b',
  })
  expect(await identityHeaders(undefined, request, undefined)).toEqual(none)
  expect(await identityHeaders(undefined, request, assertion)).toEqual({ ...none, 'X-AAuth-Assertion': '' })
  const known = identityOf(client as never, 'identity')
  expect(await identityHeaders(known, request, undefined)).toEqual({
    ...none,
    'X-AAuth-Level': 'identity',
    'X-AAuth-Proof': 'bearer',
    'X-AAuth-Agent-Server': 'c1',
  })
})

it('an assertion has exactly the claims that are known, for 30 seconds', async () => {
  const claimsFor = async (identity: typeof whole) => {
    const before = Date.now() / 1000
    const {
      exp = 0,
      iat: _iat,
      jti: _jti,
      ...found
    } = decodeJwt((await identityHeaders(identity, request, assertion))['X-AAuth-Assertion'] as string)
    expect(exp).toBeGreaterThan(before + 28)
    expect(exp).toBeLessThanOrEqual(Date.now() / 1000 + 31)
    return found
  }
  const common = { iss: assertion.issuer, aud: assertion.audience, method: 'POST', target: '/a?b' }
  const all = { auth_server: 'https://auth.example', sub: 'ann', scope: 'a b' }
  expect(await claimsFor(whole)).toEqual({
    ...common,
    ...all,
    level: 'authorization',
    proof: 'signature',
    agent: 'https://agent.example',
    agent_delegate: 'd',
    agent_jkt: 't',
  })
  const key = identityOf({ thumbprint: 't', scheme: 'hwk' } as never, 'signature')
  expect(await claimsFor(key)).toEqual({ ...common, level: 'signature', proof: 'signature', agent_jkt: 't' })
  const bearer = identityOf({ ...client, authorization } as never, 'authorization')
  expect(await claimsFor(bearer)).toEqual({
    ...common,
    ...all,
    level: 'authorization',
    proof: 'bearer',
    client_id: 'c1',
  })
})

it.each([
  ['agent', ' a', 'upstream_failed', 'X-AAuth-Agent-Server'],
  ['delegate', 'd ', 'request_malformed', 'X-AAuth-Delegate'],
  ['delegate', 'd\n', 'request_malformed', 'X-AAuth-Delegate'],
  ['sub', 'é', 'upstream_failed', 'X-AAuth-Subject'],
  ['sub', '\x7f', 'upstream_failed', 'X-AAuth-Subject'],
  ['sub', 'a\tb', 'upstream_failed', 'X-AAuth-Subject'],
])('a %s of %j cannot be sent', async (member, value, code, name) => {
  await expect(identityHeaders({ ...whole, [member]: value }, request, undefined)).rejects.toMatchObject({
    code,
    message: `${name} is not printable ASCII without leading or trailing spaces, so it cannot be sent to the API.`,
  })
  const inside = { ...whole, [member]: 'a ~b' }
  await expect(identityHeaders(inside, request, undefined)).resolves.toMatchObject({ [name]: 'a ~b' })
})
