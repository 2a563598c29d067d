import { expect, it } from 'vitest'
import { DatabaseFailure, isConflict, isOutage, stateOf } from '../../../src/storage/postgres/database-failure.js'

/** An error as PostgreSQL reports it. */
const reported = (code: unknown, message = 'the message', routine = 'errfinish') =>
  Object.assign(new Error(message), { code, severity: 'ERROR', routine })

it.each([
  ['40001', 'a serialization failure', true, false],
  ['40P01', 'deadlock detected', true, false],
  ['0A000', 'not supported', false, false],
  ['08006', 'connection', false, true],
  ['25006', 'read only', false, true],
  ['53300', 'too many connections', false, true],
  ['55P03', 'lock timeout', false, true],
  ['57014', 'statement timeout', false, true],
  ['58030', 'I/O error', false, true],
  ['XX000', 'internal error', false, true],
  ['42P08', 'ambiguous parameter', false, false],
])('%s, %s: a conflict: %s, an outage: %s', (code, message, conflicts, isOut) => {
  const failure = new DatabaseFailure(reported(code, message))
  expect(failure).toMatchObject({ name: 'DatabaseFailure', state: code, message })
  expect([isConflict(failure), isOutage(failure)]).toEqual([conflicts, isOut])
})

it.each([
  ['0A000', 'RevalidateCachedQuery', true],
  ['0A000', 'transformReturningClause', false],
  ['23505', 'RevalidateCachedQuery', false],
])('%s from %s is a plan from before a migration, in any language: %s', (code, routine, isStale) => {
  for (const message of ['cached plan must not change result type', 'gecachter Plan darf den Ergebnistyp nicht ändern'])
    expect(isConflict(new DatabaseFailure(reported(code, message, routine)))).toBe(isStale)
})

it('takes a failed connection for an outage, and no error of another kind', () => {
  for (const cause of [new Error('ECONNREFUSED'), 'a text'])
    expect(isOutage(new DatabaseFailure(cause)), String(cause)).toBe(true)
  for (const error of [reported('40001'), reported('57014'), 'a text'])
    expect([isConflict(error), isOutage(error)], String(error)).toEqual([false, false])
})

it.each([
  [reported('57014'), '57014'],
  [reported(5), undefined],
  [Object.assign(new Error('reset'), { code: 'ECONNRESET' }), undefined],
  [Object.assign(new Error('no code'), { severity: 'ERROR' }), undefined],
  [{ code: '57014', severity: 'ERROR' }, undefined],
])('the state of %o is %s', (cause, state) => {
  expect(stateOf(cause)).toBe(state)
})
