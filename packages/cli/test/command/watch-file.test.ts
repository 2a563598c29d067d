import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished, vi } from 'vitest'
import { watchFile } from '../../src/command/watch-file.js'

it('reports an unusable file as unusable until it becomes usable', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-changed-'))
  const file = join(folder, 'settings.json')
  writeFileSync(file, '{}')
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  const problems: string[] = []
  const changes: boolean[] = []
  const followed = watchFile(file, {
    onChange: async (isRecovered) => {
      JSON.parse(readFileSync(file, 'utf8'))
      changes.push(isRecovered)
    },
    onProblem: (reason) => problems.push(reason),
  })
  onTestFinished(() => {
    followed.stop()
    vi.useRealTimers()
    rmSync(folder, { recursive: true })
  })
  const look = async () => {
    vi.advanceTimersByTime(2000)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  await expect.poll(() => changes).toEqual([false])
  writeFileSync(file, '{')
  await look()
  await expect.poll(() => followed.isUsable()).toBe(false)
  for (let looks = 0; looks < 3; looks += 1) {
    await look()
    expect(followed.isUsable()).toBe(false)
  }
  expect(problems, 'once').toHaveLength(1)
  writeFileSync(file, '{}')
  await look()
  await expect.poll(() => changes).toEqual([false, true])
  expect(followed.isUsable()).toBe(true)
})
