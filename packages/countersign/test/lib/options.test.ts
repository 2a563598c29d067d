import { expect, it, vi } from 'vitest'
import { warnOnce } from '../../src/lib/options.js'

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
