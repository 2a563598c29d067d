import { describe, expect, it, vi } from 'vitest'
import { readAuthorizationRequest, readSentParameters } from '../../../src/editions/oauth/authorization-request.js'

it('limits the number of parameters before it reads any of them', () => {
  const unread = {
    search: `?${'a&'.repeat(50)}a`,
    get searchParams(): URLSearchParams {
      throw new Error('The parameters were read.')
    },
  }
  expect(() => readSentParameters(unread)).toThrow('bad_form')
})

it('reads each parameter once, and never searches for one', () => {
  const searchParams = new URLSearchParams(`client_id=c&redirect_uri=r&state=s${'&a'.repeat(47)}`)
  const searches = ['get', 'getAll', 'has'] as const
  const spies = searches.map((each) => vi.spyOn(searchParams, each))
  const sent = readSentParameters({ search: `?${searchParams.toString()}`, searchParams })
  expect(sent).toMatchObject({ clientId: 'c', redirectUri: 'r', state: 's', repeated: 'a' })
  expect(spies.flatMap(({ mock }) => mock.calls)).toEqual([])
})

describe('an authorization request', () => {
  const challenge = `${'a'.repeat(42)}A`
  const valid = {
    client_id: 'c',
    redirect_uri: 'r',
    response_type: 'code',
    code_challenge: challenge,
    code_challenge_method: 'S256',
  }
  const read = (changes: Record<string, string>, more = '') => {
    const url = new URL(`https://auth.example/?${new URLSearchParams({ ...valid, ...changes }).toString()}${more}`)
    return readAuthorizationRequest(readSentParameters(url))
  }
  const wanted = {
    clientId: 'c',
    redirectUri: 'r',
    state: undefined,
    codeChallenge: challenge,
    resource: undefined,
    scope: [],
    prompt: new Set(['']),
  }

  it.each<[Record<string, string>, object]>([
    [{}, {}],
    [{ response_mode: 'query' }, {}],
    [
      { resource: 'n', scope: ' a  b a ', prompt: 'login consent' },
      { resource: 'n', scope: ['a', 'b'], prompt: new Set(['login', 'consent']) },
    ],
    [{ scope: 's'.repeat(4096) }, { scope: ['s'.repeat(4096)] }],
    [{ state: 's'.repeat(2048) }, { state: 's'.repeat(2048) }],
    ...Array.from('AEIMQUYcgkosw048').map((last): [Record<string, string>, object] => [
      { code_challenge: `Az09-_${'x'.repeat(36)}${last}` },
      { codeChallenge: `Az09-_${'x'.repeat(36)}${last}` },
    ]),
  ])('is read with %j', (changes, expected) => {
    expect(read(changes)).toEqual({ ...wanted, ...expected })
  })

  const unsupported = 'request, request_uri and response_mode are not supported.'
  const noChallenge = 'code_challenge is required, with code_challenge_method=S256.'
  it.each<[Record<string, string>, string, string]>([
    [{ response_type: 'token' }, 'unsupported_response_type', 'response_type must be code.'],
    [{ response_type: '' }, 'unsupported_response_type', 'response_type must be code.'],
    [{ request: 'x' }, 'invalid_request', unsupported],
    [{ request_uri: 'x' }, 'invalid_request', unsupported],
    [{ response_mode: 'fragment' }, 'invalid_request', unsupported],
    [{ code_challenge: '' }, 'invalid_request', noChallenge],
    [{ code_challenge: `a${challenge}` }, 'invalid_request', noChallenge],
    [{ code_challenge: `${challenge}A` }, 'invalid_request', noChallenge],
    [{ code_challenge: 'a'.repeat(43) }, 'invalid_request', noChallenge],
    [{ code_challenge: `+${challenge.slice(1)}` }, 'invalid_request', noChallenge],
    [{ code_challenge_method: 'plain' }, 'invalid_request', noChallenge],
    [{ code_challenge_method: '' }, 'invalid_request', noChallenge],
    [{ state: 's'.repeat(2049) }, 'invalid_request', 'state may have at most 2048 bytes.'],
    [{ scope: 's'.repeat(4097) }, 'invalid_request', 'scope is too long.'],
  ])('is refused with %j', (changes, error, description) => {
    expect(read(changes)).toEqual({ error, description })
  })

  it.each([
    ['resource', 'invalid_target', 'Request one resource at a time.'],
    ['prompt', 'invalid_request', 'A parameter occurs twice.'],
  ])('is refused with two values of %s', (name, error, description) => {
    expect(read({ [name]: 'x' }, `&${name}=y`)).toEqual({ error, description })
  })

  it.each(['client_id', 'redirect_uri'])('leads to a page without %s', (name) => {
    expect(() => read({ [name]: '' })).toThrow('bad_form')
    expect(() => read({}, `&${name}=x`)).toThrow('bad_form')
  })
})
