// The parties of the vectors of draft -11, with their keys, documents and tokens.
import { issueToken as issue, json, signedRequest as sign, testKeys } from './parts.mjs'

export const clock = 1_790_000_000
export const agent = 'https://agent.example'
export const agentName = 'aauth:assistant@agent.example'
export const personServer = 'https://ps.example'
export const resource = 'https://resource.example'

export const keys = testKeys(['provider-key-1', 'agent-key-1', 'person-key-1', 'resource-key-1', 'other-key'])
export const { kid: _kid, ...agentJwk } = keys['agent-key-1'].jwk
export const jwk = { ...agentJwk, alg: 'Ed25519' }
const published = (...names) => json({ keys: names.map((name) => ({ ...keys[name].jwk, alg: 'Ed25519' })) })

const endpoints = {
  person_token_endpoint: `${personServer}/person/token`,
  auth_token_endpoint: `${personServer}/person/authorize`,
}
const described = (issuer, members = {}) => json({ issuer, jwks_uri: `${issuer}/jwks.json`, ...members })
export const documents = {
  [`${agent}/.well-known/aauth-agent.json`]: described(agent),
  [`${agent}/jwks.json`]: json({
    keys: [
      { ...keys['provider-key-1'].jwk, alg: 'Ed25519' },
      { ...keys['other-key'].jwk, kid: 'no-alg' },
      { ...keys['other-key'].jwk, kid: 'open-alg', alg: 'EdDSA' },
      { kty: 'unknown', kid: 'unknown' },
    ],
  }),
  [`${personServer}/.well-known/aauth-person.json`]: described(personServer, endpoints),
  [`${personServer}/jwks.json`]: published('person-key-1'),
  [`${resource}/.well-known/aauth-resource.json`]: described(resource),
  [`${resource}/jwks.json`]: published('resource-key-1'),
  'https://copied.example/.well-known/aauth-agent.json': described(agent),
  'https://unnamed.example/.well-known/aauth-agent.json': json({ jwks_uri: `${agent}/jwks.json` }),
}

/** The tokens of each type: valid, and everything that a negative case changes. */
const common = { jti: 'token-1', iat: clock - 60, exp: clock + 600 }
export const types = {
  agent: {
    typ: 'aa-agent+jwt',
    signedBy: 'provider-key-1',
    claims: { iss: agent, dwk: 'aauth-agent.json', sub: agentName, cnf: { jwk }, ...common },
  },
  person: {
    typ: 'aa-person+jwt',
    signedBy: 'person-key-1',
    claims: {
      iss: personServer,
      dwk: 'aauth-person.json',
      aud: resource,
      sub: 'user-1',
      cnf: { jwk },
      ...common,
    },
  },
  auth: {
    typ: 'aa-auth+jwt',
    signedBy: 'person-key-1',
    claims: {
      iss: personServer,
      dwk: 'aauth-person.json',
      aud: resource,
      sub: 'user-1',
      ps: personServer,
      scope: 'data.read',
      cnf: { jwk },
      ...common,
    },
  },
  resource: {
    typ: 'aa-resource+jwt',
    signedBy: 'resource-key-1',
    claims: {
      iss: resource,
      dwk: 'aauth-resource.json',
      aud: personServer,
      ps: personServer,
      sub: 'user-1',
      presented_jti: 'token-0',
      agent_jkt: keys['agent-key-1'].thumbprint,
      scope: 'data.read',
      ...common,
    },
  },
}

export function tokenOf(type, { claims, header, signedBy = types[type].signedBy } = {}) {
  const { typ, claims: valid } = types[type]
  return issue({ alg: 'Ed25519', kid: signedBy, typ, ...header }, { ...valid, ...claims }, keys[signedBy])
}

export const body = '{"action":"update","value":42}'
export const requests = {
  GET: { method: 'GET', target: '/api/data' },
  'GET with query': { method: 'GET', target: '/api/data?user=alice&limit=10' },
  POST: { method: 'POST', target: '/api/data', body },
  'POST with query': { method: 'POST', target: '/api/data?confirm=true', body },
}

/** The order in which the components are listed in the drafts; any other is valid, too. */
const order = ({ '@method': method, '@authority': authority, '@path': path, 'signature-key': key, ...others }) => ({
  '@method': method,
  '@authority': authority,
  '@path': path,
  'signature-key': key,
  ...others,
})

export const parametersAt = (created) => `;created=${created};nonce="Y3VyaW91c2x5Y3VyaW91cw"`

export function signedRequest({ created = clock, jwt, ...parts }) {
  const settings = { origin: resource, keys, clock, order }
  const key = `jwt;jwt="${jwt ?? tokenOf('agent')}"`
  const given = { ...requests.GET, signedBy: 'agent-key-1', label: 'sig', key, parameters: parametersAt(created) }
  return sign({ ...given, ...parts }, settings)
}
