import { expect, it } from 'vitest'
import { createWorkload, type Weight, type Workload } from '../../src/admission/workload.js'

/** Work that finishes when the test says so. */
function openWork() {
  let end = (): void => undefined
  const ended = new Promise<void>((resolve) => {
    end = resolve
  })
  return { run: () => ended, end: () => end() }
}

const turn = () => new Promise((resolve) => setTimeout(resolve, 5))

interface Sent {
  from?: string
  weight?: Weight
  yields?: boolean
}

/** Resolves to whether the work ran. */
async function admit(workload: Workload, run: () => Promise<unknown>, sent: Sent = {}): Promise<boolean> {
  const { from = 'a', weight = 'heavy', yields } = sent
  const outcome = await workload.admit({
    weight,
    entry: () => ({ path: [from], yields }),
    run: async () => {
      await run()
      return true
    },
  })
  return outcome ?? false
}

it('processes half of its requests at once, queues the other half, and refuses the next one immediately', async () => {
  const workload = createWorkload(4)
  const works = Array.from({ length: 5 }, openWork)
  const begun: number[] = []
  const outcomes = works.map(({ run }, number) =>
    admit(workload, () => {
      begun.push(number)
      return run()
    }),
  )
  expect(await outcomes[4]).toBe(false)
  await turn()
  expect(begun).toEqual([0, 1])
  works[0]?.end()
  await turn()
  expect(begun).toEqual([0, 1, 2])
  for (const { end } of works) end()
  expect(await Promise.all(outcomes)).toEqual([true, true, true, true, false])
})

it('when full, refuses the caller with the most requests, not the newcomer', async () => {
  const workload = createWorkload(4)
  const works = Array.from({ length: 4 }, openWork)
  const flood = works.map(({ run }) => admit(workload, run, { from: 'flood' }))
  const other = admit(workload, async () => undefined, { from: 'other' })
  expect(await flood[3]).toBe(false)
  for (const { end } of works) end()
  expect(await other).toBe(true)
  expect(await Promise.all(flood)).toEqual([true, true, true, false])
})

it('serves light requests while heavy ones occupy every slot', async () => {
  const workload = createWorkload(4)
  const works = Array.from({ length: 4 }, openWork)
  const heavy = works.map(({ run }) => admit(workload, run))
  expect(await admit(workload, async () => undefined, { weight: 'light' })).toBe(true)
  for (const { end } of works) end()
  await Promise.all(heavy)
})

it('does not describe a request that need not wait', async () => {
  const workload = createWorkload(4)
  const entry = () => {
    throw new Error('not needed')
  }
  expect(await workload.admit({ weight: 'heavy', entry, run: async () => 'done' })).toBe('done')
})

it('hands the slot of a request that awaits something else to the next request, even if the wait fails', async () => {
  const workload = createWorkload(1)
  let fail = (_reason: Error): void => undefined
  const awaited = workload.aside({
    own: 'a value',
    atOnce: () => 'at once',
    later: () =>
      new Promise<never>((_resolve, reject) => {
        fail = reject
      }),
  })
  const failed = admit(workload, () => awaited.later()).catch((error: Error) => error.message)
  expect([awaited.own, awaited.atOnce()]).toEqual(['a value', 'at once'])
  expect(await admit(workload, async () => undefined)).toBe(true)
  fail(new Error('no response'))
  expect(await failed).toBe('no response')
})

it('bounds the requests that release their slots while waiting: beyond that, they keep their slots', async () => {
  const workload = createWorkload(2)
  const { run, end } = openWork()
  const awaited = workload.aside({ later: run })
  const waiting = []
  for (let number = 0; number < 17; number++) {
    waiting.push(admit(workload, () => awaited.later(), { from: String(number) }))
    await turn()
  }
  let hasRun = false
  const next = admit(workload, async () => {
    hasRun = true
  })
  await turn()
  expect(hasRun).toBe(false)
  end()
  expect(await next).toBe(true)
  expect(await Promise.all(waiting)).toEqual(Array<boolean>(17).fill(true))
})

it('lets any number of idle requests hold no slot', async () => {
  const workload = createWorkload(2)
  let end: () => void = () => undefined
  const over = new Promise<void>((resolve) => {
    end = resolve
  })
  const idle = []
  for (let number = 0; number < 40; number++) {
    idle.push(admit(workload, () => workload.idle(over), { from: String(number) }))
    await turn()
  }
  let hasRun = false
  await admit(workload, async () => {
    hasRun = true
  })
  expect(hasRun).toBe(true)
  end()
  expect(await Promise.all(idle)).toEqual(Array<boolean>(40).fill(true))
})

it('starts a few requests per turn of the event loop, in order of arrival, and lets other work run in between', async () => {
  const workload = createWorkload(100)
  const begun: number[] = []
  /** The number of requests started at each turn in which other work ran. */
  const heard: number[] = []
  const hear = () =>
    setImmediate(() => {
      heard.push(begun.length)
      if (begun.length < 40) hear()
    })
  hear()
  await Promise.all(
    Array.from({ length: 40 }, (_, number) =>
      admit(workload, async () => {
        begun.push(number)
      }),
    ),
  )
  expect(begun).toEqual(Array.from({ length: 40 }, (_, number) => number))
  const steps = heard.map((count, at) => count - (heard[at - 1] ?? 0))
  expect(Math.max(...steps)).toBeLessThanOrEqual(9)
  expect(heard.length).toBeGreaterThanOrEqual(4)
})
