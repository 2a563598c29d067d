import { expect, it } from 'vitest'
import { randomPart } from '../../../src/storage/sql/kept-query.js'

it('returns 16 different bytes each time, which do not change later', () => {
  const parts = Array.from({ length: 1000 }, randomPart)
  const seen = parts.map((part) => part.toString('hex'))
  expect(new Set(seen).size).toBe(1000)
  expect(new Set(parts.map((part) => part.length))).toEqual(new Set([16]))
  expect(parts.map((part) => part.toString('hex'))).toEqual(seen)
})
