import { createHmac } from 'node:crypto'
import { AAuthError, createSigner, generatePrivateJwk, type Signer } from 'countersign'
import { january } from 'countersign/editions'
import { importVerificationKey } from 'countersign/signatures'
import {
  decodeToken,
  issueToken,
  type RegisteredClaims,
  type VerifyTokenOptions,
  verifyToken,
} from 'countersign/tokens'
import { compactVerify, importJWK } from 'jose'
import { describe, expect, it } from 'vitest'
import { refusal, refusalCode } from '../refusal.js'

const now = 1_768_786_017
const audience = 'https://receiver.example'
const issuer = 'https://issuer.example'
const signer = await createSigner(await generatePrivateJwk({ kid: 'issuer-key-1' }))
const holder = await createSigner(await generatePrivateJwk({ kid: 'holder-key-1' }))
const ecdsaSigner = await createSigner(
  await generatePrivateJwk({ algorithm: 'ecdsa-p256-sha256', kid: 'issuer-key-2' }),
)
const issuerKey = await importVerificationKey(signer.jwk)

const cnf = { jwk: holder.jwk }
const types = {
  'agent+jwt': january.tokens.agent,
  'resource+jwt': january.tokens.resource,
  'auth+jwt': january.tokens.auth,
  'revocations+jwt': january.tokens.revocations,
} as const
type TokenKind = keyof typeof types
const claims = {
  'agent+jwt': { iss: issuer, sub: 'delegate-1', exp: now + 600, cnf },
  'resource+jwt': {
    iss: issuer,
    aud: audience,
    agent: 'https://agent.example',
    agent_jkt: holder.thumbprint,
    scope: 'data.read',
    exp: now + 600,
  },
  'auth+jwt': {
    iss: issuer,
    aud: audience,
    agent: 'https://agent.example',
    scope: 'data.read',
    sub: 'u1',
    exp: now + 600,
    cnf,
  },
  'revocations+jwt': { iss: issuer, iat: now, exp: now + 120, revoked: ['Xq3vTz8PbLw0RmYk'] },
}
const kinds = Object.keys(claims) as TokenKind[]
const codes = {
  'agent+jwt': { invalid: 'agent_token_invalid', expired: 'agent_token_expired' },
  'resource+jwt': { invalid: 'resource_token_invalid', expired: 'resource_token_expired' },
  'auth+jwt': { invalid: 'auth_token_invalid', expired: 'auth_token_expired' },
  'revocations+jwt': { invalid: 'revocation_list_refused', expired: 'revocation_list_refused' },
} as const
const maxLifetime = { 'agent+jwt': 86_400, 'resource+jwt': 900, 'auth+jwt': 86_400, 'revocations+jwt': 600 }

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')

/** A token with arbitrary content; its signing input is assembled here. Undefined members are left out. */
async function craftToken(header: object, payload: object, by: Signer = signer): Promise<string> {
  const input = `${encode(header)}.${encode(payload)}`
  return `${input}.${Buffer.from(await by.sign(input)).toString('base64url')}`
}

const headerOf = (kind: TokenKind) => ({ alg: 'EdDSA', kid: 'issuer-key-1', typ: kind })
const craft = (kind: TokenKind, payload: object = {}, header: object = {}) =>
  craftToken({ ...headerOf(kind), ...header }, { ...claims[kind], ...payload })

const verify = (kind: TokenKind, token: string, options: Partial<VerifyTokenOptions> = {}) =>
  verifyToken<RegisteredClaims>(types[kind], token, {
    audience,
    now: () => now,
    findKey: async () => ({ key: issuerKey }),
    ...options,
  })

/** A token that is invalid by itself must be rejected without looking up a key. */
const beforeAnyKey: Partial<VerifyTokenOptions> = {
  findKey: async () => {
    throw new Error('a key was looked up')
  },
}

it.each([
  ['agent+jwt', 'The agent+jwt has expired: get a new one from your agent server.'],
  ['resource+jwt', 'The resource+jwt has expired: request a new one from the resource.'],
  ['auth+jwt', 'The auth+jwt has expired.'],
] as const)('an expired %s is rejected with advice on where to get another', async (kind, message) => {
  const token = await issueToken<RegisteredClaims>(
    types[kind],
    { ...claims[kind], exp: now },
    { signer, now: () => now - 60 },
  )
  await expect(verify(kind, token)).rejects.toThrow(message)
})

describe.each(kinds)('%s', (kind) => {
  const { invalid, expired } = codes[kind]
  const holds = kind === 'agent+jwt' || kind === 'auth+jwt'

  it('verifies an issued token, with the key it is bound to', async () => {
    const token = await issueToken<RegisteredClaims>(types[kind], claims[kind], { signer, now: () => now })
    const asked: string[][] = []
    const findKey = async (...reference: string[]) => {
      asked.push(reference)
      return { key: issuerKey }
    }
    const verified = await verify(kind, token, { findKey })
    expect(verified).toMatchObject({ type: types[kind], claims: { ...claims[kind], iat: now }, expired: false })
    expect(verified.claims.jti).toMatch(/^[\w-]{22}$/)
    expect(verified.confirmationKey?.thumbprint).toBe(holds ? holder.thumbprint : undefined)
    expect(asked).toEqual([[issuer, 'issuer-key-1']])
  })

  it('another library verifies an issued token as well', async () => {
    const token = await issueToken<RegisteredClaims>(types[kind], claims[kind], { signer, now: () => now })
    const { protectedHeader } = await compactVerify(token, await importJWK({ ...signer.jwk, alg: 'EdDSA' }))
    expect(protectedHeader).toEqual(headerOf(kind))
  })

  it.each([
    ...kinds.filter((other) => other !== kind),
    'JWT',
    'at+jwt',
    `application/${kind}`,
    kind.toUpperCase(),
    ` ${kind}`,
    [kind],
    null,
    undefined,
  ])('T01: rejects typ %j', async (typ) => {
    expect(await refusalCode(async () => verify(kind, await craft(kind, {}, { typ }), beforeAnyKey))).toBe(invalid)
  })

  it.each(kinds.filter((other) => other !== kind))('T01: rejects a genuine %s', async (other) => {
    expect(await refusalCode(async () => verify(kind, await craft(other), beforeAnyKey))).toBe(invalid)
  })

  it.each(['none', 'None', 'nOnE', 'HS256', 'RS256', 'PS256', 'ES384', 'ed25519', '', 1, null, undefined, ['EdDSA']])(
    'T02, T03: rejects alg %j before any key lookup',
    async (alg) => {
      expect(await refusalCode(async () => verify(kind, await craft(kind, {}, { alg }), beforeAnyKey))).toBe(invalid)
    },
  )

  it('T02: rejects a token without a signature', async () => {
    const token = await craft(kind)
    const unsigned = token.slice(0, token.lastIndexOf('.') + 1)
    for (const text of [unsigned, unsigned.slice(0, -1), `${unsigned}A`]) {
      expect(await refusalCode(() => verify(kind, text, beforeAnyKey))).toBe(invalid)
    }
  })

  it('T03: rejects HMAC with the public key as secret', async () => {
    for (const secret of [JSON.stringify(signer.jwk), Buffer.from(signer.jwk.x ?? '', 'base64url')]) {
      for (const alg of ['HS256', 'EdDSA']) {
        const input = `${encode({ ...headerOf(kind), alg })}.${encode(claims[kind])}`
        const token = `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`
        expect(await refusalCode(() => verify(kind, token))).toBe(invalid)
      }
    }
  })

  it('T04: rejects a header alg that does not match the key', async () => {
    expect(await refusalCode(async () => verify(kind, await craft(kind, {}, { alg: 'ES256' })))).toBe(invalid)
    const ecdsaKey = await importVerificationKey(ecdsaSigner.jwk)
    const byEcdsa = await craftToken({ ...headerOf(kind), alg: 'EdDSA' }, claims[kind], ecdsaSigner)
    expect(await refusalCode(() => verify(kind, byEcdsa, { findKey: async () => ({ key: ecdsaKey }) }))).toBe(invalid)
    const control = await craftToken({ ...headerOf(kind), alg: 'ES256' }, claims[kind], ecdsaSigner)
    expect(await verify(kind, control, { findKey: async () => ({ key: ecdsaKey }) })).toMatchObject({
      type: types[kind],
    })
  })

  it('W16: accepts Ed25519 as a name for EdDSA', async () => {
    expect(await verify(kind, await craft(kind, {}, { alg: 'Ed25519' }))).toMatchObject({ type: types[kind] })
  })

  it.each([undefined, '', 1, null, ['issuer-key-1'], 'k'.repeat(257)])('T07: rejects kid %j', async (kid) => {
    expect(await refusalCode(async () => verify(kind, await craft(kind, {}, { kid }), beforeAnyKey))).toBe(invalid)
  })

  it('T07: rejects a kid of 10 kB', async () => {
    expect(
      await refusalCode(async () => verify(kind, await craft(kind, {}, { kid: 'k'.repeat(10_000) }), beforeAnyKey)),
    ).toBe(invalid)
  })

  it.each(["' OR 1=1 --", '../../etc/passwd', '__proto__'])('T07: looks up the kid %s verbatim', async (kid) => {
    const asked: string[] = []
    const findKey = async (_issuer: string, name: string) => {
      asked.push(name)
      throw new AAuthError('key_unknown', 'No such key.')
    }
    expect(await refusalCode(async () => verify(kind, await craft(kind, {}, { kid }), { findKey }))).toBe('key_unknown')
    expect(asked).toEqual([kid])
  })

  it('T08: rejects a signature by another key, a changed bit, and a changed claim', async () => {
    const token = await craft(kind)
    const [header = '', payload = '', signature = ''] = token.split('.')
    const flipped = Buffer.from(signature, 'base64url')
    flipped[5] = (flipped[5] ?? 0) ^ 4
    const forged = [
      await craftToken(headerOf(kind), claims[kind], holder),
      [header, payload, flipped.toString('base64url')].join('.'),
      [header, encode({ ...claims[kind], jti: 'x' }), signature].join('.'),
      [encode({ ...headerOf(kind), kid: 'issuer-key-3' }), payload, signature].join('.'),
      [header, payload, Buffer.alloc(64).toString('base64url')].join('.'),
      [header, payload, `${signature}AAAA`].join('.'),
    ]
    for (const text of forged) expect(await refusalCode(() => verify(kind, text))).toBe(invalid)
  })

  it.each(['crit', 'b64'])('rejects the header extension %s', async (name) => {
    expect(await refusalCode(async () => verify(kind, await craft(kind, {}, { [name]: [] }), beforeAnyKey))).toBe(
      invalid,
    )
  })

  it.each([
    ['no exp', undefined],
    ['a string', String(now + 600)],
    ['null', null],
    ['a boolean', true],
    ['negative', -1],
    ['an array', [now + 600]],
    ['beyond the maximum', now + maxLifetime[kind] + 1],
    ['infinite in JSON', 1e308],
  ])('T09: exp %s is invalid', async (_name, exp) => {
    expect(await refusalCode(async () => verify(kind, await craft(kind, { exp }), beforeAnyKey))).toBe(invalid)
  })

  it.each([now, now - 1, 0])('T09: exp %i is expired', async (exp) => {
    expect(await refusal(async () => verify(kind, await craft(kind, { exp })))).toMatchObject({ code: expired })
  })

  it.each([now + 1, now + 0.5, now + maxLifetime[kind]])('T09: exp %d is not expired', async (exp) => {
    expect(await verify(kind, await craft(kind, { exp }))).toMatchObject({ expired: false })
  })

  it.each(['iat', 'nbf'])('T10: %s', async (claim) => {
    expect(await refusalCode(async () => verify(kind, await craft(kind, { [claim]: now + 61 }), beforeAnyKey))).toBe(
      invalid,
    )
    expect(await refusalCode(async () => verify(kind, await craft(kind, { [claim]: String(now) }), beforeAnyKey))).toBe(
      invalid,
    )
    expect(await verify(kind, await craft(kind, { [claim]: now + 60 }))).toMatchObject({ type: types[kind] })
  })

  it('T11: rejects an untrusted issuer without looking up its key', async () => {
    const options = { ...beforeAnyKey, issuers: ['https://other.example', `${issuer}/`] }
    expect(await refusalCode(async () => verify(kind, await craft(kind), options))).toBe(invalid)
    expect(await verify(kind, await craft(kind), { issuers: ['https://other.example', issuer] })).toMatchObject({
      type: types[kind],
    })
  })

  it.each([
    'https://other.example',
    'https://receiver',
    `${audience}.evil.example`,
    `${audience}/`,
    audience.toUpperCase(),
    '',
    [],
    ['https://other.example', `${audience}/`],
    [[audience]],
    { [audience]: true },
    null,
    1,
  ])('T12, T13: rejects aud %j', async (aud) => {
    expect(await refusalCode(async () => verify(kind, await craft(kind, { aud }), beforeAnyKey))).toBe(invalid)
  })

  it('T12: an aud has at most 64 members', async () => {
    const others = Array.from({ length: 63 }, (_, index) => `https://other-${index}.example`)
    expect(await verify(kind, await craft(kind, { aud: [...others, audience] }))).toMatchObject({ type: types[kind] })
    const tooMany = await craft(kind, { aud: ['https://one-more.example', ...others, audience] })
    expect(await refusalCode(async () => verify(kind, tooMany, beforeAnyKey))).toBe(invalid)
  })

  it('T07: a kid has 1 to 256 characters', async () => {
    for (const kid of ['k', 'k'.repeat(256)]) {
      const asked: string[] = []
      const findKey = async (_issuer: string, name: string) => {
        asked.push(name)
        return { key: issuerKey }
      }
      expect(await verify(kind, await craft(kind, {}, { kid }), { findKey })).toMatchObject({ type: types[kind] })
      expect(asked).toEqual([kid])
    }
    for (const kid of ['', 'k'.repeat(257)]) {
      const token = await craft(kind, {}, { kid })
      expect(await refusalCode(async () => verify(kind, token, beforeAnyKey))).toBe(invalid)
    }
  })

  it('T12: an aud list that contains our identifier is accepted', async () => {
    expect(await verify(kind, await craft(kind, { aud: ['https://other.example', audience] }))).toMatchObject({
      type: types[kind],
    })
  })

  it('T13: only an agent token and a revocation list may omit aud', async () => {
    const token = await craft(kind, { aud: undefined })
    if (kind === 'agent+jwt' || kind === 'revocations+jwt')
      expect(await verify(kind, token)).toMatchObject({ type: types[kind] })
    else expect(await refusalCode(() => verify(kind, token, beforeAnyKey))).toBe(invalid)
  })

  it.each([
    undefined,
    '',
    1,
    'http://issuer.example',
    'https://issuer.example/',
    'https://Issuer.example',
    'https://127.0.0.1',
    ['https://issuer.example'],
  ])('rejects iss %j', async (iss) => {
    expect(await refusalCode(async () => verify(kind, await craft(kind, { iss }), beforeAnyKey))).toBe(invalid)
  })

  it('accepts a loopback iss only if allowed', async () => {
    const token = await craft(kind, { iss: 'http://127.0.0.1:8003' })
    expect(await refusalCode(() => verify(kind, token, beforeAnyKey))).toBe(invalid)
    expect(await verify(kind, token, { allowInsecureLoopback: true })).toMatchObject({ type: types[kind] })
  })

  const members = { kty: 'OKP', crv: 'Ed25519' }
  it.each([
    ['null', null],
    ['a string', 'jwk'],
    ['empty', {}],
    ['a null jwk', { jwk: null }],
    ['a jwk that is a string', { jwk: 'a' }],
    ['a jwk that is an array', { jwk: [holder.jwk] }],
    ['an empty jwk', { jwk: {} }],
    ['a private key', { jwk: { ...holder.jwk, d: 'AAAA' } }],
    ['a symmetric key', { jwk: { kty: 'oct', k: 'AAAA' } }],
    ['a small-order point', { jwk: { ...members, x: Buffer.alloc(32).toString('base64url') } }],
    ['a thumbprint instead of a key', { jkt: holder.thumbprint }],
    ['a key and the thumbprint of another', { jwk: holder.jwk, jkt: signer.thumbprint }],
    ['a key and an encrypted one', { jwk: holder.jwk, jwe: 'A.B.C.D.E' }],
    ['a key and the URL of a key set', { jwk: holder.jwk, jku: 'https://issuer.example/jwks.json' }],
  ])('T15: cnf %s is rejected in a token bound to a key, and ignored in others', async (_name, confirmation) => {
    const token = await craft(kind, { cnf: confirmation })
    if (holds) expect(await refusalCode(() => verify(kind, token))).toBe(invalid)
    else expect(await verify(kind, token)).toMatchObject({ confirmationKey: undefined })
  })

  it('T15: accepts a cnf with a key and its thumbprint', async () => {
    const token = await craft(kind, { cnf: { jwk: holder.jwk, jkt: holder.thumbprint } })
    expect(await verify(kind, token)).toMatchObject({ expired: false })
  })

  it('rejects with an error of importKey that is not about the key, unless it needs no key of a holder', async () => {
    const importKey = () => Promise.reject(new TypeError('a mistake'))
    const verifying = verify(kind, await craft(kind), { importKey })
    if (holds) await expect(verifying).rejects.toThrow('a mistake')
    else expect(await verifying).toMatchObject({ expired: false })
  })

  it('ignores claims inherited through __proto__', async () => {
    const inherited = `{"__proto__":${JSON.stringify(claims[kind])}}`
    const input = `${encode(headerOf(kind))}.${Buffer.from(inherited).toString('base64url')}`
    const token = `${input}.${Buffer.from(await signer.sign(input)).toString('base64url')}`
    expect(await refusalCode(() => verify(kind, token, beforeAnyKey))).toBe(invalid)
  })

  it('allowExpired accepts and marks an expired token that is otherwise valid, and no other', async () => {
    const options = { allowExpired: true }
    expect(await verify(kind, await craft(kind, { exp: now }), options)).toMatchObject({ expired: true })
    const forged = await craftToken(headerOf(kind), { ...claims[kind], exp: now }, holder)
    expect(await refusalCode(() => verify(kind, forged, options))).toBe(invalid)
    const elsewhere = await craft(kind, { exp: now, aud: 'https://other.example' })
    expect(await refusalCode(() => verify(kind, elsewhere, options))).toBe(invalid)
  })

  it('no message contains the token or a part of it', async () => {
    const token = await craft(kind, { aud: 'https://other.example' })
    const { message, description } = await refusal(() => verify(kind, token))
    for (const part of token.split('.')) {
      expect(message).not.toContain(part)
      expect(description).not.toContain(part)
    }
  })
})

describe('each claim has a type', () => {
  const wrong = {
    identifier: 'https://agent.example/',
    string: 1,
    seconds: '1',
    confirmation: null,
    thumbprint: 'AAAA',
    entries: [1],
    times: { entry: '1' },
  }
  const rules: Record<TokenKind, Record<string, keyof typeof wrong>> = {
    'agent+jwt': {
      iss: 'identifier',
      sub: 'string',
      exp: 'seconds',
      cnf: 'confirmation',
      iat: 'seconds',
      nbf: 'seconds',
      jti: 'string',
    },
    'resource+jwt': {
      iss: 'identifier',
      agent: 'identifier',
      agent_jkt: 'thumbprint',
      exp: 'seconds',
      scope: 'string',
      iat: 'seconds',
      nbf: 'seconds',
      jti: 'string',
    },
    'auth+jwt': {
      iss: 'identifier',
      exp: 'seconds',
      cnf: 'confirmation',
      agent: 'identifier',
      agent_delegate: 'string',
      scope: 'string',
      sub: 'string',
      iat: 'seconds',
      nbf: 'seconds',
      jti: 'string',
    },
    'revocations+jwt': {
      iss: 'identifier',
      exp: 'seconds',
      iat: 'seconds',
      revoked: 'entries',
      revoked_before: 'times',
      before: 'seconds',
      nbf: 'seconds',
      jti: 'string',
    },
  }
  const rows = kinds.flatMap((kind) => Object.entries(rules[kind]).map(([claim, type]) => [kind, claim, type] as const))

  it.each(rows)('%s: %s is a %s', async (kind, claim, type) => {
    const token = await craft(kind, { [claim]: wrong[type] })
    expect(await refusalCode(() => verify(kind, token, beforeAnyKey))).toBe(codes[kind].invalid)
  })

  const required = {
    'agent+jwt': ['iss', 'sub', 'exp', 'cnf'],
    'resource+jwt': ['iss', 'aud', 'agent', 'agent_jkt', 'exp'],
    'auth+jwt': ['iss', 'aud', 'exp', 'cnf'],
    'revocations+jwt': ['iss', 'exp', 'iat', 'revoked'],
  }
  it.each(kinds.flatMap((kind) => required[kind].map((claim) => [kind, claim] as const)))(
    '%s: %s is required',
    async (kind, claim) => {
      const token = await craft(kind, { [claim]: undefined })
      expect(await refusalCode(() => verify(kind, token, beforeAnyKey))).toBe(codes[kind].invalid)
    },
  )
})

it('rejects a resource token whose auth_request_url is not a string', async () => {
  const token = await craft('resource+jwt', { scope: undefined, auth_request_url: 1 })
  expect(await refusalCode(() => verify('resource+jwt', token, beforeAnyKey))).toBe('resource_token_invalid')
})

describe('agent+jwt', () => {
  it('T18: a sub has up to 4,096 characters', async () => {
    expect(await verify('agent+jwt', await craft('agent+jwt', { sub: 's'.repeat(4096) }))).toMatchObject({
      claims: { sub: 's'.repeat(4096) },
    })
  })

  it.each<[object, string]>([
    [{ sub: undefined }, 'it has no sub'],
    [{ sub: 1 }, 'its sub has an invalid value'],
    [{ iss: 'https://issuer.example/' }, 'its iss is not an accepted identifier'],
    [{ iss: 'https://issuer.example/~agent' }, 'its iss has a path'],
  ])('the refusal of %j says what is wrong', async (changes, message) => {
    const { message: told } = await refusal(async () => verify('agent+jwt', await craft('agent+jwt', changes)))
    expect(told).toContain(`The agent+jwt was rejected: ${message}`)
  })

  it.each([undefined, '', 1, null, 's'.repeat(4097)])('T18: rejects sub %j', async (sub) => {
    expect(await refusalCode(async () => verify('agent+jwt', await craft('agent+jwt', { sub }), beforeAnyKey))).toBe(
      'agent_token_invalid',
    )
  })

  it('rejects a token without cnf', async () => {
    expect(
      await refusalCode(async () => verify('agent+jwt', await craft('agent+jwt', { cnf: undefined }), beforeAnyKey)),
    ).toBe('agent_token_invalid')
  })
})

describe('resource+jwt', () => {
  it.each([
    ['no agent', { agent: undefined }],
    ['an agent that is not an identifier', { agent: 'https://agent.example/' }],
    ['no agent_jkt', { agent_jkt: undefined }],
    ['an agent_jkt of another length', { agent_jkt: 'AAAA' }],
    ['an agent_jkt with padding', { agent_jkt: `${holder.thumbprint}=` }],
    ['neither scope nor auth_request_url', { scope: undefined }],
    ['both scope and auth_request_url', { auth_request_url: 'https://issuer.example/request' }],
    ['a scope that is not a string', { scope: ['data.read'] }],
    ['an empty scope', { scope: '' }],
  ])('rejects %s', async (_name, payload) => {
    expect(
      await refusalCode(async () => verify('resource+jwt', await craft('resource+jwt', payload), beforeAnyKey)),
    ).toBe('resource_token_invalid')
  })

  it('accepts auth_request_url instead of scope', async () => {
    const payload = { scope: undefined, auth_request_url: 'https://issuer.example/request' }
    expect(await verify('resource+jwt', await craft('resource+jwt', payload))).toMatchObject({
      type: january.tokens.resource,
    })
  })
})

describe('auth+jwt', () => {
  it.each([
    ['an agent that is not an identifier', { agent: 'agent.example' }],
    ['a delegate that is not a string', { agent_delegate: 1 }],
    ['a sub that is not a string', { sub: 1 }],
    ['a scope that is not a string', { scope: ['data.read'] }],
  ])('rejects %s', async (_name, payload) => {
    expect(await refusalCode(async () => verify('auth+jwt', await craft('auth+jwt', payload), beforeAnyKey))).toBe(
      'auth_token_invalid',
    )
  })
})

describe('decodeToken', () => {
  const part = encode({ a: 1 })
  it('splits a token', () => {
    expect(decodeToken(`${part}.${part}.AAAA`)).toEqual({
      header: { a: 1 },
      payload: { a: 1 },
      signature: new Uint8Array(3),
      signingInput: `${part}.${part}`,
    })
  })

  it.each([
    ['nothing', ''],
    ['one part', part],
    ['two parts', `${part}.${part}`],
    ['four parts', `${part}.${part}.AAAA.AAAA`],
    ['five parts, a JWE', `${part}.AAAA.AAAA.AAAA.AAAA`],
    ['an empty header', `.${part}.AAAA`],
    ['an empty payload', `${part}..AAAA`],
    ['an empty signature', `${part}.${part}.`],
    ['padding', `${part}=.${part}.AAAA`],
    ['base64', `${Buffer.from('{"a":"???>>>"}').toString('base64')}.${part}.AAAA`],
    ['unused bits in the signature', `${part}.${part}.AB`],
    ['a leading space', ` ${part}.${part}.AAAA`],
    ['a trailing line feed', `${part}.${part}.AAAA\n`],
    ['a header that is an array', `${encode([1])}.${part}.AAAA`],
    ['a header that is null', `${encode(null)}.${part}.AAAA`],
    ['a payload that is a string', `${part}.${encode('a')}.AAAA`],
    ['a payload that is not JSON', `${part}.AAAA.AAAA`],
    ['a payload that is not UTF-8', `${part}.${Buffer.from([0x22, 0xff, 0x22]).toString('base64url')}.AAAA`],
    ['more than 8 KiB', `${part}.${encode({ a: 'a'.repeat(8192) })}.AAAA`],
  ])('returns undefined for %s', (_name, text) => {
    expect(decodeToken(text)).toBeUndefined()
  })

  it('returns undefined for text without dots, even if each part of it would be valid', () => {
    const header = encode({ pad: 'aaaa' })
    expect(header.length % 4).toBe(3)
    expect(decodeToken(`${header}A`)).toBeUndefined()
  })

  it('splits a token of 8,192 characters, and none longer', () => {
    const start = `${encode({ pad: 'a'.repeat(30) })}.${encode({})}.`
    for (const rest of [0, 2, 3]) {
      const token = (length: number) => start + 'A'.repeat(length - start.length)
      const length = 8192 - ((8192 - start.length) % 4) + rest
      expect(decodeToken(token(length)) === undefined).toBe(length > 8192)
      expect(decodeToken(token(length), length)).toBeDefined()
      expect(decodeToken(token(length), length - 1)).toBeUndefined()
    }
  })
})

it.each<[string, (entry: string) => object]>([
  ['revoked', (entry) => ({ revoked: [entry] })],
  ['revoked_before', (entry) => ({ revoked_before: { [entry]: now } })],
])('accepts an entry of at most 32 characters in a revocation list: %s', async (_claim, of) => {
  const list = await craft('revocations+jwt', of('x'.repeat(32)))
  expect(await verify('revocations+jwt', list)).toMatchObject({ claims: of('x'.repeat(32)) })
  const tooLong = await craft('revocations+jwt', of('x'.repeat(33)))
  expect(await refusalCode(() => verify('revocations+jwt', tooLong, beforeAnyKey))).toBe('revocation_list_refused')
})

const call = { method: 'DELETE', target: `${audience}/files/7`, digest: 'sha-256=:AA==:' }
const single = { call, jti: 'j1', iat: now }

it('accepts an auth token and a resource token for one call', async () => {
  expect(await verify('auth+jwt', await craft('auth+jwt', single))).toMatchObject({ claims: single })
  expect(await verify('resource+jwt', await craft('resource+jwt', { call }))).toMatchObject({ claims: { call } })
})

it.each<[string, object]>([
  ['no jti', { jti: undefined }],
  ['no iat', { iat: undefined }],
  ['an empty call', { call: {} }],
  ['a call that is null', { call: null }],
  ['a call that is text', { call: 'DELETE' }],
  ['no method', { call: { ...call, method: undefined } }],
  ['a method with a space', { call: { ...call, method: 'DELETE /' } }],
  ['no target', { call: { ...call, target: undefined } }],
  ['a target without an origin', { call: { ...call, target: '/files/7' } }],
  ['a target with a line feed', { call: { ...call, target: `${call.target}\n` } }],
  ['a digest that is a number', { call: { ...call, digest: 1 } }],
])('rejects an auth token for one call with %s', async (_what, change) => {
  const token = await craft('auth+jwt', { ...single, ...change })
  expect(await refusalCode(() => verify('auth+jwt', token, beforeAnyKey))).toBe('auth_token_invalid')
})

describe('issueToken', () => {
  it('keeps iat and jti if the claims contain them', async () => {
    const token = await issueToken(
      january.tokens.agent,
      { ...claims['agent+jwt'], iat: 1, jti: 'j' },
      { signer, now: () => now },
    )
    expect(decodeToken(token)?.payload).toMatchObject({ iat: 1, jti: 'j' })
  })

  it('never issues two tokens with the same jti', async () => {
    const issue = () => issueToken(january.tokens.agent, claims['agent+jwt'], { signer, now: () => now })
    expect(decodeToken(await issue())?.payload.jti).not.toBe(decodeToken(await issue())?.payload.jti)
  })

  it('names the signer’s algorithm', async () => {
    const token = await issueToken(january.tokens.agent, claims['agent+jwt'], { signer: ecdsaSigner })
    expect(decodeToken(token)?.header).toEqual({ alg: 'ES256', kid: 'issuer-key-2', typ: 'agent+jwt' })
  })
})
