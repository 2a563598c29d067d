import { expect, it, vi } from 'vitest'
import { nearestName, requireKnownOptions, warnOnce } from '../../src/lib/options.js'

it('warnOnce warns once per text and owner, under a name that a process can filter', () => {
  const emitWarning = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
  for (const about of ['one', 'two', 'one']) warnOnce('a', `small parts ${about}`, 'why')
  warnOnce('b', 'small parts one', 'why')
  expect(emitWarning.mock.calls).toEqual([
    ['small parts one: why', 'CountersignWarning'],
    ['small parts two: why', 'CountersignWarning'],
    ['small parts one: why', 'CountersignWarning'],
  ])
})

it('warnOnce remembers up to 1,000 warnings', () => {
  const emitWarning = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
  for (let index = 0; index < 1001; index++) warnOnce('many', `warning ${index}`, 'why')
  emitWarning.mockClear()
  warnOnce('many', 'warning 1000', 'why')
  expect(emitWarning).not.toHaveBeenCalled()
  warnOnce('many', 'warning 0', 'why')
  expect(emitWarning).toHaveBeenCalledOnce()
})

it.each([undefined, null, 'text', 1, () => undefined])('requireKnownOptions rejects %s', (options) => {
  expect(() => requireKnownOptions('createThing', options, {})).toThrow(
    new TypeError('createThing requires an options object'),
  )
})

it('requireKnownOptions names the unknown option, and a similar one if there is one', () => {
  const known = { issuer: true, fetch: true } as const
  expect(() => requireKnownOptions('createThing', { issuer: 1, fetch: 2 }, known)).not.toThrow()
  expect(() => requireKnownOptions('createThing', { isuer: 1 }, known)).toThrow(
    new TypeError('createThing has no option isuer: did you mean issuer?'),
  )
  expect(() => requireKnownOptions('createThing', { toString: 1 }, known)).toThrow(
    new TypeError('createThing has no option toString'),
  )
})

it.each([
  ['isuser', 'issuer'],
  ['ISSUER', 'issuer'],
  ['issu', 'issuer'],
  ['iss', undefined],
  ['issuuuer', 'issuer'],
  ['issuuuuer', undefined],
  ['xsxuer', 'issuer'],
  ['xsxuex', undefined],
  ['ID', 'id'],
  ['i', undefined],
  ['ids', undefined],
  ['fecth', 'fetch'],
  ['fetsh', 'fetch'],
])('the name most similar to %s is %s', (name, expected) => {
  expect(nearestName(name, ['id', 'fetches', 'fetch', 'issuer'])).toBe(expected)
})
