import { createHmac } from 'node:crypto'
import { createResource } from 'countersign/resource'
import { expect } from 'vitest'
import { documentFetch, issuerDocuments } from '../origins.js'
import { receivedMessage } from '../received-message.js'
import type { Case, Outcome, Row } from './attack.js'
import { accepted, craft, headerOf, type Parts, passes, refused, resigned, surrounded } from './crafted-cases.js'
import { ids, signers } from './parties.js'
import type { Stage } from './stage.js'
import {
  assemble,
  authorized,
  claiming,
  encode,
  type Forge,
  forged,
  headed,
  type SlotName,
  slots,
  type TokenCase,
} from './token-slots.js'

const everySlot: readonly SlotName[] = ['agentAtResource', 'agentAtTokenEndpoint', 'resource', 'auth']
const withAudience: readonly SlotName[] = ['resource', 'auth']
const holders: readonly SlotName[] = ['agentAtResource', 'agentAtTokenEndpoint', 'auth']
const agentSlots: readonly SlotName[] = ['agentAtResource', 'agentAtTokenEndpoint']

const types = [
  'agent+jwt',
  'resource+jwt',
  'auth+jwt',
  'revocations+jwt',
  'JWT',
  'at+jwt',
  undefined,
  'application/',
] as const

/** A slot's token under another `typ`, or a genuine token of another kind. */
function typed(name: SlotName, typ: (typeof types)[number]): TokenCase[] {
  const { kind } = slots[name]
  const value = typ === 'application/' ? `application/${kind}` : typ
  const claim = typ === undefined ? 'no typ' : `typ ${value}`
  if (value === kind) return forged(`${claim}, its own`, headed({ typ: value }), 'accepted', { slots: [name] })
  // Another kind of token in the same header is judged by its own type.
  if (value === (name === 'auth' ? 'agent+jwt' : name === 'resource' ? '' : 'auth+jwt')) return []
  return forged(claim, headed({ typ: value }), 'local', { slots: [name] })
}

function otherKind(claim: string, slot: SlotName, typ: string, expected: Outcome): TokenCase {
  const [single] = forged(claim, headed({ typ }), 'local', { slots: [slot] })
  if (!single) throw new TypeError('a case has a slot')
  return { ...single, expected }
}

async function unsigned(parts: Parameters<Forge>[0], alg: unknown): Promise<string> {
  const { header, claims } = parts
  return `${encode(JSON.stringify({ ...header, alg }))}.${encode(JSON.stringify(claims))}.`
}

const part = (token: string, index: number, change: (bytes: Buffer) => Buffer) =>
  token
    .split('.')
    .map((text, at) => (at === index ? change(Buffer.from(text, 'base64url')).toString('base64url') : text))
    .join('.')

const audiences: readonly (readonly [string, (us: string) => unknown])[] = [
  ['another', () => 'https://other.example'],
  ['a prefix of our identifier', (us) => us.slice(0, -1)],
  ['our identifier with a suffix', (us) => `${us}.evil.example`],
  ['our identifier with a slash', (us) => `${us}/`],
  ['our identifier in uppercase', (us) => us.toUpperCase()],
  ['a list without our identifier', () => ['https://other.example', 'https://else.example']],
  ['a list with our identifier and a slash', (us) => [`${us}/`]],
  ['an empty list', () => []],
  ['empty', () => ''],
  ['null', () => null],
]

const stolen = (slot: SlotName): Case => ({
  claim: `${slots[slot].name}, signed with another key`,
  valid: async (stage) => craft(stage, await slots[slot].bring(stage, await assemble(slots[slot].parts(stage)))),
  attack: async (stage) => {
    const parts = await slots[slot].bring(stage, await assemble(slots[slot].parts(stage)))
    const message = await craft(stage, { ...parts, signer: signers.attacker })
    return () => stage.send(message)
  },
  expected: refused,
})

/** Group T: tokens in the slots of the January edition. */
export const tokenRows: readonly Row[] = [
  {
    id: 'T01',
    given: 'a token of each other type in each slot',
    cases: [
      ...everySlot.flatMap((slot) => types.flatMap((typ) => typed(slot, typ))),
      otherKind('typ auth+jwt', 'agentAtResource', 'auth+jwt', {
        status: 401,
        error: 'invalid_auth_token',
        unasked: 'any',
      }),
      otherKind('typ auth+jwt', 'agentAtTokenEndpoint', 'auth+jwt', {
        status: 400,
        error: 'invalid_request',
        unasked: 'any',
      }),
      otherKind('typ agent+jwt', 'auth', 'agent+jwt', {
        status: 401,
        error: 'invalid_signature',
        signatureError: 'unknown_key',
      }),
    ],
    later: 'the slot for upstream tokens: with token exchange',
  },
  {
    id: 'T02',
    given: 'a token without a signature',
    cases: ['none', 'None', 'nOnE', 'NONE', 'EdDSA', '']
      .flatMap((alg) => forged(`alg ${alg || 'empty'} and no signature`, (parts) => unsigned(parts, alg), 'local'))
      .concat(
        forged('alg none, signed', headed({ alg: 'none' }), 'local'),
        forged('only two parts', async (parts) => (await unsigned(parts, 'none')).slice(0, -1), 'local'),
      ),
  },
  {
    id: 'T03',
    given: 'HMAC with the public key as secret',
    cases: ['HS256', 'EdDSA'].flatMap((alg) =>
      [
        ['the JWK', (jwk: object) => JSON.stringify(jwk)],
        ['the point', (jwk: { x?: string }) => Buffer.from(jwk.x ?? '', 'base64url').toString('latin1')],
      ].flatMap(([claim, secretOf]) =>
        forged(
          `alg ${alg}, ${String(claim)}`,
          ({ header, claims, signer }) => {
            const input = `${encode(JSON.stringify({ ...header, alg }))}.${encode(JSON.stringify(claims))}`
            const secret = (secretOf as (jwk: object) => string)(signer.jwk)
            return `${input}.${createHmac('sha256', Buffer.from(secret, 'latin1')).update(input).digest('base64url')}`
          },
          alg === 'HS256' ? 'local' : 'invalid',
        ),
      ),
    ),
  },
  {
    id: 'T04',
    given: 'an alg that does not match the key',
    cases: [
      ...['ES256', 'PS512'].flatMap((alg) => forged(`${alg} with an Ed25519 key`, headed({ alg }), 'invalid')),
      ...['RS256', 'ES256K', 'ed25519', 'eddsa'].flatMap((alg) => forged(alg, headed({ alg }), 'local')),
      ...forged('Ed25519, the other name for EdDSA', headed({ alg: 'Ed25519' }), 'accepted'),
      ...(['agentAtResource', 'resource', 'auth'] as const).flatMap((slot) =>
        forged(
          'a key whose JWK has a different alg',
          ({ signer }, { documents }) => {
            documents.set(`${slots[slot].issuer}/jwks.json`, { keys: [{ ...signer.jwk, alg: 'ES256' }] })
            return {}
          },
          'unknownKey',
          { slots: [slot], needsRequest: true },
        ),
      ),
    ],
  },
  {
    id: 'T07',
    given: 'a missing or invalid kid',
    cases: [
      ...[undefined, '', null, 1, ['agent-key-1'], 'k'.repeat(10_000), 'k'.repeat(257)].flatMap((kid) =>
        forged(`kid ${JSON.stringify(kid)?.slice(0, 20)} of ${String(kid).length}`, headed({ kid }), 'local'),
      ),
      ...["' OR 1=1 --", '../../etc/passwd', '__proto__', 'constructor', '\u0000', 'AGENT-KEY-1'].flatMap((kid) =>
        forged(`kid ${JSON.stringify(kid)}`, headed({ kid }), 'unknownKey'),
      ),
    ],
  },
  {
    id: 'T08',
    given: 'a signature that is not the issuer’s over this token',
    cases: [
      ...forged('by another key', () => ({ signer: signers.attacker }), 'invalid'),
      ...forged('with a bit flipped', async (parts) => part(await assemble(parts), 2, flipped), 'invalid'),
      ...forged('with the payload changed', async (parts) => part(await assemble(parts), 1, changed), 'invalid'),
      ...forged('with the header changed', async (parts) => part(await assemble(parts), 0, changed), 'invalid'),
      ...forged('of zeros', async (parts) => part(await assemble(parts), 2, () => Buffer.alloc(64)), 'invalid'),
      ...forged('an extra byte', async (parts) => part(await assemble(parts), 2, longer), 'invalid'),
    ],
  },
  {
    id: 'T09',
    given: 'an exp that is invalid, past or too far ahead',
    cases: [
      ...forged(
        'no exp',
        claiming(() => ({ exp: undefined })),
        'local',
      ),
      ...forged(
        'exp = now',
        claiming(({ clock }) => ({ exp: clock.now })),
        'expired',
      ),
      ...forged(
        'exp = now - 1',
        claiming(({ clock }) => ({ exp: clock.now - 1 })),
        'expired',
      ),
      ...forged(
        'exp = 0',
        claiming(() => ({ exp: 0 })),
        'expired',
      ),
      ...forged(
        'exp = now + 1',
        claiming(({ clock }) => ({ exp: clock.now + 1 })),
        'accepted',
      ),
      ...forged(
        'a string',
        claiming(({ clock }) => ({ exp: String(clock.now + 60) })),
        'local',
      ),
      ...forged(
        'negative',
        claiming(() => ({ exp: -1 })),
        'local',
      ),
      ...forged(
        'null',
        claiming(() => ({ exp: null })),
        'local',
      ),
      ...forged(
        'a boolean',
        claiming(() => ({ exp: true })),
        'local',
      ),
      ...forged(
        'more than 24 h',
        claiming(({ clock }) => ({ exp: clock.now + 86_401 })),
        'local',
      ),
      ...forged(
        'more than 15 min',
        claiming(({ clock }) => ({ exp: clock.now + 901 })),
        'local',
        { slots: ['resource'] },
      ),
      ...forged(
        'exactly 15 min',
        claiming(({ clock }) => ({ exp: clock.now + 900 })),
        'accepted',
      ),
    ],
  },
  {
    id: 'T10',
    given: 'iat or nbf in the future',
    cases: ['iat', 'nbf'].flatMap((claim) => [
      ...forged(
        `${claim} 61 s ahead`,
        claiming(({ clock }) => ({ [claim]: clock.now + 61 })),
        'local',
      ),
      ...forged(
        `${claim} 60 s ahead`,
        claiming(({ clock }) => ({ [claim]: clock.now + 60 })),
        'accepted',
      ),
      ...forged(
        `${claim} a string`,
        claiming(({ clock }) => ({ [claim]: String(clock.now) })),
        'local',
      ),
    ]),
  },
  {
    id: 'T11',
    given: 'a perfectly signed auth token from an untrusted issuer',
    cases: ['https://other-auth.example', 'https://auth.example.evil.example', ids.agent].flatMap((iss) =>
      forged(
        iss,
        (parts, { documents }) => {
          for (const [url, document] of Object.entries(issuerDocuments(iss, [signers.attacker.jwk]))) {
            documents.set(url, document)
          }
          const header = { ...parts.header, kid: signers.attacker.kid }
          return { header, claims: { ...parts.claims, iss }, signer: signers.attacker }
        },
        'local',
        { slots: ['auth'] },
      ).map((single): TokenCase => ({ ...single, expected: { ...single.expected, unasked: 'any' } })),
    ),
  },
  {
    id: 'T12',
    given: 'an aud without our identifier',
    cases: [
      ...audiences.flatMap(([claim, aud]) =>
        forged(
          claim,
          claiming((_stage, us) => ({ aud: aud(us) })),
          'local',
          { slots: withAudience },
        ),
      ),
      ...forged(
        'no aud',
        claiming(() => ({ aud: undefined })),
        'local',
        { slots: withAudience },
      ),
      ...forged(
        'a list with our identifier',
        claiming((_stage, us) => ({ aud: ['https://other.example', us] })),
        'accepted',
        {
          slots: withAudience,
        },
      ),
    ],
  },
  {
    id: 'T13',
    given: 'an agent token whose aud excludes the receiver',
    cases: agentSlots.flatMap((name) => [
      ...audiences.flatMap(([claim, aud]) =>
        forged(
          claim,
          claiming(() => ({ aud: aud(slots[name].audience) })),
          'local',
          { slots: [name] },
        ),
      ),
      ...forged(
        'us',
        claiming(() => ({ aud: slots[name].audience })),
        'accepted',
        { slots: [name] },
      ),
    ]),
  },
  {
    id: 'T15',
    given: 'a stolen token',
    cases: holders.map(stolen),
  },
  {
    id: 'T16',
    given: 'an auth token without agent',
    cases: [
      ...forged(
        'none',
        claiming(() => ({ agent: undefined })),
        'invalid',
        { slots: ['auth'], needsRequest: true },
      ),
      ...['/identity', '/data'].map((target) =>
        resigned(
          `none, if less is required: ${target}`,
          async (stage) => {
            const { claims, ...parts } = slots.auth.parts(stage)
            const jwt = await assemble({ ...parts, claims: { ...claims, agent: undefined } })
            return { signatureKey: { scheme: 'jwt', jwt } }
          },
          slots.auth.invalid,
          { base: async (stage) => ({ ...(await authorized(stage)), target }) },
        ),
      ),
    ],
  },
  {
    id: 'T17',
    given: 'an agent token for another delegate, signed by a delegate’s key',
    cases: [
      ...forged(
        'under the delegate’s kid',
        (parts) => ({
          header: { ...parts.header, kid: signers.delegate.kid },
          claims: { ...parts.claims, sub: 'delegate-2' },
          signer: signers.delegate,
        }),
        'unknownKey',
        { slots: agentSlots },
      ),
      ...forged(
        'under the agent server’s kid',
        (parts) => ({ claims: { ...parts.claims, sub: 'delegate-2' }, signer: signers.delegate }),
        'invalid',
        { slots: agentSlots },
      ),
    ],
  },
  {
    id: 'T18',
    given: 'an agent token without sub',
    cases: [undefined, '', null, 1, ['delegate-1']].flatMap((sub) =>
      forged(
        `sub ${JSON.stringify(sub)}`,
        claiming(() => ({ sub })),
        'local',
        { slots: agentSlots },
      ),
    ),
  },
  {
    id: 'T19',
    given: 'an auth token with data.read on a route that requires data.write',
    cases: [
      ...['data.read', 'data.writes', 'DATA.WRITE', 'data.*', undefined].map((scope) =>
        resigned(
          `scope ${scope}`,
          async (stage) => scoped(stage, scope),
          { status: 403, error: 'insufficient_scope', agentAuth: /^httpsig; auth-token; resource_token="/, minted: 1 },
          { base: async (stage) => scoped(stage, 'data.write') },
        ),
      ),
      passes('both scopes', async (stage) => scoped(stage, 'data.read data.write'), {
        base: async (stage) => scoped(stage, 'data.write'),
      }),
    ],
  },
  {
    id: 'T22',
    given: 'tokens from two issuers with the same sub',
    checks: [
      {
        claim: 'are two users: the key is (iss, sub)',
        check: async () => {
          const now = 1_800_000_000
          const users = await Promise.all(
            [ids.authServer, 'https://other-auth.example'].map(async (authServer) => {
              const { fetch } = documentFetch(issuerDocuments(authServer, [signers.authServer.jwk]))
              const resource = createResource({
                id: ids.resource,
                signer: signers.resource,
                authServer,
                fetch,
                now: () => now,
              })
              const stage = { clock: { now } } as Stage
              const { claims, ...parts } = slots.auth.parts(stage)
              const jwt = await assemble({ ...parts, claims: { ...claims, iss: authServer } })
              const message = await craft(stage, await slots.auth.bring(stage, jwt))
              const { iss, sub } = await resource.verify(receivedMessage(message), {
                require: 'authorization',
                scope: 'data.read',
              })
              return { iss, sub }
            }),
          )
          expect(users).toEqual([
            { iss: ids.authServer, sub: 'user-1' },
            { iss: 'https://other-auth.example', sub: 'user-1' },
          ])
        },
      },
    ],
  },
  {
    id: 'T23',
    given: 'a token whose grant was revoked',
    cases: [599, 600, 601].map(
      (seconds): Case => ({
        claim: `${seconds} s after it was issued for 600 s`,
        valid: async (stage) => craft(stage, await slots.auth.bring(stage, await assemble(slots.auth.parts(stage)))),
        attack: async (stage, valid) => {
          expect((await stage.send(valid)).status).toBe(200)
          stage.clock.now += seconds
          const jwt = /jwt="([^"]*)"/.exec(headerOf(valid, 'signature-key'))?.[1] ?? ''
          const message = await craft(stage, await slots.auth.bring(stage, jwt))
          return () => stage.send(message)
        },
        expected: seconds < 600 ? accepted : slots.auth.expired,
      }),
    ),
  },
  {
    id: 'T24',
    given: 'a signing key that is being retired',
    cases: everySlot.map((name) =>
      surrounded(
        `${slots[name].name}, signed with it earlier`,
        (stage) => {
          const { issuer, parts } = slots[name]
          stage.documents.set(`${issuer}/jwks.json`, { keys: [signers.agentNext.jwk, parts(stage).signer.jwk] })
        },
        accepted,
        { base: async (stage) => slots[name].bring(stage, await assemble(slots[name].parts(stage))) },
      ),
    ),
  },
]

async function scoped(stage: Stage, scope: string | undefined): Promise<Parts> {
  const { claims, ...parts } = slots.auth.parts(stage)
  return {
    ...(await slots.auth.bring(stage, await assemble({ ...parts, claims: { ...claims, scope } }))),
    target: '/write',
  }
}

function flipped(bytes: Buffer): Buffer {
  return Buffer.from(bytes.map((byte, index) => (index === 5 ? byte ^ 4 : byte)))
}

/** Different JSON with the same meaning. */
function changed(bytes: Buffer): Buffer {
  return Buffer.from(bytes.toString().replace(/^\{/, '{ '))
}

function longer(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc(1)])
}
