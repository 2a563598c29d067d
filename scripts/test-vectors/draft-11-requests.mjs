// Requests of draft -11 that a resource accepts, and those whose signature or Signature-Key it refuses.
import {
  agent,
  agentName,
  body,
  clock,
  jwk,
  keys,
  parametersAt,
  personServer,
  requests,
  resource,
  signedRequest,
  tokenOf,
} from './draft-11-parties.mjs'
import { base64url, sha256 } from './parts.mjs'

/** What a resource knows after it has accepted a request with each token. */
export const known = {
  agent: { token: 'aa-agent+jwt', agent: agentName, provider: agent },
  person: { token: 'aa-person+jwt', ps: personServer, sub: 'user-1' },
  auth: { token: 'aa-auth+jwt', ps: personServer, sub: 'user-1', scope: 'data.read' },
}

function accepted(name, token, parts = {}) {
  const { thumbprint } = keys['agent-key-1']
  const signed = signedRequest({ jwt: tokenOf(token), ...parts })
  return { name, ...signed, verdict: { accepted: true, ...known[token], thumbprint } }
}

/** @param error `error` of `Signature-Error`, of the status 401 @param code the name that Countersign gives the case */
export function refused(name, error, code, parts = {}) {
  return {
    name,
    ...signedRequest(parts),
    verdict: { accepted: false, status: 401, error, signatureError: error, code },
  }
}

const positives = Object.keys(known).flatMap((token) =>
  Object.entries(requests).map(([request, parts]) => accepted(`${token} token, ${request}`, token, parts)),
)

export const validKey = `sig=jwt;jwt="${tokenOf('agent')}"`
const equivalents = [
  accepted('another label', 'agent', { label: 'sig1' }),
  accepted('created 60 seconds ago', 'agent', { created: clock - 60 }),
  accepted('created in 60 seconds', 'agent', { created: clock + 60 }),
  accepted('no nonce', 'agent', { parameters: `;created=${clock}` }),
  accepted('an alg that matches the key', 'agent', { parameters: `${parametersAt(clock)};alg="ed25519"` }),
  accepted('a keyid that names the key', 'agent', { parameters: `${parametersAt(clock)};keyid="agent-key-1"` }),
  accepted('another order of the components', 'agent', {
    covered: ['signature-key', '@path', '@method', '@authority'],
  }),
  accepted('a further component', 'agent', { fields: { accept: 'application/json' } }),
  accepted('signature in base64url without padding', 'agent', { encode: base64url }),
  accepted('a member with another label in Signature-Key', 'agent', {
    signatureKey: `proxy=hwk;kty="OKP";x="not a key", ${validKey}`,
  }),
  accepted('a second signature, without a member in Signature-Key', 'agent', {
    moreInputs: ', proxy=("@path");created=1',
    moreSignatures: ', proxy=:AAAA:',
  }),
  accepted('the parameter cache', 'agent', { signatureKey: `${validKey};cache` }),
  accepted('an agent token with a ps and an unknown claim', 'agent', {
    jwt: tokenOf('agent', { claims: { ps: personServer, model: 'm1' } }),
  }),
  accepted('a sub-agent that names its parent', 'agent', {
    jwt: tokenOf('agent', { claims: { sub: 'aauth:assistant+mail@agent.example', parent_agent: agentName } }),
  }),
  accepted('an aud that is an array with one member', 'person', {
    jwt: tokenOf('person', { claims: { aud: [resource] } }),
  }),
]
equivalents.find(({ name }) => name.startsWith('a sub-agent')).verdict.agent = 'aauth:assistant+mail@agent.example'

const signatures = [
  refused('signed by a different key', 'invalid_signature', 'signature_mismatch', { signedBy: 'other-key' }),
  refused('a different method', 'invalid_signature', 'signature_mismatch', { methodAfter: 'DELETE' }),
  refused('a different path', 'invalid_signature', 'signature_mismatch', { targetAfter: '/api/other' }),
  refused('a different query', 'invalid_signature', 'signature_mismatch', {
    ...requests['GET with query'],
    targetAfter: '/api/data?user=bob',
  }),
  refused('a different body', 'invalid_signature', 'digest_mismatch', {
    ...requests.POST,
    bodyAfter: body.replace('42', '43'),
  }),
  refused('a digest of an algorithm that no one knows', 'invalid_signature', 'digest_malformed', {
    ...requests.POST,
    digest: `sha-1=:${sha256(body).toString('base64')}:`,
  }),
  refused('a base without @signature-params', 'invalid_signature', 'signature_mismatch', {
    rewriteLines: (lines) => lines.slice(0, -1),
  }),
  refused('a base with a trailing line feed', 'invalid_signature', 'signature_mismatch', {
    rewriteLines: (lines) => [...lines, ''],
  }),
  refused('hexadecimal in Signature', 'invalid_signature', 'signature_mismatch', {
    encode: (bytes) => bytes.toString('hex'),
  }),
  ...['@method', '@authority', '@path', 'signature-key'].map((name) =>
    refused(`${name} is not covered`, 'invalid_input', 'component_missing', { uncovered: [name] }),
  ),
  refused('@query is not covered', 'invalid_input', 'component_missing', {
    ...requests['GET with query'],
    uncovered: ['@query'],
  }),
  ...['content-type', 'content-digest'].map((name) =>
    refused(`${name} is not covered`, 'invalid_input', 'component_missing', { ...requests.POST, uncovered: [name] }),
  ),
  refused('created 61 seconds ago', 'invalid_signature', 'signature_created_outside_window', { created: clock - 61 }),
  refused('created in 61 seconds', 'clock_skew', 'signature_created_outside_window', { created: clock + 61 }),
  refused('no created', 'invalid_signature', 'signature_created_missing', { parameters: '' }),
  refused('expired according to expires', 'invalid_signature', 'signature_expired', {
    parameters: `;created=${clock};expires=${clock}`,
  }),
  refused('a keyid that is neither the kid nor the thumbprint of the key', 'invalid_signature', 'signature_malformed', {
    jwt: tokenOf('agent', { claims: { cnf: { jwk: { ...jwk, kid: 'agent-key-1' } } } }),
    parameters: `${parametersAt(clock)};keyid="agent-key-2"`,
  }),
  ...['signature', 'signature-input', 'signature-key'].map((name) =>
    refused(`no ${name}`, 'invalid_signature', 'signature_missing', { without: [name] }),
  ),
]

const withKey = (signatureKey) => ({ signatureKey })
const members = [
  refused('no member for the label', 'invalid_signature', 'signature_label_mismatch', { inputLabel: 'sig2' }),
  refused('a label twice in Signature-Key', 'invalid_signature', 'signature_malformed', {
    signatureKey: `${validKey}, ${validKey}`,
  }),
  refused('nine members in Signature-Key', 'invalid_signature', 'signature_malformed', {
    signatureKey: [validKey, ...Array.from({ length: 8 }, (_, at) => `x${at}=hwk;kty="OKP"`)].join(', '),
  }),
  refused('a scheme that is a string', 'unsupported_scheme', 'signature_key_scheme_refused', {
    signatureKey: `sig="jwt";jwt="${tokenOf('agent')}"`,
  }),
  refused(
    'a jwt that is a token, not a string',
    'invalid_signature',
    'signature_malformed',
    withKey('sig=jwt;jwt=abc'),
  ),
  refused('no jwt', 'invalid_signature', 'signature_malformed', withKey('sig=jwt')),
  refused('a header key', 'unsupported_scheme', 'signature_key_scheme_refused', {
    signatureKey: `sig=hwk;kty="OKP";crv="Ed25519";x="${jwk.x}";alg="Ed25519"`,
  }),
  refused('a key that a server publishes', 'unsupported_scheme', 'signature_key_scheme_refused', {
    signatureKey: `sig=jwks_uri;id="${agent}";dwk="aauth-agent.json";kid="provider-key-1"`,
  }),
  refused('a text that is not a JWT', 'invalid_jwt', 'agent_token_invalid', { jwt: 'abc' }),
]

export const requestCases = [...positives, ...equivalents, ...signatures, ...members]
