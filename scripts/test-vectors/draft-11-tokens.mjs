// Requests whose token a resource of draft -11 refuses.
import {
  agent,
  agentJwk,
  agentName,
  clock,
  jwk,
  keys,
  personServer,
  resource,
  signedRequest,
  tokenOf,
  types,
} from './draft-11-parties.mjs'
import { known, refused, validKey } from './draft-11-requests.mjs'
import { issueToken as issue } from './parts.mjs'

/** One change to a token of a type. */
const change = (type, name, error, parts, code) => {
  const isExpired = error === 'expired_jwt'
  const invalid = `${type === 'agent' ? 'agent' : 'auth'}_token_${isExpired ? 'expired' : 'invalid'}`
  return refused(`${type} token: ${name}`, error, code ?? invalid, { jwt: tokenOf(type, parts) })
}
export const claim = (claims) => ({ claims })

const ofEveryType = Object.keys(known).flatMap((type) => [
  change(type, 'another dwk', 'invalid_jwt', claim({ dwk: 'aauth-resource.json' })),
  change(type, 'the alg EdDSA', 'invalid_jwt', { header: { alg: 'EdDSA' } }),
  change(type, 'the alg none', 'invalid_jwt', { header: { alg: 'none' } }),
  change(type, 'the alg HS256', 'invalid_jwt', { header: { alg: 'HS256' } }),
  change(type, 'no kid', 'invalid_jwt', { header: { kid: undefined } }),
  change(type, 'a kid that is not published', 'unknown_key', { header: { kid: 'key-2' } }, 'key_unknown'),
  change(type, 'crit', 'invalid_jwt', { header: { crit: ['exp'] } }),
  change(type, 'signed by a different key', 'invalid_jwt', {
    header: { kid: types[type].signedBy },
    signedBy: 'other-key',
  }),
  ...['iss', 'dwk', 'sub', 'jti', 'iat', 'exp', 'cnf', ...(type === 'agent' ? [] : ['aud'])].map((name) =>
    change(type, `no ${name}`, 'invalid_jwt', claim({ [name]: undefined })),
  ),
  change(type, 'an iss with a port', 'invalid_jwt', claim({ iss: `${types[type].claims.iss}:8443` })),
  change(type, 'an iss with a trailing slash', 'invalid_jwt', claim({ iss: `${types[type].claims.iss}/` })),
  change(type, 'a jti of 257 characters', 'invalid_jwt', claim({ jti: 'j'.repeat(257) })),
  change(type, 'expired', 'expired_jwt', claim({ exp: clock })),
  change(type, 'issued in 61 seconds', 'clock_skew', claim({ iat: clock + 61 })),
  change(type, 'a longer lifetime than its type allows', 'invalid_jwt', claim({ iat: clock, exp: clock + 86_461 })),
  change(
    type,
    'a key without an alg',
    'unsupported_algorithm',
    claim({ cnf: { jwk: agentJwk } }),
    'algorithm_unsupported',
  ),
  change(
    type,
    'a key with the alg EdDSA',
    'unsupported_algorithm',
    claim({ cnf: { jwk: { ...agentJwk, alg: 'EdDSA' } } }),
    'algorithm_unsupported',
  ),
  change(
    type,
    'a key with the alg of another key type',
    'invalid_key',
    claim({ cnf: { jwk: { ...jwk, alg: 'ES256' } } }),
  ),
  change(
    type,
    'a key of a curve that its alg does not have',
    'invalid_key',
    claim({ cnf: { jwk: { ...jwk, crv: 'X25519' } } }),
  ),
  change(
    type,
    'a key of an algorithm that is not implemented',
    'unsupported_algorithm',
    claim({ cnf: { jwk: { kty: 'RSA', n: 'AQAB', e: 'AQAB', alg: 'RS256' } } }),
    'algorithm_unsupported',
  ),
  change(type, 'a key with its private part', 'invalid_key', claim({ cnf: { jwk: { ...jwk, d: jwk.x } } })),
  change(
    type,
    'for a different key',
    'invalid_signature',
    claim({ cnf: { jwk: { ...keys['other-key'].jwk, alg: 'Ed25519' } } }),
    'signature_mismatch',
  ),
])

const ofOneType = [
  ...Object.entries({ copied: 'issuer_mismatch', unnamed: 'issuer_missing', absent: 'unknown_key' }).map(
    ([host, error]) =>
      change(
        'agent',
        `of an issuer whose document is ${host}`,
        error,
        claim({ iss: `https://${host}.example`, sub: `aauth:assistant@${host}.example` }),
        'key_unknown',
      ),
  ),
  change(
    'agent',
    'signed by a published key without an alg',
    'unsupported_algorithm',
    { header: { kid: 'no-alg' }, signedBy: 'other-key' },
    'algorithm_unsupported',
  ),
  change(
    'agent',
    'signed by a published key with the alg EdDSA',
    'unsupported_algorithm',
    { header: { kid: 'open-alg' }, signedBy: 'other-key' },
    'algorithm_unsupported',
  ),
  change('agent', 'a sub that is not an agent identifier', 'invalid_jwt', claim({ sub: 'assistant' })),
  change('agent', 'a sub at another host', 'invalid_jwt', claim({ sub: 'aauth:assistant@other.example' })),
  change('agent', 'a sub-agent without a parent', 'invalid_jwt', claim({ sub: 'aauth:assistant+mail@agent.example' })),
  change(
    'agent',
    'a parent that is not an agent identifier',
    'invalid_jwt',
    claim({ sub: 'aauth:assistant+mail@agent.example', parent_agent: 'assistant' }),
  ),
  change('agent', 'a ps that is not a server identifier', 'invalid_jwt', claim({ ps: 'ps.example' })),
  ...['person', 'auth'].flatMap((type) => [
    change(type, 'for another resource', 'invalid_jwt', claim({ aud: 'https://other.example' })),
    change(type, 'for two resources', 'invalid_jwt', claim({ aud: [resource, 'https://other.example'] })),
    change(type, 'a lifetime of more than an hour', 'invalid_jwt', claim({ iat: clock - 60, exp: clock + 3541 })),
  ]),
  change('person', 'a scope', 'invalid_jwt', claim({ scope: 'data.read' })),
  change('person', 'an account', 'invalid_jwt', claim({ account: 'work' })),
  change('auth', 'no ps', 'invalid_jwt', claim({ ps: undefined })),
  change('auth', 'a ps that is not its iss', 'invalid_jwt', claim({ ps: 'https://other.example' })),
  change('auth', 'an act claim', 'invalid_jwt', claim({ act: { sub: agentName } })),
  change('auth', 'an agent claim', 'invalid_jwt', claim({ agent: agentName })),
  refused('a resource token in Signature-Key', 'invalid_jwt', 'agent_token_invalid', { jwt: tokenOf('resource') }),
]

/** Requests of January 2026, of which each part alone must be refused. */
const januaryClaims = { iss: agent, sub: 'assistant', exp: clock + 600, cnf: { jwk: agentJwk } }
const januaryToken = issue(
  { alg: 'EdDSA', kid: 'provider-key-1', typ: 'agent+jwt' },
  januaryClaims,
  keys['provider-key-1'],
)
const januaryAuth = issue(
  { alg: 'EdDSA', kid: 'person-key-1', typ: 'auth+jwt' },
  { ...januaryClaims, iss: personServer, aud: resource, agent, scope: 'data.read' },
  keys['person-key-1'],
)
const otherEdition = [
  ...Object.entries({
    'an agent token': `sig1=(scheme=jwt jwt="${januaryToken}")`,
    'an auth token': `sig1=(scheme=jwt jwt="${januaryAuth}")`,
    'a published key': `sig1=(scheme=jwks id="${agent}" kid="provider-key-1" well-known="aauth-agent")`,
    'a header key': `sig1=(scheme=hwk kty="OKP" crv="Ed25519" x="${jwk.x}")`,
  }).map(([what, signatureKey]) =>
    refused(`January 2026: ${what}`, 'invalid_signature', 'signature_malformed', { label: 'sig1', signatureKey }),
  ),
  refused('January 2026: its agent token in this Signature-Key', 'invalid_jwt', 'agent_token_invalid', {
    jwt: januaryToken,
  }),
  refused('January 2026: its auth token in this Signature-Key', 'invalid_jwt', 'agent_token_invalid', {
    jwt: januaryAuth,
  }),
  refused('January 2026: members of both grammars', 'invalid_signature', 'signature_malformed', {
    signatureKey: `${validKey}, sig1=(scheme=hwk kty="OKP" crv="Ed25519" x="${jwk.x}")`,
  }),
]

const untrusted = {
  name: 'auth token: from a person server that the resource does not accept',
  ...signedRequest({
    jwt: tokenOf('auth', {
      claims: { iss: 'https://other.example', ps: 'https://other.example' },
      signedBy: 'other-key',
    }),
  }),
  verdict: { accepted: false, status: 403, error: 'denied', code: 'policy_denied' },
}

export const tokenCases = [...ofEveryType, ...ofOneType, untrusted, ...otherEdition]
