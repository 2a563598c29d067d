import { describe, expect, it } from 'vitest'
import { redactExchanges } from '../../src/trace-page/redact.js'

type Exchanges = Parameters<typeof redactExchanges>[0]

const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
const token = [
  part({ alg: 'EdDSA', typ: 'auth+jwt', kid: 'key-1' }),
  part({ iss: 'https://auth.example', sub: 'subject-77', email: 'alice@secret.example', exp: 1_800_000_000 }),
  'c2VjcmV0c2VjcmV0',
].join('.')

const form = [['content-type', 'application/x-www-form-urlencoded']] as const
const json = [['content-type', 'application/json']] as const
const exchanges: Exchanges = [
  {
    from: 'agent',
    to: 'auth-server',
    request: {
      method: 'POST',
      url: 'https://auth.example/token/secret1secret2secret3?code=secret-4&scope=data.read',
      headers: [...form, ['x-api-key', 'secret-5'], ['signature-key', `sig1=(scheme=jwt jwt="${token}")`]],
      body: 'request_type=code&code=secret-4&redirect_uri=https%3A%2F%2Fagent.example%2Fcallback%3Fstate%3Dsecret-6',
    },
    response: {
      status: 200,
      headers: [...json, ['location', 'https://agent.example/callback?code=secret-4']],
      body: JSON.stringify({
        auth_token: token,
        refresh_token: 'secret-7',
        expires_in: 600,
        profile: { name: 'secret-8' },
      }),
    },
    respondedAfter: 1,
  },
  {
    from: 'agent',
    to: 'resource',
    request: { method: 'POST', url: 'https://api.example/notes', headers: json, body: '{"title":"secret-9"}' },
    response: { status: 200, headers: json, body: '{"title":"secret-10"}' },
    respondedAfter: 2,
  },
  {
    from: 'agent',
    to: 'resource',
    request: { method: 'GET', url: 'https://api.example/notes', headers: [], body: null },
    response: {
      status: 401,
      headers: json,
      body: '{"error":"invalid_signature","error_description":"It has expired."}',
    },
    respondedAfter: 3,
  },
  {
    from: 'resource',
    to: 'agent',
    request: {
      method: 'GET',
      url: 'https://agent.example/.well-known/aauth-agent?key=secret-11',
      headers: [['x-api-key', 'secret-12']],
      body: null,
    },
    response: { status: 200, headers: json, body: '{"agent":"https://agent.example","name":"Helper"}' },
    respondedAfter: 4,
  },
]

describe('a trace that is shared', () => {
  const redacted = redactExchanges(exchanges, { claims: {}, headers: {} })
  const text = JSON.stringify(redacted)

  it('contains no code, credential, claim about the user, or data of the API', () => {
    expect(text).not.toMatch(/secret|subject-77/)
    const [, compact = ''] =
      /"([\w-]+\.[\w-]+\.REMOVED_)/.exec(text) ?? /(eyJ[\w-]+\.[\w-]+\.REMOVED_)/.exec(text) ?? []
    expect(Buffer.from(compact.split('.')[1] ?? '', 'base64url').toString()).not.toMatch(/secret|subject-77/)
    expect(text).not.toContain('c2VjcmV0c2VjcmV0')
  })

  it('removes a token that it cannot decode, and the secrets in the headers of the edition', () => {
    const [header] = token.split('.')
    const required = 'requirement=interaction;url="https://auth.example/interact";code="secret-13\\"secret-14"'
    const headers = [['signature-key', `sig=jwt;jwt="${header}.ewp9.c2VjcmV0\\"secret-16";kid="key-1"`]] as const
    const request = { method: 'GET', url: 'https://api.example/notes', headers, body: null }
    const response = { status: 202, headers: [['aauth-requirement', required]] as const, body: null }
    const exchange = { from: 'agent', to: 'resource', request, response, respondedAfter: 1 } as const
    const decode = () => Promise.reject(new Error('unused'))
    const edition = { claims: {}, headers: { 'AAuth-Requirement': { fits: /./, decode } } }
    const [only] = redactExchanges([exchange], edition)
    expect(only?.request.headers[0]?.[1]).toMatch(/^sig=jwt;jwt="removed-\d{4}";kid="key-1"$/)
    expect(only?.response?.headers[0]?.[1]).toMatch(
      /^requirement=interaction;url="https:\/\/auth\.example\/interact";code="removed-\d{4}"$/,
    )
  })

  it.each<[string, string, number, string | undefined]>([
    ['GET', '/.well-known/aauth-resource', 200, '{"api":"secret-15","title":"Notes"}'],
    ['POST', '/.well-known/aauth-resource', 200, '[removed]'],
    ['GET', '/notes', 399, '[removed]'],
    ['GET', '/notes', 400, '{"api":"removed-0001","title":"Notes"}'],
  ])('shows of the response to %s %s, %i: %s', (method, path, status, body) => {
    const request = { method, url: `https://api.example${path}`, headers: [], body: null }
    const response = { status, headers: json, body: '{"api":"secret-15","title":"Notes"}' }
    const exchange = { from: 'agent', to: 'resource', request, response, respondedAfter: 1 } as const
    expect(redactExchanges([exchange], { claims: {}, headers: {} })[0]?.response?.body).toBe(body)
  })

  it('replaces a value with the same placeholder wherever it occurs', () => {
    const [first] = redacted
    const [, placeholder = 'none'] = /[?&]code=(removed-\d+)/.exec(first?.request.url ?? '') ?? []
    expect(first?.request.body).toContain(`code=${placeholder}&`)
    expect(first?.response?.headers[1]?.[1]).toBe(`https://agent.example/callback?code=${placeholder}`)
  })

  it('gives all placeholders one length, so that none is found inside another', () => {
    const query = Array.from({ length: 12 }, (_, index) => `p${index}=secret-${100 + index}`).join('&')
    const [first] = exchanges
    if (!first) throw new Error('no exchange')
    const request = { ...first.request, url: `https://agent.example/callback?${query}` }
    const url = redactExchanges([{ ...first, request }], { claims: {}, headers: {} })[0]?.request.url ?? ''
    const found = [...url.matchAll(/removed-\d+/g)].map(([placeholder]) => placeholder)
    expect(new Set(found).size).toBe(12)
    expect(new Set(found.map(({ length }) => length)).size).toBe(1)
  })

  it('keeps what explains the flow: tokens with their other claims, errors, documents', () => {
    const [first, , refused, discovery] = redacted
    const [, payload = ''] = /jwt="[\w-]+\.([\w-]+)\./.exec(first?.request.headers[2]?.[1] ?? '') ?? []
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as object
    expect(claims).toMatchObject({ iss: 'https://auth.example', exp: 1_800_000_000 })
    expect(first?.response?.body).toContain(payload)
    expect(first?.request.url).toContain('scope=data.read')
    expect(first?.request.body).toContain('request_type=code')
    expect(refused?.response?.body).toBe(exchanges[2]?.response?.body)
    expect(discovery?.response).toEqual(exchanges[3]?.response)
  })
})
