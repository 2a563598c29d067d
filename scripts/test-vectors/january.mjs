// Signed requests of January 2026, accepted and refused.
import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { base64url, issueToken as issue, json, sha256, signedRequest as sign, testKeys } from './parts.mjs'

const clock = 1_768_786_017
const agent = 'https://agent.example'
const delegate = 'delegate-1'
const resource = 'https://resource.example'
const authServer = 'https://auth.example'

const names = ['agent-key-1', 'delegate-key-1', 'other-key', 'auth-key-1', 'certificate-agent']
const keys = testKeys(names)

function certificate(name) {
  return readFileSync(new URL(`../vector-certificates/${name}.pem`, import.meta.url), 'utf8')
}
const roots = [certificate('root')]
const x5t = base64url(sha256(new X509Certificate(certificate('agent')).raw))

function issueToken(typ, claims, key) {
  return issue({ alg: 'EdDSA', kid: key, typ }, claims, keys[key])
}

const agentClaims = { iss: agent, sub: delegate, exp: clock + 3600, cnf: { jwk: keys['delegate-key-1'].jwk } }
const authClaims = {
  iss: authServer,
  aud: resource,
  cnf: { jwk: keys['agent-key-1'].jwk },
  scope: 'data.read data.write',
  exp: clock + 3600,
  agent,
  sub: 'user-1',
}
const agentToken = (change = {}, key = 'agent-key-1') => issueToken('agent+jwt', { ...agentClaims, ...change }, key)
const authToken = (change = {}, key = 'auth-key-1') => issueToken('auth+jwt', { ...authClaims, ...change }, key)

const documents = {
  [`${agent}/.well-known/aauth-agent`]: json({ agent, jwks_uri: `${agent}/jwks.json` }),
  [`${agent}/jwks.json`]: json({ keys: [keys['agent-key-1'].jwk] }),
  [`${agent}/chain.pem`]: { contentType: 'application/pem-certificate-chain', body: certificate('agent') },
  [`${authServer}/.well-known/aauth-issuer`]: json({
    issuer: authServer,
    jwks_uri: `${authServer}/jwks.json`,
    agent_token_endpoint: `${authServer}/agent/token`,
    agent_auth_endpoint: `${authServer}/agent/auth`,
    agent_signing_algs_supported: ['ed25519'],
    request_types_supported: ['auth', 'code'],
  }),
  [`${authServer}/jwks.json`]: json({ keys: [keys['auth-key-1'].jwk] }),
  'https://copied.example/.well-known/aauth-agent': json({ agent, jwks_uri: `${agent}/jwks.json` }),
}

const referenceText = ({ scheme, ...parameters }) =>
  `(scheme=${scheme}${Object.entries(parameters)
    .map(([name, value]) => ` ${name}="${value}"`)
    .join('')})`

const hwkOf = ({ jwk: { kty, crv, x } }) => ({ scheme: 'hwk', kty, crv, x })
const byAgent = { scheme: 'jwks', id: agent, kid: 'agent-key-1', 'well-known': 'aauth-agent' }

/** The seven ways to identify the signer's key, and what a resource knows after each. */
const schemes = {
  hwk: { reference: hwkOf(keys['agent-key-1']), signedBy: 'agent-key-1', level: 'signature' },
  'jwks by URL': {
    reference: { scheme: 'jwks', jwks: `${agent}/jwks.json`, kid: 'agent-key-1' },
    signedBy: 'agent-key-1',
    level: 'signature',
  },
  'jwks with well-known': { reference: byAgent, signedBy: 'agent-key-1', level: 'identity', agent },
  'jwks without well-known': {
    reference: { scheme: 'jwks', id: `${agent}/jwks.json`, kid: 'agent-key-1' },
    signedBy: 'agent-key-1',
    level: 'signature',
  },
  x509: {
    reference: { scheme: 'x509', x5u: `${agent}/chain.pem`, x5t },
    signedBy: 'certificate-agent',
    level: 'identity',
    agent,
  },
  'jwt agent': {
    reference: { scheme: 'jwt', jwt: agentToken() },
    signedBy: 'delegate-key-1',
    level: 'identity',
    agent,
    delegate,
  },
  'jwt auth': {
    reference: { scheme: 'jwt', jwt: authToken() },
    signedBy: 'agent-key-1',
    level: 'authorization',
    agent,
    sub: authClaims.sub,
    scope: authClaims.scope,
  },
}

const nonce = { nonce: 'Y3VyaW91c2x5Y3VyaW91cw' }
const body = '{"action":"update","value":42}'
const requests = {
  GET: { method: 'GET', target: '/api/data' },
  'GET with query': { method: 'GET', target: '/api/data?user=alice&limit=10' },
  POST: { method: 'POST', target: '/api/data', body },
  'POST with query': { method: 'POST', target: '/api/data?confirm=true', body },
  'POST with nonce': { method: 'POST', target: '/api/data', body, fields: nonce },
}

function signedRequest({ reference, referenceText: text, ...parts }) {
  return sign({ key: text ?? referenceText(reference), ...parts }, { origin: resource, keys, clock })
}

function accepted(name, scheme, parts = {}) {
  const { reference, signedBy, ...verdict } = schemes[scheme]
  const signed = signedRequest({ reference, signedBy, ...requests.GET, ...parts })
  const { thumbprint } = keys[signedBy]
  return { name, scheme, ...signed, verdict: { accepted: true, ...verdict, thumbprint } }
}

/** How each refusal appears on the wire: status, `error` of the body, `error` of `Signature-Error`. */
const signatureErrors = {
  key_invalid: 'invalid_key',
  key_unknown: 'unknown_key',
  component_missing: 'invalid_input',
  component_forbidden: 'invalid_input',
}
const tokenErrors = {
  agent_token_invalid: 'invalid_agent_token',
  agent_token_expired: 'expired_agent_token',
  auth_token_invalid: 'invalid_auth_token',
  auth_token_expired: 'expired_auth_token',
}

function refused(name, scheme, code, parts) {
  const { reference, signedBy } = schemes[scheme]
  const error = tokenErrors[code]
  const wire = error
    ? { error }
    : { error: 'invalid_signature', signatureError: signatureErrors[code] ?? 'invalid_signature' }
  return {
    name: `${scheme}, refused: ${name}`,
    scheme,
    ...signedRequest({ reference, signedBy, ...requests.GET, ...parts }),
    verdict: { accepted: false, status: 401, ...wire, code },
  }
}

const withSpare = (scheme, change) => ({ reference: { ...schemes[scheme].reference, ...change } })

const negatives = [
  refused('signed by a different key', 'hwk', 'signature_mismatch', { signedBy: 'other-key' }),
  refused('the private member of the key', 'hwk', 'key_invalid', withSpare('hwk', { d: keys['agent-key-1'].jwk.x })),
  refused(
    'a key of small order',
    'hwk',
    'key_invalid',
    withSpare('hwk', { x: 'AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA' }),
  ),
  refused('an unpublished kid', 'jwks by URL', 'key_unknown', withSpare('jwks by URL', { kid: 'agent-key-2' })),
  refused('jwks and id together', 'jwks by URL', 'signature_malformed', withSpare('jwks by URL', { id: agent })),
  refused(
    'well-known without id',
    'jwks by URL',
    'signature_malformed',
    withSpare('jwks by URL', { 'well-known': 'aauth-agent' }),
  ),
  refused('signed by a different key', 'jwks by URL', 'signature_mismatch', { signedBy: 'other-key' }),
  refused(
    'a document for a different agent',
    'jwks with well-known',
    'key_unknown',
    withSpare('jwks with well-known', { id: 'https://copied.example' }),
  ),
  refused(
    'a well-known name that is not fetched',
    'jwks with well-known',
    'key_unknown',
    withSpare('jwks with well-known', { 'well-known': 'openid-configuration' }),
  ),
  refused(
    'an id with a trailing slash',
    'jwks with well-known',
    'key_unknown',
    withSpare('jwks with well-known', { id: `${agent}/` }),
  ),
  refused('signed by a different key', 'jwks with well-known', 'signature_mismatch', { signedBy: 'other-key' }),
  refused(
    'an id that holds no JWKS',
    'jwks without well-known',
    'key_unknown',
    withSpare('jwks without well-known', { id: `${agent}/.well-known/aauth-agent` }),
  ),
  refused('no kid', 'jwks without well-known', 'signature_malformed', {
    reference: { scheme: 'jwks', id: `${agent}/jwks.json` },
  }),
  refused(
    'a thumbprint that differs from that of the certificate',
    'x509',
    'key_unknown',
    withSpare('x509', { x5t: base64url(sha256('another')) }),
  ),
  refused('signed by a key other than the certificate’s', 'x509', 'signature_mismatch', { signedBy: 'agent-key-1' }),
  refused('no certificate where x5u points', 'x509', 'key_unknown', withSpare('x509', { x5u: `${agent}/jwks.json` })),
  refused('expired', 'jwt agent', 'agent_token_expired', {
    reference: { scheme: 'jwt', jwt: agentToken({ exp: clock }) },
  }),
  refused('signed by a key that its issuer does not publish', 'jwt agent', 'key_unknown', {
    reference: { scheme: 'jwt', jwt: agentToken({}, 'other-key') },
  }),
  refused('for a different server', 'jwt agent', 'agent_token_invalid', {
    reference: { scheme: 'jwt', jwt: agentToken({ aud: 'https://other.example' }) },
  }),
  refused('used with a key it is not bound to', 'jwt agent', 'signature_mismatch', { signedBy: 'agent-key-1' }),
  refused('expired', 'jwt auth', 'auth_token_expired', {
    reference: { scheme: 'jwt', jwt: authToken({ exp: clock }) },
  }),
  refused('for a different resource', 'jwt auth', 'auth_token_invalid', {
    reference: { scheme: 'jwt', jwt: authToken({ aud: 'https://other.example' }) },
  }),
  refused('from an untrusted issuer', 'jwt auth', 'auth_token_invalid', {
    reference: { scheme: 'jwt', jwt: authToken({ iss: agent }, 'agent-key-1') },
  }),
  refused('bound to no key', 'jwt auth', 'auth_token_invalid', {
    reference: { scheme: 'jwt', jwt: authToken({ cnf: undefined }) },
  }),
  refused('used with a key it is not bound to', 'jwt auth', 'signature_mismatch', { signedBy: 'other-key' }),

  refused('created 61 seconds ago', 'hwk', 'signature_created_outside_window', { created: clock - 61 }),
  refused('created in 61 seconds', 'hwk', 'signature_created_outside_window', { created: clock + 61 }),
  refused('no created', 'hwk', 'signature_created_missing', { parameters: '' }),
  refused('expired according to expires', 'hwk', 'signature_expired', {
    parameters: `;created=${clock};expires=${clock}`,
  }),
  refused('a method that differs from the signed method', 'hwk', 'signature_mismatch', { methodAfter: 'DELETE' }),
  refused('a path that differs from the signed path', 'hwk', 'signature_mismatch', { targetAfter: '/api/other' }),
  refused('a query that differs from the signed query', 'hwk', 'signature_mismatch', {
    ...requests['GET with query'],
    targetAfter: '/api/data?user=bob',
  }),
  refused('a base without @signature-params', 'hwk', 'signature_mismatch', {
    rewriteLines: (lines) => lines.slice(0, -1),
  }),
  refused('a base with a trailing line feed', 'hwk', 'signature_mismatch', {
    rewriteLines: (lines) => [...lines, ''],
  }),
  ...['@method', '@authority', '@path', 'signature-key'].map((name) =>
    refused(`${name} is not covered`, 'hwk', 'component_missing', { uncovered: [name] }),
  ),
  refused('@query is not covered', 'hwk', 'component_missing', {
    ...requests['GET with query'],
    uncovered: ['@query'],
  }),
  refused('the body is not covered', 'hwk', 'component_missing', {
    ...requests.POST,
    uncovered: ['content-type', 'content-digest'],
  }),
  refused('the nonce is not covered', 'hwk', 'component_missing', {
    ...requests['POST with nonce'],
    uncovered: ['nonce'],
  }),
  refused('content-digest is covered without a body', 'hwk', 'component_forbidden', {
    fields: { 'content-type': 'application/json', 'content-digest': `sha-256=:${sha256('').toString('base64')}:` },
  }),
  refused('a body that differs from the signed body', 'hwk', 'digest_mismatch', {
    ...requests.POST,
    bodyAfter: body.replace('42', '43'),
  }),
  refused('a nonce of fewer than 12 bytes', 'hwk', 'nonce_malformed', {
    ...requests.POST,
    fields: { nonce: 'Y3VyaW91cw' },
  }),
  refused('labels that differ', 'hwk', 'signature_label_mismatch', { inputLabel: 'sig2' }),
  refused('hexadecimal in Signature', 'hwk', 'signature_mismatch', { encode: (bytes) => bytes.toString('hex') }),
  refused('two Signature headers', 'hwk', 'signature_malformed', { extraHeaders: [['signature', 'sig2=:AAAA:']] }),
  refused('padding in base64url', 'hwk', 'signature_malformed', { encode: (bytes) => `${base64url(bytes)}=` }),
  refused('an escape in Signature-Key', 'hwk', 'signature_malformed', {
    referenceText: '(scheme=hwk kty="OKP" crv="Ed25519" x="\\A")',
  }),
]

/** Tokens of draft -11, which a receiver of January 2026 must refuse, in either grammar of Signature-Key. */
const laterClaims = { jti: 'token-1', iat: clock - 60, exp: clock + 600, cnf: { jwk: keys['delegate-key-1'].jwk } }
const later = {
  agent: issue(
    { alg: 'Ed25519', kid: 'agent-key-1', typ: 'aa-agent+jwt' },
    { iss: agent, dwk: 'aauth-agent.json', sub: 'aauth:assistant@agent.example', ...laterClaims },
    keys['agent-key-1'],
  ),
  auth: issue(
    { alg: 'Ed25519', kid: 'auth-key-1', typ: 'aa-auth+jwt' },
    { iss: authServer, dwk: 'aauth-person.json', aud: resource, sub: 'user-1', ps: authServer, ...laterClaims },
    keys['auth-key-1'],
  ),
}
const otherEdition = Object.entries(later).flatMap(([kind, jwt]) => [
  refused(`draft -11, with ${kind} token`, 'jwt agent', 'signature_malformed', {
    label: 'sig',
    referenceText: `jwt;jwt="${jwt}"`,
  }),
  refused(`the ${kind} token of draft -11 in this Signature-Key`, 'jwt agent', 'agent_token_invalid', {
    reference: { scheme: 'jwt', jwt },
  }),
])

const positives = Object.keys(schemes).flatMap((scheme) =>
  Object.entries(requests).map(([request, parts]) => accepted(`${scheme}, ${request}`, scheme, parts)),
)
const equivalents = [
  accepted('hwk, signature in base64url without padding', 'hwk', { encode: base64url }),
  accepted('hwk, a different label', 'hwk', { label: 'sig' }),
  accepted('hwk, created 60 seconds ago', 'hwk', { created: clock - 60 }),
  accepted('hwk, an alg that matches the key', 'hwk', { parameters: `;created=${clock};alg="ed25519"` }),
]

export const vectors = {
  description: [
    'Signed requests of the January 2026 edition of AAuth, accepted and refused, for any implementation of a receiver.',
    'Configure a resource with the identifier, authority and auth server of `receiver`, with `roots` as the only roots for scheme=x509, and with a clock fixed at `clock` (Unix seconds). Serve every fetch from `documents`: the name is the URL, and the status is 200; any other URL returns 404. Pass it `request`: `url` is what the request target and Host stand for, `headers` are names and values in wire order, `body` is UTF-8; nothing else is sent.',
    '`verdict.accepted` tells whether the signature must be accepted. `level` is the highest level that the request reaches: signature (a key is proven), identity (an agent is known), authorization (an auth token was presented). `agent`, `delegate`, `sub` and `scope` are what is known then; `thumbprint` is the RFC 7638 thumbprint of the key. Start with empty caches: one nonce is used in seven requests, each of which must be treated as the first.',
    'A refused request has exactly one fault. `status` and `error` are the response, `signatureError` is the error in Signature-Error if one is required, and `code` is the name that Countersign gives the case, which is not normative.',
    '`base` is the signature base, `signedBy` the name of the key in `keys` and `signature` its bytes in base64, for accepted and refused requests alike, so that each signature verifies over its base. Ed25519 is deterministic: a sender that signs the same request with the same key produces the same bytes. The private keys are published here: use them for nothing else.',
    'Here, at a resource, a missing `well-known` means that `id` itself is the URL of a JWKS.',
  ],
  edition: '2026-01',
  clock,
  receiver: { identifier: resource, authority: 'resource.example', authServer },
  keys: Object.fromEntries(Object.entries(keys).map(([name, { privateJwk }]) => [name, privateJwk])),
  roots,
  documents,
  cases: [...positives, ...equivalents, ...negatives, ...otherEdition],
}
