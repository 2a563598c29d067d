import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { withProgress } from '../../src/terminal/progress.js'

beforeEach(() => vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }))
afterEach(() => void vi.useRealTimers())

function screen(isTTY: boolean) {
  const lines: string[] = []
  const asking = { output: { write: () => true, isTTY }, input: process.stdin }
  return { lines, terminal: { notify: (text: string) => void lines.push(text), asking } }
}

it('reports after two seconds, and every ten seconds from then on, until the work is done', async () => {
  const { lines, terminal } = screen(true)
  let finish: (result: string) => void = () => undefined
  const work = new Promise<string>((resolve) => {
    finish = resolve
  })
  const done = withProgress(terminal, 'Copying', () => work)
  await vi.advanceTimersByTimeAsync(1999)
  expect(lines).toEqual([])
  await vi.advanceTimersByTimeAsync(20_001)
  expect(lines).toEqual(['Copying: 2 s', 'Copying: 12 s', 'Copying: 22 s'])
  finish('result')
  expect(await done).toBe('result')
  await vi.advanceTimersByTimeAsync(60_000)
  expect(lines).toHaveLength(3)
})

it('reports nothing to programs', async () => {
  const { lines, terminal } = screen(false)
  const done = withProgress(terminal, 'Copying', () => new Promise((resolve) => void setTimeout(resolve, 5000)))
  await vi.advanceTimersByTimeAsync(5000)
  await done
  expect(lines).toEqual([])
})

it('announces work that may block the process at once', async () => {
  const { lines, terminal } = screen(true)
  await withProgress(terminal, 'Copying', async () => lines.push('copied'), { isBlocking: true })
  expect(lines).toEqual(['Copying …', 'copied'])
})
