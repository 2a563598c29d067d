import { expect, it } from 'vitest'
import { codeOfBytes, displayCode, handleOf, readCode } from '../../../src/editions/draft-11/interaction-code.js'

const bytes = (first: number) => Uint8Array.from({ length: 16 }, (_, at) => first + at)

it('uses every symbol of Crockford’s alphabet, for 12 of the bytes', () => {
  expect([0, 12, 24, 224].map((first) => codeOfBytes(bytes(first)))).toEqual([
    '0123456789AB',
    'CDEFGHJKMNPQ',
    'RSTVWXYZ0123',
    '0123456789AB',
  ])
})

it.each([
  ['7KQ2-M4XD-91TB', '7KQ2M4XD91TB'],
  [' 7kq2 m4xd 91tb ', '7KQ2M4XD91TB'],
  ['iLoO-0000-0000', '110000000000'],
  ['7KQ2-M4XD-91T', undefined],
  ['7KQ2-M4XD-91TBC', undefined],
  ['7KQ2-M4XD-91TU', undefined],
])('reads %j as %j', (typed, code) => {
  expect(readCode(typed)).toBe(code)
})

it('displays a code in groups, and identifies its request by the first', () => {
  expect([displayCode('7KQ2M4XD91TB'), handleOf('7KQ2M4XD91TB')]).toEqual(['7KQ2-M4XD-91TB', '7KQ2'])
})
