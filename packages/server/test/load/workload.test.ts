import { expect, it } from 'vitest'
import { createWorkload } from '../../src/load/workload.js'

/** Work that ends when it is told. */
function openWork() {
  let end = (): void => undefined
  const ended = new Promise<void>((resolve) => {
    end = resolve
  })
  return { work: () => ended, end: () => end() }
}

const turn = () => new Promise((resolve) => setTimeout(resolve, 5))

it('is half full and full by what runs and what waits for its turn', async () => {
  const workload = createWorkload(4)
  const works = Array.from({ length: 4 }, openWork)
  const levels = works.map(({ work }) => {
    void workload.run(work)
    return [workload.isHalfFull, workload.isFull]
  })
  expect(levels).toEqual([
    [false, false],
    [true, false],
    [true, false],
    [true, true],
  ])
  for (const { end } of works) end()
  await turn()
  expect([workload.isHalfFull, workload.isFull]).toEqual([false, false])
})

it('leaves out what waits for somebody else, also where that fails', async () => {
  const workload = createWorkload(1)
  let answer = (_reason?: Error): void => undefined
  const awaited = workload.aside({
    own: 'a value',
    atOnce: () => 'at once',
    later: () =>
      new Promise<never>((_resolve, reject) => {
        answer = reject
      }),
  })
  const failed = workload.run(() => awaited.later()).catch((error: Error) => error.message)
  await turn()
  expect([workload.isFull, awaited.own, awaited.atOnce()]).toEqual([false, 'a value', 'at once'])
  answer(new Error('nobody there'))
  expect(await failed).toBe('nobody there')
  const { work, end } = openWork()
  const done = workload.run(work)
  expect(workload.isFull).toBe(true)
  end()
  await done
})

it('begins a few in a turn of the event loop, in the order in which they came, and lets others be heard between them', async () => {
  const workload = createWorkload(100)
  const begun: number[] = []
  /** How many had begun at each turn in which somebody else was heard. */
  const heard: number[] = []
  const hear = () =>
    setImmediate(() => {
      heard.push(begun.length)
      if (begun.length < 40) hear()
    })
  hear()
  await Promise.all(
    Array.from({ length: 40 }, (_, number) =>
      workload.run(async () => {
        begun.push(number)
      }),
    ),
  )
  expect(begun).toEqual(Array.from({ length: 40 }, (_, number) => number))
  const steps = heard.map((count, turn) => count - (heard[turn - 1] ?? 0))
  expect(Math.max(...steps)).toBeLessThanOrEqual(9)
  expect(heard.length).toBeGreaterThanOrEqual(5)
})
