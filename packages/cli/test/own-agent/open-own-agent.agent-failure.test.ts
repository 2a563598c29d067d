import { AgentError } from 'countersign/agent'
import { expect, it } from 'vitest'
import { agentFailure } from '../../src/own-agent/open-own-agent.js'

it('names the command that lets another user give consent', () => {
  const failure = agentFailure(new AgentError('other_user', 'A different user allowed this.'), 'https://api.example/')
  expect(failure).toMatchObject({
    message: 'A different user allowed this. To do that, run: countersign agent tokens forget --all',
    exitCode: 1,
  })
})

it('tells a request that cannot be sent from a host that does not respond', () => {
  const failed = (cause: Error) => agentFailure(new TypeError('fetch failed', { cause }), 'http://127.0.0.1:9/')
  expect(failed(new Error('bad port'))).toMatchObject({ exitCode: 2 })
  expect(failed(Object.assign(new Error('refused'), { code: 'ECONNREFUSED' }))).toMatchObject({ exitCode: 3 })
})
