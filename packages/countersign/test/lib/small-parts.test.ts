import { expect, it, vi } from 'vitest'
import { after } from '../../dist/lib/after.js'
import { Doorkeeper } from '../../dist/lib/doorkeeper.js'
import { warnOnce } from '../../dist/lib/warn-once.js'

it('after: at once for what is there, later for a promise', async () => {
  expect(after(1, (value) => value + 1)).toBe(2)
  const later = after(Promise.resolve(1), (value) => value + 1)
  expect(later).toBeInstanceOf(Promise)
  expect(await later).toBe(2)
  await expect(after(Promise.reject(new Error('no')), () => 1)).rejects.toThrow('no')
})

it('warnOnce: once for each text, by the name that a process can filter', () => {
  const emitWarning = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
  for (const about of ['one', 'two', 'one']) warnOnce(`small parts ${about}`, 'why')
  expect(emitWarning.mock.calls).toEqual([
    ['small parts one: why', 'CountersignWarning'],
    ['small parts two: why', 'CountersignWarning'],
  ])
})

it('a doorkeeper looks at eight characters from its place, and at the length', () => {
  const text = (characters: string, before = 'before') => `${before}${characters}${'.'.repeat(8)}`
  const keeper = new Doorkeeper(16)
  expect([keeper.hasSeen(text('abcdefgh')), keeper.hasSeen(text('abcdefgh'))]).toEqual([false, true])
  expect(keeper.hasSeen(text('abcdefgh', 'BEFORE')), 'what is before them is not looked at').toBe(true)
  expect(keeper.hasSeen(`${text('abcdefgh').slice(0, -1)}!`), 'nor what is behind').toBe(true)
  for (let at = 0; at < 8; at++) {
    const other = `${'abcdefgh'.slice(0, at)}-${'abcdefgh'.slice(at + 1)}`
    expect(keeper.hasSeen(text(other)), `character ${at}`).toBe(false)
  }
  expect(keeper.hasSeen(text('abcdefgh', 'longer before'))).toBe(false)
})

it('a doorkeeper forgets in the order of what comes, in fixed memory', () => {
  const keeper = new Doorkeeper(8)
  const texts = Array.from({ length: 100_000 }, (_, index) => `text-${String(index).padStart(8, '0')}`)
  for (const text of texts) keeper.hasSeen(text)
  const known = texts.filter((text) => keeper.hasSeen(text)).length
  expect(known).toBeLessThanOrEqual(16_384)
  const recent = texts.slice(-100)
  for (const text of recent) keeper.hasSeen(text)
  expect(recent.filter((text) => keeper.hasSeen(text)).length).toBeGreaterThan(90)
})
