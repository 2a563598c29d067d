import { describe, expect, it } from 'vitest'
import { parseTrace } from '../../src/trace-page/parse-trace.js'

type Json = Record<string, unknown>

const request = { method: 'GET', url: 'https://api.example/data', headers: { host: 'api.example' }, body: null }
const response = { status: 200, headers: {}, body: 'data', responded_after: 1 }
const message = { from: 'agent', to: 'resource', request, response, tokens: [] }

const withMessage = (change: Json) => JSON.stringify({ messages: [{ ...message, ...change }], result: {} })
const withRequest = (change: Json) => withMessage({ request: { ...request, ...change } })
const withResponse = (change: Json) => withMessage({ response: { ...response, ...change } })

describe('a trace file', () => {
  it('is read as the exchanges that were recorded', () => {
    expect(parseTrace(withMessage({}))).toEqual([
      {
        from: 'agent',
        to: 'resource',
        request: { ...request, headers: [['host', 'api.example']] },
        response: { status: 200, headers: [], body: 'data' },
        respondedAfter: 1,
      },
    ])
    const [unanswered] = parseTrace(withMessage({ response: null }))
    expect(unanswered?.response).toBeUndefined()
  })

  it.each([
    ['{', 'it is not JSON'],
    ['[]', 'the document is not an object'],
    ['{}', 'messages is not a list of messages'],
    ['{"messages":[]}', 'messages is not a list of messages'],
    ['{"messages":[{}],"html":"x"}', 'the document has an unknown member, "html"'],
    [JSON.stringify({ messages: Array.from({ length: 2001 }, () => message) }), 'it has more than 2000 messages'],
    ['{"messages":["GET /"]}', 'messages[0] is not an object'],
    [withMessage({ note: 1 }), 'messages[0] has an unknown member, "note"'],
    [withMessage({ from: 'thief' }), 'messages[0].from is none of agent, resource, auth-server, browser, peer'],
    [withMessage({ to: null }), 'messages[0].to is none of'],
    [withRequest({ method: 'G T' }), 'messages[0].request.method is not a method'],
    [withRequest({ url: 'javascript:alert(1)' }), 'messages[0].request.url is not an http or https URL'],
    [withRequest({ url: 'https://' }), 'messages[0].request.url is not an http or https URL'],
    [withRequest({ headers: ['host'] }), 'messages[0].request.headers is not an object'],
    [
      withRequest({ headers: { Host: 'x' } }),
      'messages[0].request.headers has a name that is not a lowercase header name',
    ],
    [withRequest({ headers: { host: 1 } }), 'messages[0].request.headers.host is not a string'],
    [withRequest({ body: {} }), 'messages[0].request.body is neither a string nor null'],
    [withResponse({ status: '200' }), 'messages[0].response.status is not a whole number from 100 to 599'],
    [withResponse({ status: 99 }), 'messages[0].response.status is not a whole number from 100 to 599'],
    [withResponse({ responded_after: 2 }), 'messages[0].response.responded_after is not a whole number from 1 to 1'],
    [withMessage({ response: undefined }), 'messages[0].response is not an object'],
  ])('is refused if it is %s', (text, problem) => {
    expect(() => parseTrace(text)).toThrow(`This is not a trace: ${problem}`)
  })
})
