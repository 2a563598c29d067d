import type { Outcome, Row } from './attack.js'
import { accepted } from './crafted-cases.js'
import { ids, signers } from './parties.js'
import { written } from './token-form-rows.js'
import { claiming, forged, headed, type SlotName } from './token-slots.js'

const holders: readonly SlotName[] = ['agentAtResource', 'agentAtTokenEndpoint', 'auth']
const { jwk, thumbprint, kid } = signers.delegate

/** Inserts a member before all others: the one that most parsers drop. */
const before = (member: string) => (json: string) => json.replace('{', `{${member},`)

const numbered = (number: string) => (json: string) => json.replace(/"exp":\d+/, `"exp":${number}`)

const tooSmall: Outcome = {
  status: 403,
  error: 'insufficient_scope',
  agentAuth: /^httpsig; auth-token; resource_token=/,
  minted: 1,
}

/** Cases about duplicate members and about claims that parsers interpret differently. */
export const ambiguousClaimRows: readonly Row[] = [
  {
    id: 'T+ twice',
    given: 'JSON with a duplicate member, of which parsers keep one (RFC 7515 §4, RFC 7519 §4)',
    cases: [
      ...['"exp":1', '"iss":"https://attacker.example"', '"jti":"a","jti":"a"', '"a":{"b":[{"c":1,"c":1}]}'].flatMap(
        (member) => forged(`claims with ${member} in front`, written(before(member)), 'local'),
      ),
      ...forged('cnf twice', written(before('"cnf":{}')), 'local', { slots: holders }),
      ...['"alg":"none"', '"kid":"a"', '"typ":"JWT"', '"\\u0061lg":"none"'].flatMap((member) =>
        forged(`a header with ${member} in front`, written(before(member), 'header'), 'local'),
      ),
      ...forged(
        'the same name in two different objects is not a duplicate',
        claiming(() => ({ a: { iss: 'a:b', exp: '"' }, b: [{ iss: '\\":' }, null, { iss: {} }] })),
        'accepted',
      ),
    ],
  },
  {
    id: 'T+ numbers',
    given: 'an exp in another notation (RFC 7519 §2)',
    cases: [
      ...forged('1e308', written(numbered('1e308')), 'local'),
      ...forged('minus zero', written(numbered('-0')), 'expired'),
      ...forged('milliseconds', written(numbered('1800000600000')), 'local'),
      ...forged('an exponent', written(numbered('1.8000006e9')), 'accepted'),
      ...forged(
        'true',
        claiming(() => ({ exp: true })),
        'local',
      ),
    ],
  },
  {
    id: 'T+ two keys',
    given: 'a cnf that names more than one key (RFC 7800 §3.1)',
    cases: [
      ...(
        [
          ['a jku', { jku: `${ids.attacker}/jwks.json` }, 'local'],
          ['a jwe', { jwe: 'A.B.C.D.E' }, 'local'],
          ['the thumbprint of another key', { jkt: signers.attacker.thumbprint }, 'invalid'],
          ['an invalid thumbprint', { jkt: null }, 'invalid'],
          ['its own thumbprint is accepted', { jkt: thumbprint }, 'accepted'],
          ['its kid is accepted', { kid }, 'accepted'],
        ] as const
      ).flatMap(([claim, members, verdict]) =>
        forged(
          `next to the jwk: ${claim}`,
          claiming(() => ({ cnf: { jwk, ...members } })),
          verdict,
          { slots: holders },
        ),
      ),
      ...forged(
        'a jwk with other primes (oth)',
        claiming(() => ({ cnf: { jwk: { ...jwk, oth: [] } } })),
        'invalid',
        { slots: holders },
      ),
    ],
  },
  {
    id: 'T+ names',
    given: 'an issuer or agent in another spelling, a header with more members',
    cases: [
      ...['https://agent.example#', 'HTTPS://agent.example', '//agent.example', 'https://agent.example\0'].flatMap(
        (iss) =>
          forged(
            `iss ${JSON.stringify(iss)}`,
            claiming(() => ({ iss })),
            'local',
          ),
      ),
      ...[1, null, [ids.agent], `${ids.agent}/`].flatMap((agent) =>
        forged(
          `agent ${JSON.stringify(agent)}`,
          claiming(() => ({ agent })),
          'local',
          { slots: ['resource', 'auth'] },
        ),
      ),
      ...['ES384', 'PS256', 'HS512', 'EdDSA '].flatMap((alg) => forged(`alg ${alg}`, headed({ alg }), 'local')),
    ],
  },
  {
    id: 'T+ scope',
    given: 'a scope that only some parsers read as data.read (RFC 6749 §3.3)',
    cases: (
      [
        ['data.read  data.write', tooSmall],
        [' data.read', tooSmall],
        ['data.read ', tooSmall],
        ['data.read\tdata.write', tooSmall],
        ['DATA.READ', tooSmall],
        ['data.reads', tooSmall],
        ['data.read data.read', accepted],
        ['other data.read', accepted],
      ] as const
    ).flatMap(([scope, expected]) =>
      forged(
        JSON.stringify(scope),
        claiming(() => ({ scope })),
        'accepted',
        { slots: ['auth'], needsRequest: true },
      ).map((single) => ({ ...single, expected })),
    ),
  },
]
