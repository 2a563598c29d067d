import { expect, it } from 'vitest'
import { inputRequiredResult, unwrap, withServersState } from '../../../src/mcp/consent/asked-before.js'

const page = { url: 'https://auth.example/consent', message: 'Countersign: decide.' }

const call = (params: Record<string, unknown>) =>
  ({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'x', ...params } }) as const

it.each([
  ['a first call', {}],
  [
    'a call with responses to the server’s requests',
    { inputResponses: { q: { action: 'accept' } }, requestState: 's' },
  ],
])('%s is restored unchanged once the user has agreed to see the page', (_what, params) => {
  const { requestState, ...result } = inputRequiredResult(call(params), page)
  expect(result).toEqual({
    resultType: 'input_required',
    inputRequests: { consent: { method: 'elicitation/create', params: { mode: 'url', ...page } } },
  })
  const retry = call({ requestState, inputResponses: { consent: { action: 'accept' } } })
  expect(unwrap(retry)).toEqual({ request: call(params), said: 'accept', mark: expect.any(String) })
})

it.each([{}, { consent: {} }, { consent: { action: 'decline' } }, { consent: { action: 'cancel' } }])(
  'treats any other user response as a denial: %j',
  (inputResponses) => {
    const { requestState } = inputRequiredResult(call({}), page)
    expect(unwrap(call({ requestState, inputResponses })).said).toBe('decline')
  },
)

it('records in the state which page it was, without its URL', () => {
  const markOf = (url: string) => {
    const { requestState } = inputRequiredResult(call({}), { ...page, url })
    expect(Buffer.from(String(requestState).split('.')[2] ?? '', 'base64url').toString()).not.toContain('auth.example')
    return unwrap(call({ requestState, inputResponses: { consent: { action: 'accept' } } })).mark
  }
  const one = `${page.url}?state=one`
  expect(markOf(one)).toBe(markOf(one))
  expect(markOf(one)).not.toBe(markOf(`${page.url}?state=two`))
})

it('leaves the server’s own state unchanged', () => {
  const request = call({ requestState: 'of the server', inputResponses: { consent: { action: 'accept' } } })
  expect(unwrap(request)).toEqual({ request, said: undefined })
})

// M11
it('rejects a forged bridge state', () => {
  const request = call({ requestState: 'countersign.consent.!!', inputResponses: { consent: { action: 'accept' } } })
  expect(unwrap(request)).toEqual({ request, said: undefined })
})

// M11
it('does not accept a server state that resembles the bridge’s', () => {
  for (const state of [
    String(inputRequiredResult(call({}), page).requestState),
    'countersign.server.x',
    'countersign.',
    'plain',
  ]) {
    const answer = withServersState({ result: { resultType: 'input_required', requestState: state } })
    const { requestState } = 'result' in answer ? answer.result : {}
    const inputResponses = { consent: { action: 'accept' } }
    const request = call({ requestState: state, inputResponses })
    expect(unwrap(call({ requestState, inputResponses }))).toEqual({ request, said: undefined })
  }
})
