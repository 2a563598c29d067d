import { AAuthError } from 'countersign'
import { AgentError } from 'countersign/agent'
import { expect, it } from 'vitest'
import { asPlainText, describeRefusal, joinReasons } from '../../src/lib/refusal.js'

it.each([
  [['a'], 'a'],
  [['The first.', 'The second.'], 'The first: The second'],
  [['The first: the second.', 'the second', 'third'], 'The first: the second: third'],
  [[], ''],
  [['x'.repeat(600)], 'x'.repeat(512)],
])('joins the reasons %j', (reasons, text) => {
  expect(joinReasons(reasons)).toBe(text)
})

it.each([
  ['the key’s', "the key's"],
  ['é\n\u0000~ !', '???~ !'],
  ['x'.repeat(300), 'x'.repeat(256)],
])('writes %j in printable ASCII', (text, plain) => {
  expect(asPlainText(text)).toBe(plain)
})

it('describes a refusal with its reasons, rule and lookup', () => {
  const cause = new AAuthError('policy_denied', 'The rule r denies this request.', { rule: 'ré' })
  const error = new AAuthError('agent_blocked', 'The agent is blocked.', { cause })
  const agent = 'https://é.example'
  expect(describeRefusal(error, error, { agent, delegate: 'ü', claimed: true })).toEqual({
    status: 403,
    code: 'agent_blocked',
    agent: 'https://?.example',
    delegate: '?',
    claimed: true,
    rule: undefined,
    lookup: undefined,
    reason: 'The agent is blocked: The rule r denies this request',
  })
  expect(describeRefusal(cause, cause).rule).toBe('r?')
  expect(describeRefusal(new Error('page', { cause }), { status: 403, code: 'x' })).toMatchObject({
    rule: 'r?',
    reason: 'The rule r denies this request',
  })
})

it.each<[string, Error, number | undefined, string | undefined]>([
  ['with the message of a refusal', new AAuthError('not_found', 'There is nothing.'), 404, 'There is nothing'],
  ['with the message of an agent’s error', new AgentError('access_denied', 'Denied.'), undefined, 'Denied'],
  ['without the message of another error', new Error('secret'), 400, undefined],
  ['without a reason for a failure, which is reported with its stack', new AAuthError('bug', 'a'), 500, undefined],
  ['up to status 499', new AAuthError('bug', 'a'), 499, 'a'],
])('describes an error %s', (_how, error, status, reason) => {
  expect(describeRefusal(error, { status, code: 'x' })).toMatchObject({ status, code: 'x' })
  expect(describeRefusal(error, { status, code: 'x' }).reason).toBe(reason)
})

it.each([
  [{ reason: 'unreachable', message: 'a' }, true],
  [{ reason: 'busy', message: 'a' }, undefined],
  [{ message: 'a' }, undefined],
  ['a text', undefined],
  [null, undefined],
])('a failure caused by %j is a failed lookup: %s', (cause, lookup) => {
  const error = new AAuthError('key_unknown', 'a', { cause })
  expect(describeRefusal(error, error).lookup).toBe(lookup)
})

it('says that an agent is only claimed, unless there is none', () => {
  const error = new AAuthError('not_found', 'a')
  expect(describeRefusal(error, error, { claimed: true }).claimed).toBeUndefined()
})
