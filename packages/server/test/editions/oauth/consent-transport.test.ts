import { describe, expect, it } from 'vitest'
import { createOAuthTransport, hashOAuthSecret, isCodeOf } from '../../../src/editions/oauth/consent-transport.js'

const issuer = 'https://auth.example'
const secrets = { codeOf: (id: string) => `aacd(${id})` } as Parameters<typeof createOAuthTransport>[1]
const transport = createOAuthTransport(issuer, secrets)
type Request = Parameters<typeof transport.addressOf>[0]

const request = { id: 'r1', agent: 'editor', redirectUri: 'https://client.example/cb?a=1', state: '%FF' } as Request
const code = 'aacd(oauth r1 editor).r1'

it('finds a request by a ticket of up to 256 characters', async () => {
  const ticket = 't'.repeat(256)
  const read = (parameters: Record<string, string>) => transport.readLink(new Map(Object.entries(parameters)))
  expect(await read({ authorization: ticket })).toEqual({
    edition: 'oauth',
    tokenHash: hashOAuthSecret('request', ticket),
    path: `/oauth/consent?authorization=${ticket}`,
    fields: { authorization: ticket },
  })
  expect(await read({ authorization: `${ticket}t` })).toBe('request_unknown')
  expect(await read({})).toBeUndefined()
})

it.each([
  ['https://client.example/cb', 300],
  ['https://127.0.0.1/cb', undefined],
  ['http://127.0.0.1:3000/cb', undefined],
  ['editor:/cb', undefined],
  [null, undefined],
])('a code for %s can be redeemed for %s s, if not as usual', (redirectUri, seconds) => {
  expect(transport.handleLifetimeOf?.({ ...request, redirectUri })).toBe(seconds)
})

it('sends the user back with a code, or with what they decided, in ASCII', () => {
  const back = 'https://client.example/cb?a=1&'
  const answered = `iss=${encodeURIComponent(issuer)}`
  const allowed = { allowed: true } as Parameters<typeof transport.addressOf>[1]
  expect(transport.addressOf(request, allowed)).toBe(
    `${back}${new URLSearchParams({ code }).toString()}&${answered}&state=%FF`,
  )
  expect(transport.addressOf({ ...request, state: null }, { allowed: false, why: 'Not “now”' })).toBe(
    `${back}error=access_denied&${answered}&error_description=Not+%3Fnow%3F`,
  )
})

describe('a code', () => {
  it('is one of the client and the request that it was derived for', () => {
    expect(isCodeOf(secrets, code, 'editor')).toBe(true)
    for (const other of ['', 'x', code.slice(0, -3), `${code}.r1`, code.replace('r1', 'r2'), `${code}2`])
      expect(isCodeOf(secrets, other, 'editor'), other).toBe(false)
    expect(isCodeOf(secrets, code, 'editor2')).toBe(false)
  })

  it('is stored under another hash than other secrets', () => {
    expect(transport.handleHashOf(request)).toBe(hashOAuthSecret('code', code))
    const hashes = (['code', 'request', 'refresh'] as const).map((kind) => hashOAuthSecret(kind, 'secret'))
    expect(new Set(hashes).size).toBe(3)
  })
})

describe('who an authorization request says it comes from', () => {
  const [client, resource] = ['client_id=https://client.example:8443/x', 'resource=https://notes.example/mcp']
  const unknown = { agent: undefined, resource: undefined }
  const named = { agent: undefined, resource: 'https://notes.example/mcp' }

  it.each<[string, object]>([
    [`${client}&${resource}`, { ...named, agent: 'https://client.example:8443' }],
    [`client_id=http://127.0.0.1/x&${resource}`, { ...named, agent: 'http://127.0.0.1' }],
    [`client_id=editor&${resource}`, named],
    [`client_id=editor.example&${resource}`, unknown],
    [`client_id=ftp://client.example/x&${resource}`, unknown],
    [`client_id=https://&${resource}`, unknown],
    [`client_id=https://bank@client.example/x&${resource}`, unknown],
    [`client_id=https://:bank@client.example/x&${resource}`, unknown],
    [`${client}&${client}&${resource}`, unknown],
    [`${client}&${resource}&${resource}`, unknown],
    [client, unknown],
    [`${client}&resource=notes`, unknown],
    [resource, unknown],
  ])('for ?%s is %j', (query, asker) => {
    expect(transport.askerAt?.(new URL(`${issuer}/oauth/authorize?${query}`))).toEqual(asker)
  })

  it('is unknown at any other address', () => {
    expect(transport.askerAt?.(new URL(`${issuer}/oauth/consent?${client}&${resource}`))).toBeUndefined()
  })
})
