// Messages and tokens of draft -11, accepted and refused.
import {
  agentName,
  clock,
  documents,
  jwk,
  keys,
  personServer,
  resource,
  signedRequest,
  tokenOf,
  types,
} from './draft-11-parties.mjs'
import { requestCases } from './draft-11-requests.mjs'
import { claim, tokenCases } from './draft-11-tokens.mjs'

/** What a resource responds to a token that is valid, but not the one that is needed. */
const need = (name, needs, token, requirement, parts = {}) => ({
  name,
  needs,
  ...signedRequest({
    jwt: token && tokenOf(token, parts),
    ...(token ? {} : { without: ['signature', 'signature-input', 'signature-key'] }),
  }),
  verdict: requirement === undefined ? { accepted: true } : { accepted: false, status: 401, requirement },
})
const read = { token: 'auth', scope: 'data.read' }
const write = { token: 'auth', scope: 'data.write' }
const resourceTokenFor = (presented, scope) => {
  const { sub, dwk: _dwk, ...claims } = types.resource.claims
  const { iat: _iat, exp: _exp, jti: _jti, ...fixed } = claims
  return {
    requirement: 'auth-token',
    resourceToken: {
      ...fixed,
      sub,
      dwk: 'aauth-resource.json',
      presented_jti: presented,
      scope,
      iat: clock,
      exp: clock + 300,
    },
  }
}
const needs = [
  need('an agent token where one is needed', { token: 'agent' }, 'agent'),
  need('no token where an agent token is needed', { token: 'agent' }, undefined, { requirement: 'agent-token' }),
  need('a person token where an agent token is needed', { token: 'agent' }, 'person', { requirement: 'agent-token' }),
  need('an auth token where an agent token is needed', { token: 'agent' }, 'auth', { requirement: 'agent-token' }),
  need('no token where a person token is needed', { token: 'person' }, undefined, { requirement: 'person-token' }),
  need('an agent token where a person token is needed', { token: 'person' }, 'agent', { requirement: 'person-token' }),
  need('a person token where one is needed', { token: 'person' }, 'person'),
  need('an auth token where a person token is needed', { token: 'person' }, 'auth'),
  need('no token where an auth token is needed', read, undefined, { requirement: 'person-token' }),
  need('an agent token where an auth token is needed', read, 'agent', { requirement: 'person-token' }),
  need('a person token where an auth token is needed', read, 'person', resourceTokenFor('token-1', 'data.read')),
  need('an auth token with the scope that is needed', read, 'auth'),
  need(
    'an auth token without the scope that is needed',
    write,
    'auth',
    resourceTokenFor('token-1', 'data.read data.write'),
  ),
]

/** Resource tokens, as a person server verifies them. */
const resourceToken = (name, error, parts) => ({
  name,
  token: tokenOf('resource', parts),
  verdict: error === undefined ? { accepted: true } : { accepted: false, status: 400, error },
})
const [invalid, expired] = ['invalid_resource_token', 'expired_resource_token']
const resourceTokens = [
  resourceToken('valid', undefined),
  resourceToken(
    'valid, with an account, a login_hint and a tenant',
    undefined,
    claim({ account: 'work', login_hint: 'me', tenant: 't1' }),
  ),
  resourceToken('another typ', invalid, { header: { typ: 'aa-auth+jwt' } }),
  resourceToken('another dwk', invalid, claim({ dwk: 'aauth-person.json' })),
  resourceToken('the alg EdDSA', invalid, { header: { alg: 'EdDSA' } }),
  resourceToken('signed by a different key', invalid, { header: { kid: 'resource-key-1' }, signedBy: 'other-key' }),
  resourceToken('for another person server', invalid, claim({ aud: 'https://other.example' })),
  resourceToken('expired', expired, claim({ exp: clock })),
  resourceToken('a cnf', invalid, claim({ cnf: { jwk } })),
  resourceToken('an agent claim', invalid, claim({ agent: agentName })),
  resourceToken('an agent_jkt that is not a thumbprint', invalid, claim({ agent_jkt: 'abc' })),
  ...['aud', 'ps', 'sub', 'jti', 'iat', 'exp', 'presented_jti', 'agent_jkt'].map((name) =>
    resourceToken(`no ${name}`, invalid, claim({ [name]: undefined })),
  ),
]

const header = (name, value, parsed) => ({ name, value, parsed: parsed ?? null })
const url = `${personServer}/person/interact`
const requirement = 'AAuth-Requirement'
const headers = [
  header(requirement, 'requirement=agent-token', { requirement: 'agent-token' }),
  header(requirement, 'requirement=person-token', { requirement: 'person-token' }),
  header(requirement, 'requirement=approval', { requirement: 'approval' }),
  header(requirement, 'requirement=person-token;reason="x"', { requirement: 'person-token' }),
  header(requirement, 'other=1, requirement=person-token', { requirement: 'person-token' }),
  header(requirement, `requirement=auth-token;resource-token="${tokenOf('resource')}"`, {
    requirement: 'auth-token',
    resourceToken: tokenOf('resource'),
  }),
  header(requirement, `requirement=interaction;url="${url}";code="7KQ2-M4XD-91TB"`, {
    requirement: 'interaction',
    url,
    code: '7KQ2-M4XD-91TB',
  }),
  header(requirement, 'requirement=payment;amount=3', { requirement: 'unknown', name: 'payment' }),
  header(requirement, 'requirement="person-token"'),
  header(requirement, 'requirement=(person-token)'),
  header(requirement, 'requirement=auth-token'),
  header(requirement, 'requirement=auth-token;resource-token=abc'),
  header(requirement, `requirement=interaction;url="${url}"`),
  header(requirement, 'person-token'),
  header(requirement, 'httpsig; identity=?1'),
  header('Signature-Error', 'error=expired_jwt', { error: 'expired_jwt' }),
  header('Signature-Error', 'error=invalid_input, required_input=("@method" "@query")', {
    error: 'invalid_input',
    requiredInput: ['@method', '@query'],
  }),
  header('Signature-Error', 'error=invalid_input;x=1, other=?1', { error: 'invalid_input' }),
  header('Signature-Error', 'error="invalid_jwt"'),
  header('Signature-Error', 'invalid_jwt'),
]

export const vectors = {
  description: [
    'Messages and tokens of AAuth draft -11, accepted and refused, for any implementation of a resource, an agent or a person server.',
    'Set the clock to `clock` (Unix seconds). Serve every fetch from `documents`: the name is the URL, and the status is 200; any other URL returns 404. Start each case with empty caches: all requests have the same nonce, and each must be treated as the first.',
    '`cases` are requests to a resource with the identifier of `receiver` that accepts auth and person tokens of `receiver.personServers`, and whose `additional_signature_components` are `receiver.additionalComponents`, as far as the request has them. `request.url` is what the request target and Host stand for, `headers` are names and values in wire order, `body` is UTF-8; nothing else is sent.',
    '`verdict.accepted` tells whether the signature and its token must be accepted; what is known then is the `typ` of the token, `agent` and its `provider`, or `ps`, `sub` and `scope`, and the RFC 7638 thumbprint of the key. A refused request has exactly one fault. `status` and `error` are the response, `signatureError` is the error in Signature-Error if one is required, and `code` is the name that Countersign gives the case, which is not normative.',
    'The cases named January 2026 are messages of the January 2026 edition, which a receiver of draft -11 must refuse. signatures-2026-01.json contains messages of draft -11, which a receiver of January 2026 must refuse.',
    '`needs` are requests to an endpoint that needs `needs.token`, with at least `needs.scope`. The verdict of the others is a 401 with `requirement` in AAuth-Requirement. Its resource token must have the claims of `requirement.resourceToken`, and its own `jti`.',
    '`resourceTokens` are verified by the person server `https://ps.example`, which compares them with neither a presented token nor a signing key. `headers` are values of headers, with what they mean to an agent; null if the agent must ignore the header.',
    '`base` is the signature base, `signedBy` the name of the key in `keys` and `signature` its bytes in base64, for accepted and refused requests alike, so that each signature verifies over its base. Ed25519 is deterministic: a sender that signs the same request with the same key, created and nonce produces the same bytes. The private keys are published here: use them for nothing else.',
  ],
  edition: 'draft-11',
  clock,
  receiver: {
    identifier: resource,
    authority: 'resource.example',
    personServers: [personServer],
    additionalComponents: ['@query', 'content-type', 'content-digest'],
  },
  keys: Object.fromEntries(Object.entries(keys).map(([name, { privateJwk }]) => [name, privateJwk])),
  documents,
  cases: [...requestCases, ...tokenCases],
  needs,
  resourceTokens,
  headers,
}
