import { expect, it } from 'vitest'
import { createExchangeLog } from '../../src/message-trace/exchange-log.js'

const request = { method: 'GET', url: 'https://api.example/', headers: [], body: null }
const response = { status: 200, headers: [], body: 'as it was sent' }

it('contains exchanges in the order of their requests, each message as its receiver received it', () => {
  const log = createExchangeLog()
  const later = { exchange: 2, from: 'resource', to: 'agent' } as const
  const first = { exchange: 1, from: 'agent', to: 'resource' } as const
  log.onEvent({ kind: 'request-received', ...later, request })
  log.onEvent({ kind: 'request-sent', ...first, request })
  const received = { ...request, headers: [['host', 'api.example']] as const }
  log.onEvent({ kind: 'request-received', ...first, request: received })
  log.onEvent({ kind: 'response-sent', ...first, request: received, response })
  const delivered = { ...response, body: 'as it was received' }
  log.onEvent({ kind: 'response-received', ...first, request, response: delivered })
  expect(log.exchanges()).toEqual([
    { from: 'agent', to: 'resource', request: received, response: delivered, respondedAfter: 2 },
    { from: 'resource', to: 'agent', request, response: undefined, respondedAfter: undefined },
  ])
})
