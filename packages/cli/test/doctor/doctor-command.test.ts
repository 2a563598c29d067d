import { expect, it } from 'vitest'
import { renderFindings } from '../../src/doctor/doctor-command.js'

it('a long name of a check is followed by a space', () => {
  const check = 'key rotation of oauth'
  const findings = [{ check, outcome: 'ok' as const, found: 'The next rotation is due.' }]
  expect(renderFindings([{ subject: 'x', from: 'outside', findings }])).toContain(`${check} The next`)
})
