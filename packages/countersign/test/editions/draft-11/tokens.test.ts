import { AAuthError, createSigner, generatePrivateJwk } from 'countersign'
import {
  acceptedAlgorithms,
  draft11Documents,
  draft11Jose,
  draft11Tokens,
  parseAgentId,
  requireUsableSigner,
} from 'countersign/editions/draft-11'
import { importVerificationKey } from 'countersign/signatures'
import { issueToken, type TokenType, verifyToken } from 'countersign/tokens'
import { describe, expect, it } from 'vitest'
import { refusal, refusalCode } from '../../refusal.js'
import { agentName, boundTo, commonClaims, craftToken, ids, newSigner, now } from './wire.js'

const issuer = await newSigner('issuer-1')
const holder = await newSigner('holder-1')
const cnf = boundTo(holder)

type Kind = keyof typeof draft11Tokens

const thumbprint = (await importVerificationKey(holder.jwk)).thumbprint

const valid: Record<Kind, Record<string, unknown>> = {
  agent: commonClaims({ dwk: 'aauth-agent.json', iss: ids.agent, sub: agentName, cnf, ps: ids.personServer }),
  person: commonClaims({ dwk: 'aauth-person.json', iss: ids.personServer, sub: 'p1', aud: ids.resource, cnf }),
  auth: commonClaims({
    dwk: 'aauth-person.json',
    iss: ids.personServer,
    ps: ids.personServer,
    sub: 'p1',
    aud: ids.resource,
    cnf,
    scope: 'data.read',
  }),
  resource: commonClaims({
    dwk: 'aauth-resource.json',
    iss: ids.resource,
    aud: ids.resource,
    ps: ids.personServer,
    sub: 'p1',
    presented_jti: 'j1',
    agent_jkt: thumbprint,
    scope: 'data.read',
  }),
}

const kinds = Object.keys(valid) as Kind[]
const typeOf = (kind: Kind) => draft11Tokens[kind] as unknown as TokenType

async function verify(kind: Kind, jwt: string, audience: string = ids.resource) {
  const key = await importVerificationKey(issuer.jwk)
  return verifyToken(typeOf(kind), jwt, { audience, now: () => now, findKey: () => ({ key }) })
}

const crafted = (kind: Kind, claims: object = {}, header: object = {}) =>
  craftToken(typeOf(kind).typ, issuer, { ...valid[kind], ...claims }, header)

describe.each(kinds)('an %s token of draft -11', (kind) => {
  it('is accepted as issued', async () => {
    const issued = await issueToken(typeOf(kind), valid[kind] as never, { signer: issuer, now: () => now })
    const { claims, confirmationKey } = await verify(kind, issued)
    expect(claims).toEqual(valid[kind])
    expect(confirmationKey?.thumbprint).toBe(kind === 'resource' ? undefined : thumbprint)
    const header = JSON.parse(Buffer.from(issued.split('.')[0] ?? '', 'base64url').toString()) as object
    expect(header).toEqual({ alg: 'Ed25519', kid: 'issuer-1', typ: typeOf(kind).typ })
  })

  it.each(kinds.filter((other) => other !== kind))('is not a genuine %s token', async (other) => {
    expect(await refusal(async () => verify(kind, await crafted(other)))).toMatchObject({
      code: typeOf(kind).invalid,
      message: expect.stringContaining('typ') as unknown,
    })
  })

  it('is refused with the dwk of another document, even if it is one of the four', async () => {
    const wrong = [
      'aauth-agent.json',
      'aauth-person.json',
      'aauth-resource.json',
      'aauth-access.json',
      '../x',
      'aauth-agent',
    ]
    for (const dwk of wrong.filter((each) => each !== valid[kind].dwk))
      expect(await refusalCode(async () => verify(kind, await crafted(kind, { dwk }))), dwk).toBe(typeOf(kind).invalid)
  })

  it.each(['dwk', 'iss', 'sub', 'jti', 'iat', 'exp'])('is refused without %s', async (claim) => {
    expect(await refusalCode(async () => verify(kind, await crafted(kind, { [claim]: undefined })))).toBe(
      typeOf(kind).invalid,
    )
  })

  it('is refused from an issuer with a port, a path or upper case', async () => {
    for (const iss of ['https://ps.example:8443', 'https://ps.example/a', 'https://PS.example', 'https://ps.example/'])
      expect(await refusalCode(async () => verify(kind, await crafted(kind, { iss, ps: iss }))), iss).toBe(
        typeOf(kind).invalid,
      )
  })

  it('expires without tolerance, and lives no longer than allowed', async () => {
    const longest = kind === 'agent' ? 86_400 : 3600
    expect((await verify(kind, await crafted(kind, { exp: now + longest }))).expired).toBe(false)
    expect(await refusalCode(async () => verify(kind, await crafted(kind, { exp: now })))).toBe(typeOf(kind).expired)
    expect(await refusalCode(async () => verify(kind, await crafted(kind, { exp: now + longest + 1 })))).toBe(
      typeOf(kind).invalid,
    )
    expect(await refusalCode(async () => verify(kind, await crafted(kind, { iat: now - longest, exp: now + 1 })))).toBe(
      typeOf(kind).invalid,
    )
  })

  it('is refused from a clock that is more than a minute ahead', async () => {
    expect((await verify(kind, await crafted(kind, { iat: now + 60 }))).expired).toBe(false)
    const { code, error } = await refusal(async () => verify(kind, await crafted(kind, { iat: now + 61 })))
    expect([code, error]).toEqual([typeOf(kind).invalid, kind === 'resource' ? undefined : 'clock_skew'])
  })

  it('has a jti of at most 256 characters', async () => {
    expect((await verify(kind, await crafted(kind, { jti: 'a'.repeat(256) }))).expired).toBe(false)
    expect(await refusalCode(async () => verify(kind, await crafted(kind, { jti: 'a'.repeat(257) })))).toBe(
      typeOf(kind).invalid,
    )
    expect(await refusalCode(async () => verify(kind, await crafted(kind, { jti: '' })))).toBe(typeOf(kind).invalid)
  })

  it.each(['EdDSA', 'none', 'HS256', 'RS256', 'PS512', 'ES256', 'ed25519'])('is refused with alg %s', async (alg) => {
    expect(await refusalCode(async () => verify(kind, await crafted(kind, {}, { alg })))).toBe(typeOf(kind).invalid)
  })
})

describe.each(['person', 'auth', 'resource'] as const)('the aud of a %s token', (kind) => {
  it.each([[ids.resource], [[ids.resource]]])('may be %j', async (aud) => {
    expect((await verify(kind, await crafted(kind, { aud }))).claims.aud).toEqual(aud)
  })

  it.each([
    [['https://other.example']],
    [[]],
    [[ids.resource, ids.resource]],
    [[ids.resource, 'https://other.example']],
    [`${ids.resource}/`],
    ['https://API.example'],
    [undefined],
  ])('must not be %j', async (aud) => {
    expect(await refusalCode(async () => verify(kind, await crafted(kind, { aud })))).toBe(typeOf(kind).invalid)
  })
})

describe('the claims of a token', () => {
  it.each<[string, Kind, object]>([
    ['an agent of another host', 'agent', { sub: 'aauth:assistant@other.example' }],
    ['an agent at a path', 'agent', { sub: 'aauth:assistant@agent.example/a' }],
    ['a sub that is a URL', 'agent', { sub: ids.agent }],
    ['a sub-agent without its parent', 'agent', { sub: 'aauth:a+b@agent.example' }],
    ['a parent that is not an agent', 'agent', { sub: 'aauth:a+b@agent.example', parent_agent: 'a' }],
    ['a person server that is not a server', 'agent', { ps: 'ps.example' }],
    ['a person token with a scope', 'person', { scope: 'data.read' }],
    ['a person token with an account', 'person', { account: 'work' }],
    ['an auth token that names an agent', 'auth', { agent: agentName }],
    ['an auth token with an actor', 'auth', { act: { sub: agentName } }],
    ['an auth token of another person server', 'auth', { ps: 'https://other.example' }],
    ['an auth token without a person server', 'auth', { ps: undefined }],
    ['a resource token with a key', 'resource', { cnf }],
    ['a resource token that names an agent', 'resource', { agent: agentName }],
    ['a resource token for no key', 'resource', { agent_jkt: 'abc' }],
    ['a resource token for no token', 'resource', { presented_jti: undefined }],
    ['a resource token without a person server', 'resource', { ps: undefined }],
  ])('do not include %s', async (_what, kind, claims) => {
    expect(await refusalCode(async () => verify(kind, await crafted(kind, claims)))).toBe(typeOf(kind).invalid)
  })

  it('may include others', async () => {
    const sub = 'aauth:a+b@agent.example'
    const claims = { sub, parent_agent: 'aauth:a@agent.example', anything: { else: 1 } }
    expect((await verify('agent', await crafted('agent', claims))).claims).toMatchObject(claims)
  })
})

describe('the key in a token', () => {
  const { jwk } = holder
  it.each<[string, object, string]>([
    ['no alg', { ...jwk }, 'algorithm_unsupported'],
    ['EdDSA', { ...jwk, alg: 'EdDSA' }, 'algorithm_unsupported'],
    ['the name of RFC 9421', { ...jwk, alg: 'ed25519' }, 'algorithm_unsupported'],
    ['a secret', { kty: 'oct', k: 'AA', alg: 'HS256' }, 'auth_token_invalid'],
    ['the alg of another type', { ...jwk, alg: 'ES256' }, 'auth_token_invalid'],
    ['no point', { kty: 'OKP', crv: 'Ed25519', alg: 'Ed25519' }, 'auth_token_invalid'],
    ['a point that does not exist', { ...jwk, x: 'AA', alg: 'Ed25519' }, 'auth_token_invalid'],
    ['no RSA', { kty: 'RSA', n: 'AQAB', e: 'AQAB', alg: 'PS512' }, 'algorithm_unsupported'],
  ])('is refused with %s', async (_what, key, code) => {
    expect(await refusalCode(async () => verify('auth', await crafted('auth', { cnf: { jwk: key } })))).toBe(code)
  })

  it('may be a P-256 key', async () => {
    const es256 = await newSigner('p', 'ecdsa-p256-sha256')
    const { confirmationKey } = await verify('auth', await crafted('auth', { cnf: boundTo(es256) }))
    expect(confirmationKey?.algorithm).toBe('ecdsa-p256-sha256')
    expect(boundTo(es256).jwk).toMatchObject({ alg: 'ES256' })
  })
})

describe('names and keys', () => {
  it.each<[string, object | undefined]>([
    ['aauth:a@agent.example', { local: 'a', domain: 'agent.example' }],
    ['aauth:A-z_0.9+b@agent.example', { local: 'A-z_0.9+b', domain: 'agent.example' }],
    [`aauth:${'a'.repeat(255)}@agent.example`, { local: 'a'.repeat(255), domain: 'agent.example' }],
    [`aauth:${'a'.repeat(256)}@agent.example`, undefined],
    ['aauth:@agent.example', undefined],
    ['aauth:a@', undefined],
    ['aauth:a@b@agent.example', undefined],
    ['aauth:a b@agent.example', undefined],
    ['aauth:a@Agent.example', undefined],
    ['aauth:a@agent.example:8443', undefined],
    ['aauth:a@agent.example/', undefined],
    ['AAUTH:a@agent.example', undefined],
    ['aauth:a@localhost:3000', undefined],
    ['mailto:a@agent.example', undefined],
  ])('parseAgentId reads %s', (text, parsed) => {
    expect(parseAgentId(text, {})).toEqual(parsed)
  })

  it('parseAgentId reads an agent on loopback only in development', () => {
    expect(parseAgentId('aauth:a@localhost:3000', { allowInsecureLoopback: true })).toEqual({
      local: 'a',
      domain: 'localhost:3000',
    })
    expect(parseAgentId('aauth:a@agent.example:3000', { allowInsecureLoopback: true })).toBeUndefined()
    expect(parseAgentId(undefined, {})).toBeUndefined()
  })

  it('accepts two algorithms, each by one name', async () => {
    expect(acceptedAlgorithms).toEqual(['Ed25519', 'ES256'])
    expect(Object.values(draft11Documents).map(({ jose }) => jose)).toEqual([draft11Jose, draft11Jose, draft11Jose])
    const rsa = await createSigner(await generatePrivateJwk({ algorithm: 'rsa-pss-sha512' }))
    expect(() => requireUsableSigner('signer', rsa)).toThrow('signer must have an Ed25519 or P-256 key')
    expect(() => requireUsableSigner('signer', holder)).not.toThrow()
  })

  it('a refusal keeps the edition’s own name for the case', () => {
    const error = new AAuthError('auth_token_invalid', 'Why.', { error: 'revoked_jwt', cause: 'c' })
    expect(error.withChallenge({ level: 'person-token' })).toMatchObject({
      error: 'revoked_jwt',
      cause: 'c',
      code: 'auth_token_invalid',
      challenge: { level: 'person-token' },
    })
  })
})
