import { expect, it } from 'vitest'
import { createJsonDocument } from '../../src/trace/json-document.js'
import type { TraceDocument } from '../independent-verifier.js'

const request = { method: 'GET', url: 'https://api.example/', headers: [], body: null }
const response = { status: 200, headers: [], body: 'as it was sent' }

it('contains messages in the order sent, each as its receiver received it, and joins lines of the same name', () => {
  const document = createJsonDocument()
  const later = { exchange: 2, from: 'resource', to: 'agent' } as const
  const first = { exchange: 1, from: 'agent', to: 'resource' } as const
  document.onEvent({ kind: 'request-received', ...later, request })
  document.onEvent({ kind: 'request-sent', ...first, request })
  const received = { ...request, headers: [['host', 'api.example']] as const }
  document.onEvent({ kind: 'request-received', ...first, request: received })
  document.onEvent({ kind: 'response-sent', ...first, request: received, response })
  const cookies = [
    ['set-cookie', 'one=1'],
    ['set-cookie', 'two=2'],
  ] as const
  const answer = { status: 200, headers: cookies, body: 'unchanged' }
  document.onEvent({ kind: 'response-received', ...first, request, response: answer })
  const { messages } = JSON.parse(document.serialize({})) as TraceDocument
  expect(messages.map(({ from, to }) => `${from} ${to}`)).toEqual(['agent resource', 'resource agent'])
  expect(messages[0]?.request.headers).toEqual({ host: 'api.example' })
  expect(messages[0]?.response).toEqual({ status: 200, headers: { 'set-cookie': 'one=1, two=2' }, body: 'unchanged' })
  expect(messages[1]?.response).toBeNull()
})
