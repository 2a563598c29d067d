import { describe, expect, it } from 'vitest'
import { createBackgroundWork } from '../../../src/storage/api/background-work.js'

describe('background work', () => {
  it('ends when all running work has finished, even work that fails', async () => {
    const failed: unknown[] = []
    const background = createBackgroundWork((error) => failed.push(error))
    const gates: (() => void)[] = []
    const gate = () => new Promise<void>((open) => gates.push(open))
    const done: string[] = []
    background.run(async () => {
      await gate()
      done.push('one')
    })
    background.run(async () => {
      await gate()
      throw new TypeError('two')
    })
    const end = background.end().then(() => done.push('end'))
    for (const open of gates) open()
    await end
    expect(done).toEqual(['one', 'end'])
    expect(failed).toEqual([new TypeError('two')])
  })

  it('starts nothing while it is ending', async () => {
    const failed: unknown[] = []
    const background = createBackgroundWork((error) => failed.push(error))
    expect(background.ending).toBe(false)
    await background.end()
    expect(background.ending).toBe(true)
    background.run(() => Promise.reject(new TypeError('begun')))
    await background.end()
    expect(failed).toEqual([])
  })
})
