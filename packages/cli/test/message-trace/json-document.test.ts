import { expect, it } from 'vitest'
import { serializeTrace } from '../../src/message-trace/json-document.js'
import type { TraceDocument } from '../independent-verifier.js'

it('joins header lines of the same name, and shows a missing response as null', () => {
  const request = {
    method: 'GET',
    url: 'https://api.example/',
    headers: [['host', 'api.example']] as const,
    body: null,
  }
  const cookies = [
    ['set-cookie', 'one=1'],
    ['set-cookie', 'two=2'],
  ] as const
  const sent = { from: 'agent', to: 'resource', request } as const
  const response = { status: 200, headers: cookies, body: 'unchanged' }
  const text = serializeTrace(
    [
      { ...sent, response, respondedAfter: 2 },
      { ...sent, response: undefined, respondedAfter: undefined },
    ],
    { status: 200 },
  )
  const { messages, result } = JSON.parse(text) as TraceDocument
  expect(messages[0]?.request.headers).toEqual({ host: 'api.example' })
  expect(messages[0]?.response).toEqual({
    status: 200,
    headers: { 'set-cookie': 'one=1, two=2' },
    body: 'unchanged',
    responded_after: 2,
  })
  expect(messages[1]?.response).toBeNull()
  expect(result).toEqual({ status: 200 })
})
