import { documentUrl, parseDocument } from 'countersign/discovery'
import { january, parseScope } from 'countersign/editions'
import { describe, expect, it } from 'vitest'

const id = 'https://agent.example'
const agent = { agent: id, jwks_uri: `${id}/jwks.json` }
const full = {
  ...agent,
  redirect_uris: [`${id}/callback`],
  name: 'Example Agent',
  logo_uri: `${id}/logo.png`,
  policy_uri: `${id}/privacy`,
  tos_uri: `${id}/tos`,
  homepage: id,
}

describe('parseDocument', () => {
  it('parses the document of S§8.1', () => {
    expect(parseDocument(january.documents.agent, id, full)).toEqual({ metadata: full })
  })

  it('parses the document of S§8.2', () => {
    const issuer = {
      issuer: 'https://auth.example',
      jwks_uri: 'https://auth.example/jwks.json',
      agent_token_endpoint: 'https://auth.example/agent/token',
      agent_auth_endpoint: 'https://auth.example/agent/auth',
      agent_signing_algs_supported: ['ed25519', 'rsa-pss-sha512'],
      request_types_supported: ['auth', 'code', 'exchange', 'refresh'],
      scopes_supported: ['profile', 'email', 'data.read', 'data.write'],
      agent_revocation_endpoint: 'https://auth.example/agent/revoke',
      revocation_list_uri: 'https://auth.example/revoked',
      authorization_response_iss_parameter_supported: true,
    }
    expect(parseDocument(january.documents.authServer, 'https://auth.example', issuer)).toEqual({ metadata: issuer })
  })

  it('parses the document of S§8.3', () => {
    const resource = {
      resource: 'https://resource.example',
      jwks_uri: 'https://resource.example/jwks.json',
      resource_token_endpoint: 'https://resource.example/resource/token',
      supported_scopes: ['data.read', 'data.write', 'data.delete'],
      scope_descriptions: { 'data.read': 'Read access to your data and documents' },
    }
    expect(parseDocument(january.documents.resource, 'https://resource.example', resource)).toEqual({
      metadata: resource,
    })
  })

  it.each([
    ['null', null],
    ['an array', [agent]],
    ['a string', JSON.stringify(agent)],
    ['a number', 1],
    ['an empty object', {}],
    ['no agent', { jwks_uri: agent.jwks_uri }],
    ['no jwks_uri', { agent: id }],
    ['another agent', { ...agent, agent: 'https://victim.example' }],
    ['the agent with a trailing slash', { ...agent, agent: `${id}/` }],
    ['the agent in uppercase', { ...agent, agent: 'https://AGENT.example' }],
    ['the agent in an array', { ...agent, agent: [id] }],
    ['jwks_uri with http', { ...agent, jwks_uri: 'http://agent.example/jwks.json' }],
    ['jwks_uri with file', { ...agent, jwks_uri: 'file:///etc/passwd' }],
    ['jwks_uri at a private address', { ...agent, jwks_uri: 'https://169.254.169.254/jwks.json' }],
    ['a relative jwks_uri', { ...agent, jwks_uri: '/jwks.json' }],
    ['the document of a resource', { resource: id, jwks_uri: agent.jwks_uri }],
  ])('rejects %s', (_name, document) => {
    expect(parseDocument(january.documents.agent, id, document)).toHaveProperty('refusal')
  })

  const servers = {
    authServer: {
      issuer: 'https://auth.example',
      jwks_uri: 'https://auth.example/jwks.json',
      agent_token_endpoint: 'https://auth.example/agent/token',
      agent_auth_endpoint: 'https://auth.example/agent/auth',
    },
    resource: { resource: 'https://resource.example', jwks_uri: 'https://resource.example/jwks.json' },
  }
  it.each([
    ['authServer', 'issuer'],
    ['authServer', 'jwks_uri'],
    ['authServer', 'agent_token_endpoint'],
    ['authServer', 'agent_auth_endpoint'],
    ['resource', 'resource'],
    ['resource', 'jwks_uri'],
  ] as const)('the document of a %s must have %s', (party, member) => {
    const identifier = party === 'authServer' ? servers.authServer.issuer : servers.resource.resource
    const without = { ...servers[party], [member]: undefined }
    expect(parseDocument<{ jwks_uri: string }>(january.documents[party], identifier, without)).toEqual({
      refusal: `it has no valid ${member}`,
    })
  })

  it.each([
    [
      'agent',
      { redirect_uris: id, name: 1, logo_uri: 'http://agent.example/logo.png', policy_uri: 1, tos_uri: 1, homepage: 1 },
    ],
    ['resource', { resource_token_endpoint: 'a', supported_scopes: 'a', scope_descriptions: ['a'] }],
    ['resource', { scope_descriptions: { a: 1 } }],
    ['resource', { scope_descriptions: null }],
    ['resource', { scope_descriptions: 'a' }],
    [
      'authServer',
      {
        agent_revocation_endpoint: 'a',
        revocation_list_uri: 'a',
        agent_signing_algs_supported: 'ed25519',
        request_types_supported: 'auth',
        scopes_supported: 'a',
        authorization_response_iss_parameter_supported: 'true',
      },
    ],
  ] as const)('ignores each optional member of another type in the document of a %s', (party, members) => {
    const document = party === 'agent' ? agent : servers[party]
    const [identifier = ''] = Object.values(document)
    const parsed = parseDocument<{ jwks_uri: string }>(january.documents[party], identifier, {
      ...document,
      ...members,
    })
    expect(parsed).toEqual({ metadata: document })
  })

  it('ignores optional members of another type', () => {
    const document = {
      ...agent,
      redirect_uris: 'https://agent.example/callback',
      name: 1,
      logo_uri: { a: 1 },
      homepage: null,
    }
    expect(parseDocument(january.documents.agent, id, document)).toEqual({ metadata: agent })
  })

  it.each([
    ['a list with a number in it', { redirect_uris: [`${id}/callback`, 1] }],
    ['a list of 257 members', { redirect_uris: Array.from({ length: 257 }, () => id) }],
    ['a string over 2 KiB', { name: 'a'.repeat(2049) }],
    ['a logo with data (K12)', { logo_uri: 'data:image/png;base64,iVBORw0KGgo=' }],
    ['a logo in a file (K12)', { logo_uri: 'file:///etc/passwd' }],
    ['a logo over http (K12)', { logo_uri: 'http://agent.example/logo.png' }],
    ['a logo at a private address (K12)', { logo_uri: 'https://10.0.0.1/logo.png' }],
  ])('ignores %s', (_name, member) => {
    expect(parseDocument(january.documents.agent, id, { ...agent, ...member })).toEqual({ metadata: agent })
  })

  it('keeps strings of 2,048 characters, and lists of 256', () => {
    const [name, tooLong] = ['a'.repeat(2048), 'a'.repeat(2049)]
    const members = { name, redirect_uris: Array.from({ length: 256 }, () => name) }
    expect(parseDocument(january.documents.agent, id, { ...agent, ...members })).toEqual({
      metadata: { ...agent, ...members },
    })
    expect(parseDocument(january.documents.agent, id, { ...agent, redirect_uris: [name, tooLong] })).toEqual({
      metadata: agent,
    })
  })

  it('names the members that are missing or invalid', () => {
    expect(parseDocument(january.documents.agent, id, {})).toEqual({
      refusal: 'it has no valid agent or jwks_uri',
      self: 'missing',
    })
    expect(parseDocument(january.documents.agent, id, { ...agent, jwks_uri: 1 })).toEqual({
      refusal: 'it has no valid jwks_uri',
    })
  })

  it('reads only the document’s own members', () => {
    const inherited: object = Object.create(agent)
    expect(parseDocument(january.documents.agent, id, inherited)).toHaveProperty('refusal')
    const polluted: unknown = JSON.parse(`{"__proto__": ${JSON.stringify(agent)}, "constructor": 1}`)
    expect(parseDocument(january.documents.agent, id, polluted)).toHaveProperty('refusal')
    expect({}).not.toHaveProperty('agent')
  })

  it('accepts loopback documents only if allowed', () => {
    const origin = 'http://127.0.0.1:8001'
    const document = { agent: origin, jwks_uri: `${origin}/jwks.json` }
    expect(parseDocument(january.documents.agent, origin, document)).toHaveProperty('refusal')
    expect(parseDocument(january.documents.agent, origin, document, { allowInsecureLoopback: true })).toEqual({
      metadata: document,
    })
  })
})

it('documentUrl', () => {
  expect(documentUrl(january.documents.agent, 'https://host.example/~agent')).toBe(
    'https://host.example/~agent/.well-known/aauth-agent',
  )
})

describe('parseScope', () => {
  it.each([
    ['data.read', ['data.read']],
    ['data.read data.write', ['data.read', 'data.write']],
    ['b a b', ['b', 'a']],
    ["!#$%&'()*+,-./:;<=>?@[]^_`{|}~", ["!#$%&'()*+,-./:;<=>?@[]^_`{|}~"]],
  ])('accepts %s', (text, values) => {
    expect(parseScope(text)).toEqual(values)
  })

  it('accepts 64 values of 128 characters, and repeated ones up to 8,256 characters in total', () => {
    const values = Array.from({ length: 64 }, (_, at) => `${at}`.padEnd(128, 'a'))
    expect(parseScope(values.join(' '))).toEqual(values)
    const repeated = `aa${' a'.repeat(4127)}`
    expect(repeated).toHaveLength(8256)
    expect(parseScope(repeated)).toEqual(['aa', 'a'])
    expect(parseScope(`a${repeated}`)).toBeUndefined()
  })

  it.each([
    ['nothing', ''],
    ['a space', ' '],
    ['a leading space', ' a'],
    ['a trailing space', 'a '],
    ['two spaces', 'a  b'],
    ['a tab', 'a\tb'],
    ['a line feed', 'a\n'],
    ['a quote', 'a"b'],
    ['a backslash', 'a\\b'],
    ['a non-ASCII letter', 'ä'],
    ['DEL', 'a\x7f'],
    ['65 values', Array.from({ length: 65 }, (_, i) => `s${i}`).join(' ')],
    ['a value of 129 characters', 'a'.repeat(129)],
  ])('rejects %s', (_name, text) => {
    expect(parseScope(text)).toBeUndefined()
  })
})
