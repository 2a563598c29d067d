import { expect } from 'vitest'
import type { Row } from './attack.js'
import { inDer, withLargeS } from './covered-parts-rows.js'
import { craft, refused } from './crafted-cases.js'
import { ids, signers } from './parties.js'
import {
  assemble,
  claiming,
  encode,
  type Forge,
  forged,
  headed,
  type SlotName,
  signText,
  slots,
  type TokenCase,
} from './token-slots.js'

const holders: readonly SlotName[] = ['agentAtResource', 'agentAtTokenEndpoint', 'auth']
const withAudience: readonly SlotName[] = ['resource', 'auth']
const formed: readonly SlotName[] = ['resource']

/** The valid token with the text of its header or claims changed before signing. */
export const written =
  (change: (json: string) => string | Uint8Array, part: 'header' | 'claims' = 'claims'): Forge =>
  ({ header, claims, signer }) => {
    const texts = { header: JSON.stringify(header), claims: JSON.stringify(claims) }
    const parts = (['header', 'claims'] as const).map((name) =>
      name === part ? Buffer.from(change(texts[name])).toString('base64url') : encode(texts[name]),
    )
    return signText(parts.join('.'), signer)
  }

/** The valid token with its text changed after signing. */
const text =
  (change: (token: string) => string): Forge =>
  async (parts) =>
    change(await assemble(parts))

const member = (json: string) => (text: string) => text.replace(/\}$/, `,${json}}`)

/** A token of the attacker that contains its own key. */
const bringingKey =
  (header: Record<string, unknown>): Forge =>
  (parts) => ({ header: { ...parts.header, ...header }, signer: signers.attacker })

/** The attacker's key was not fetched either. */
const unaskedAttacker = (single: TokenCase): TokenCase => ({
  ...single,
  expected: { ...single.expected, also: ({ asked }) => expect(asked.join()).not.toContain(ids.attacker) },
})

/** Makes the slot's issuer publish an ECDSA key in addition to its own. */
const byEcdsa =
  (change: (signature: Buffer) => Buffer = (signature) => signature, alg = 'ES256'): Forge =>
  async ({ header, claims, signer }, { documents }) => {
    const { jwk, kid } = signers.ecdsa
    documents.set(`${String(claims.iss)}/jwks.json`, { keys: [signer.jwk, jwk] })
    if (claims.iss === ids.resource) documents.set(`${ids.agent}/jwks.json`, { keys: [signers.agent.jwk] })
    const input = `${encode(JSON.stringify({ ...header, alg, kid }))}.${encode(JSON.stringify(claims))}`
    return `${input}.${change(Buffer.from(await signers.ecdsa.sign(input))).toString('base64url')}`
  }

const signatureChanged =
  (change: (signature: Buffer) => Buffer): Forge =>
  async (parts) => {
    const [header, claims, signature = ''] = (await assemble(parts)).split('.')
    return [header, claims, change(Buffer.from(signature, 'base64url')).toString('base64url')].join('.')
  }

/** Cases about the form of tokens: header, claims, confirmation and signature, as other parsers read them. */
export const tokenFormRows: readonly Row[] = [
  {
    id: 'T+ header',
    given: 'a header that requires more (RFC 7515 §4, 8725 §3)',
    cases: [
      ...[[], ['exp'], ['b64'], 'exp', null].flatMap((crit) =>
        forged(`crit ${JSON.stringify(crit)}`, headed({ crit }), 'local'),
      ),
      ...forged('b64 false', headed({ b64: false }), 'local'),
      ...forged('b64 true', headed({ b64: true }), 'local'),
      ...forged('typ as a list', (parts) => ({ header: { ...parts.header, typ: [parts.header.typ] } }), 'local'),
      ...forged(
        'typ in uppercase',
        (parts) => ({ header: { ...parts.header, typ: String(parts.header.typ).toUpperCase() } }),
        'local',
      ),
      ...forged(
        'typ with a parameter',
        (parts) => ({ header: { ...parts.header, typ: `${String(parts.header.typ)};a=1` } }),
        'local',
      ),
      ...forged('alg as a list', headed({ alg: ['EdDSA'] }), 'local'),
      ...forged('alg missing', headed({ alg: undefined }), 'local'),
      ...forged('its own jwk and no kid', bringingKey({ jwk: signers.attacker.jwk, kid: undefined }), 'local'),
      ...forged('its own jwk', bringingKey({ jwk: signers.attacker.jwk }), 'invalid').map(unaskedAttacker),
      ...forged(
        'its own jku',
        bringingKey({ jku: `${ids.attacker}/jwks.json`, kid: signers.attacker.kid }),
        'unknownKey',
      ).map(unaskedAttacker),
      ...forged('its own x5u', bringingKey({ x5u: `${ids.attacker}/chain.pem` }), 'invalid').map(unaskedAttacker),
      ...forged('its own x5c', bringingKey({ x5c: ['AAAA'] }), 'invalid'),
      ...forged(
        'alg in the claims only',
        (parts) => ({ header: { ...parts.header, alg: undefined }, claims: { ...parts.claims, alg: 'EdDSA' } }),
        'local',
      ),
      ...forged('duplicate header: alg none last', written(member('"alg":"none"'), 'header'), 'local'),
      ...forged('a kid with a full-width letter', headed({ kid: '\uff41gent-key-1' }), 'unknownKey'),
    ],
  },
  {
    id: 'T+ form',
    given: 'text that is almost a compact JWS (RFC 7515 §3.1, 7.1)',
    cases: [
      ...forged(
        'nested: a token as claims',
        async (parts) =>
          signText(
            `${encode(JSON.stringify({ ...parts.header, cty: 'JWT' }))}.${encode(await assemble(parts))}`,
            parts.signer,
          ),
        'local',
      ),
      ...forged(
        'nested: a token as a string',
        async (parts) =>
          signText(
            `${encode(JSON.stringify(parts.header))}.${encode(JSON.stringify(await assemble(parts)))}`,
            parts.signer,
          ),
        'local',
      ),
      ...forged(
        'a JWE',
        ({ header }) => `${encode(JSON.stringify({ ...header, alg: 'dir', enc: 'A256GCM' }))}..AAAA.AAAA.AAAA`,
        'local',
      ),
      ...forged(
        'four parts',
        text((token) => `${token}.AAAA`),
        'local',
      ),
      ...forged(
        'one part missing',
        text((token) => token.slice(token.indexOf('.') + 1)),
        'local',
      ),
      ...forged(
        'unused bits in the signature',
        text((token) => token.replace(/.$/, (last) => nextLetter(last))),
        'local',
      ),
      ...forged(
        'a leading space',
        text((token) => ` ${token}`),
        'local',
      ),
      ...forged(
        'a trailing space',
        text((token) => `${token} `),
        'local',
      ),
      ...forged(
        'a space inside',
        text((token) => token.replace('.', '. ')),
        'local',
      ),
      ...forged(
        'padding',
        text((token) => `${token}==`),
        'local',
        { slots: formed },
      ),
      ...forged(
        'a trailing line feed',
        text((token) => `${token}\n`),
        'local',
        { slots: formed },
      ),
      ...forged(
        'a trailing NUL',
        text((token) => `${token}\0`),
        'local',
        { slots: formed },
      ),
      ...forged(
        'Bearer before',
        text((token) => `Bearer ${token}`),
        'local',
      ),
      ...forged(
        'more than 8 KiB',
        claiming(() => ({ pad: 'a'.repeat(8192) })),
        'local',
      ),
      ...forged(
        'JSON serialisation',
        async (parts) => {
          const [header, payload, signature] = (await assemble(parts)).split('.')
          return JSON.stringify({ protected: header, payload, signature })
        },
        'local',
        { slots: formed },
      ),
      ...forged(
        'a byte-order mark before the claims',
        written((json) => `\ufeff${json}`),
        'local',
      ),
      ...forged(
        'a byte-order mark before the header',
        written((json) => `\ufeff${json}`, 'header'),
        'local',
      ),
      ...forged(
        'claims in UTF-16',
        written((json) => Buffer.from(json, 'utf16le')),
        'local',
      ),
      ...forged(
        'claims with an invalid byte',
        written((json) => Buffer.concat([Buffer.from(json.slice(0, -1)), Buffer.from(',"a":"\u00ff"}', 'latin1')])),
        'local',
      ),
      ...forged(
        'claims in a list',
        written((json) => `[${json}]`),
        'local',
      ),
      ...forged(
        'claims after claims',
        written((json) => `${json}${json}`),
        'local',
      ),
      ...forged('claims with an extra comma', written(member('')), 'local'),
      ...forged(
        'claims under __proto__',
        written((json) => `{"__proto__":${json}}`),
        'local',
      ),
      ...forged(
        'deeply nested claims are ignored',
        claiming(() => ({ deep: JSON.parse('['.repeat(1000) + ']'.repeat(1000)) as unknown })),
        'accepted',
      ),
    ],
  },
  {
    id: 'T+ claims',
    given: 'claims that JSON allows but no one intends (RFC 7519 §4, 8725 §3.10)',
    cases: [
      ...['1e400', '-1e400', 'NaN', 'Infinity', '01', '1e3000'].flatMap((number) =>
        forged(
          `exp ${number}`,
          written((json) => json.replace(/"exp":\d+/, `"exp":${number}`)),
          'local',
        ),
      ),
      ...forged(
        'exp as an object',
        claiming(() => ({ exp: { valueOf: 9e9 } })),
        'local',
      ),
      ...['1e400', '-1', '"0"', 'true', '[]', 'null'].flatMap((number) =>
        forged(
          `iat ${number}`,
          written((json) => json.replace(/"iat":\d+/, `"iat":${number}`)),
          'local',
        ),
      ),
      ...forged('duplicate exp, the last in the past', written(member('"exp":1')), 'local'),
      ...forged('duplicate exp, the last written with an escape', written(member('"\\u0065xp":1')), 'local'),
      ...forged('duplicate aud, the last different', written(member('"aud":"https://other.example"')), 'local'),
      ...forged(
        'aud as a nested list',
        claiming((_stage, us) => ({ aud: [[us]] })),
        'local',
        { slots: withAudience },
      ),
      ...forged(
        'aud with a member that is not a string',
        claiming((_stage, us) => ({ aud: [us, 1, null] })),
        'local',
        { slots: withAudience },
      ),
      ...forged(
        'aud as an object',
        claiming((_stage, us) => ({ aud: { [us]: true } })),
        'local',
        { slots: withAudience },
      ),
      ...forged(
        'aud with 65 members',
        claiming((_stage, us) => ({ aud: [...Array.from({ length: 64 }, (_, i) => `https://a${i}.example`), us] })),
        'local',
        { slots: withAudience },
      ),
      ...forged('iss as a list', (parts) => ({ claims: { ...parts.claims, iss: [parts.claims.iss] } }), 'local'),
      ...forged(
        'no iss',
        claiming(() => ({ iss: undefined })),
        'local',
      ),
      ...forged(
        'jti as a number',
        claiming(() => ({ jti: 1 })),
        'local',
      ),
      ...forged(
        'sub of 5,000 characters',
        claiming(() => ({ sub: 's'.repeat(5000) })),
        'local',
        { slots: holders },
      ),
      ...forged(
        'scope as a list',
        claiming(() => ({ scope: ['data.read'] })),
        'local',
        { slots: withAudience },
      ),
      ...forged(
        'agent_delegate as a list',
        claiming(() => ({ agent_delegate: ['a'] })),
        'local',
        { slots: ['auth'] },
      ),
      ...forged(
        'scope and auth_request_url',
        claiming(() => ({ auth_request_url: `${ids.authServer}/r` })),
        'local',
        { slots: formed },
      ),
      ...forged(
        'a SHA-1 agent_jkt',
        claiming(() => ({ agent_jkt: 'A'.repeat(27) })),
        'local',
        { slots: formed },
      ),
      ...forged(
        'agent_jkt of another key',
        claiming(() => ({ agent_jkt: signers.attacker.thumbprint })),
        'invalid',
        { slots: formed, needsRequest: true },
      ),
      ...forged(
        'the agent of another key',
        claiming(() => ({ agent: ids.attacker })),
        'invalid',
        { slots: formed, needsRequest: true },
      ),
    ],
  },
  {
    id: 'T+ confirmation',
    given: 'a cnf that points elsewhere (RFC 7800 §3)',
    cases: [
      ...(
        [
          ['no cnf', undefined],
          ['only a thumbprint', { jkt: signers.delegate.thumbprint }],
          ['only a kid', { kid: signers.delegate.kid }],
          ['only a jku', { jku: `${ids.attacker}/jwks.json`, kid: signers.attacker.kid }],
          ['only a JWE', { jwe: 'AAAA' }],
          ['jwk as a string', { jwk: JSON.stringify(signers.delegate.jwk) }],
          ['a list', [{ jwk: signers.delegate.jwk }]],
        ] as const
      ).flatMap(([claim, cnf]) =>
        forged(
          claim,
          claiming(() => ({ cnf })),
          'local',
          { slots: holders },
        ).map(unaskedAttacker),
      ),
      ...(
        [
          ['jwk as a list', [signers.delegate.jwk]],
          ['a private key', { ...signers.delegate.jwk, d: 'AAAA' }],
          ['a symmetric key', { kty: 'oct', k: 'AAAA' }],
          ['a small-order point', { kty: 'OKP', crv: 'Ed25519', x: Buffer.alloc(32).toString('base64url') }],
          ['an encryption key', { ...signers.delegate.jwk, use: 'enc' }],
          ['a key with a different alg', { ...signers.delegate.jwk, alg: 'RS256' }],
          ['only an x5c', { kty: 'OKP', crv: 'Ed25519', x5c: ['AAAA'] }],
        ] as const
      ).flatMap(([claim, jwk]) =>
        forged(
          claim,
          claiming(() => ({ cnf: { jwk } })),
          'invalid',
          { slots: holders },
        ),
      ),
      ...forged(
        'an x5u in the jwk is ignored',
        claiming(() => ({ cnf: { jwk: { ...signers.delegate.jwk, x5u: `${ids.attacker}/a` } } })),
        'accepted',
        { slots: holders },
      ).map(unaskedAttacker),
    ],
  },
  {
    id: 'T+ signature',
    given: 'a signature that is almost right (RFC 8032 §8.4, RFC 7518 §3.4)',
    cases: [
      ...forged('Ed25519 with S + L', signatureChanged(withLargeS), 'invalid'),
      ...forged(
        'half of the bytes',
        signatureChanged((bytes) => bytes.subarray(0, 32)),
        'invalid',
      ),
      ...forged(
        'over the claims alone',
        async ({ header, claims, signer }) => {
          const signature = Buffer.from(await signer.sign(encode(JSON.stringify(claims)))).toString('base64url')
          return `${encode(JSON.stringify(header))}.${encode(JSON.stringify(claims))}.${signature}`
        },
        'invalid',
      ),
      ...forged('ES256 by a published key', byEcdsa(), 'accepted'),
      ...forged('ES256 in DER', byEcdsa(inDer), 'invalid'),
      ...forged(
        'ES256 with all zeros',
        byEcdsa(() => Buffer.alloc(64)),
        'invalid',
      ),
      ...forged('ES256 labeled EdDSA', byEcdsa(undefined, 'EdDSA'), 'invalid'),
    ],
  },
  {
    id: 'T+ expired',
    given: 'an expired auth token with a second fault: no resource token is issued for it',
    cases: [
      ...forged(
        'with another issuer’s key',
        (parts, { clock }) => ({ claims: { ...parts.claims, exp: clock.now }, signer: signers.attacker }),
        'invalid',
        { slots: ['auth'], needsRequest: true },
      ),
      ...forged(
        'for another resource',
        claiming(({ clock }) => ({ exp: clock.now, aud: 'https://other.example' })),
        'local',
        { slots: ['auth'] },
      ),
      {
        claim: 'the request signed with another key',
        valid: async (stage) => craft(stage, await slots.auth.bring(stage, await assemble(slots.auth.parts(stage)))),
        attack: async (stage) => {
          const { claims, ...parts } = slots.auth.parts(stage)
          const jwt = await assemble({ ...parts, claims: { ...claims, exp: stage.clock.now } })
          const message = await craft(stage, {
            target: '/read',
            signer: signers.attacker,
            signatureKey: { scheme: 'jwt', jwt },
          })
          return () => stage.send(message)
        },
        expected: refused,
      },
    ],
  },
]

/** The base64url letter that differs only in the lowest bit. */
function nextLetter(letter: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  return alphabet[alphabet.indexOf(letter) ^ 1] ?? ''
}
