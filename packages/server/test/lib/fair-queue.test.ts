import fc from 'fast-check'
import { expect, it } from 'vitest'
import { FairQueue, networkPath } from '../../src/lib/fair-queue.js'

interface Item {
  path: readonly string[]
  number: number
}

const key = fc.constantFrom('a', 'b', 'c')
const pathOf = fc.tuple(key, key, key)
const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ path: pathOf, yields: fc.boolean() }) },
  { weight: 1, arbitrary: fc.constant('shift' as const) },
)

/** Adds `count` items of one share; returns the item displaced by each, if any. */
function fill(
  queue: FairQueue<string>,
  path: readonly string[],
  count: number,
  limits = roomy,
): (string | undefined)[] {
  return Array.from({ length: count }, (_, index) => queue.push(`${path.join('/')} ${index}`, { path }, limits))
}

const roomy = { capacity: 1000, most: 1000 }

const drain = <T>(queue: FairQueue<T>, count = queue.size) => Array.from({ length: count }, () => queue.shift())

it('serves shares in turn, and the subshares of one in turn', () => {
  const queue = new FairQueue<string>()
  fill(queue, ['a', 'x'], 3)
  fill(queue, ['a', 'y'], 2)
  fill(queue, ['b', 'z'], 2)
  expect(drain(queue)).toEqual(['a/x 0', 'b/z 0', 'a/y 0', 'b/z 1', 'a/x 1', 'a/y 1', 'a/x 2'])
  expect(queue.shift()).toBeUndefined()
})

it('when full, refuses the largest share, and displaces its newest item for a smaller share', () => {
  const limits = { capacity: 4, most: 8 }
  const queue = new FairQueue<string>()
  expect(fill(queue, ['a', 'x'], 5, limits)).toEqual([undefined, undefined, undefined, undefined, 'a/x 4'])
  expect(fill(queue, ['b', 'y'], 3, limits)).toEqual(['a/x 3', 'a/x 2', 'b/y 2'])
  expect(queue.push('a/z 0', { path: ['a', 'z'] }, limits)).toBe('a/x 1')
  expect(drain(queue)).toEqual(['a/x 0', 'b/y 0', 'a/z 0', 'b/y 1'])
})

it('displaces within the largest network share, however many shares it consists of', () => {
  const limits = { capacity: 8, most: 16 }
  const queue = new FairQueue<string>()
  for (let inside = 0; inside < 8; inside++) fill(queue, ['a', String(inside)], 1, limits)
  expect(fill(queue, ['b', 'x'], 5, limits)).toEqual([
    expect.stringMatching(/^a/),
    expect.stringMatching(/^a/),
    expect.stringMatching(/^a/),
    expect.stringMatching(/^a/),
    'b/x 4',
  ])
})

it('when full of shares with one item each, accepts one item of each other share up to the higher limit', () => {
  const limits = { capacity: 4, most: 6 }
  const queue = new FairQueue<string>()
  const refused = ['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((each) => queue.push(each, { path: [each] }, limits))
  expect(refused).toEqual([undefined, undefined, undefined, undefined, undefined, undefined, 'g'])
  expect(queue.push('a again', { path: ['a'] }, limits)).toBe('a again')
})

it('within a network, serves yielding items last except every eighth turn, and displaces them first, regardless of the sender', () => {
  const limits = { capacity: 20, most: 20 }
  const queue = new FairQueue<string>()
  const callers = ['x', 'y', 'z', 'w'] as const
  for (let number = 0; number < 12; number++)
    queue.push(`new ${number}`, { path: ['a', callers[number % 4] ?? ''], yields: true }, limits)
  for (let number = 0; number < 8; number++) queue.push(`old ${number}`, { path: ['a', 'x'] }, limits)
  expect(queue.push('new 12', { path: ['a', 'x'], yields: true }, limits)).toBe('new 12')
  expect(queue.push('old 8', { path: ['a', 'y'] }, limits)).toMatch(/^new/)
  const served = drain(queue)
  expect(served.slice(0, 7).every((item) => item?.startsWith('old'))).toBe(true)
  expect(served[7]).toMatch(/^new/)
  expect(served.slice(8, 10).every((item) => item?.startsWith('old'))).toBe(true)
  expect(served.slice(10).every((item) => item?.startsWith('new'))).toBe(true)
})

it('serves the yielding items of a network by sender in turn, and again after seven others', () => {
  const queue = new FairQueue<string>()
  const add = (sender: string, count: number, yields: boolean) => {
    for (let number = 0; number < count; number++)
      queue.push(`${sender}${number}`, { path: ['a', sender], yields }, roomy)
  }
  add('x', 3, true)
  add('y', 1, true)
  add('z', 14, false)
  const others = (from: number) => Array.from({ length: 7 }, (_, number) => `z${from + number}`)
  expect(drain(queue)).toEqual([...others(0), 'x0', ...others(7), 'y0', 'x1', 'x2'])
})

it('when full, displaces a yielding item even if the newcomer’s sender has more', () => {
  const queue = new FairQueue<string>()
  const limits = { capacity: 4, most: 4 }
  queue.push('new', { path: ['a', 'y'], yields: true }, limits)
  fill(queue, ['a', 'x'], 3, limits)
  expect(queue.push('a/x 3', { path: ['a', 'x'] }, limits)).toBe('new')
})

it.each([
  [undefined, ['unknown']],
  ['203.0.113.9', ['203.0', '203.0.113', '203.0.113.9']],
  ['2001:db8:1:2::3', ['2001:db8', '2001:db8:1', '2001:db8:1:2']],
])('an address of %s has the path %j', (address, path) => {
  expect(networkPath(address)).toEqual(path)
})

it('gives yielding items their network’s share next to other networks', () => {
  const queue = new FairQueue<string>()
  fill(queue, ['a', 'x'], 4)
  for (let number = 0; number < 4; number++) queue.push(`new ${number}`, { path: ['b', 'y'], yields: true }, roomy)
  expect(drain(queue, 4)).toEqual(['a/x 0', 'new 0', 'a/x 1', 'new 1'])
})

it('keeps every item until it is served or displaced, in the order of its share, within its limits', () => {
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 200 }),
      fc.integer({ min: 0, max: 12 }),
      fc.integer({ min: 0, max: 12 }),
      (steps, capacity, beyond) => {
        const limits = { capacity, most: capacity + beyond }
        const queue = new FairQueue<Item>()
        const waiting = new Set<Item>()
        let number = 0
        for (const each of steps) {
          if (each === 'shift') {
            const served = queue.shift()
            if (waiting.size === 0) expect(served).toBeUndefined()
            else expect(served && waiting.delete(served)).toBe(true)
          } else {
            const item = { path: each.path, number: number++ }
            waiting.add(item)
            const lost = queue.push(item, each, limits)
            if (lost) expect(waiting.delete(lost)).toBe(true)
          }
          expect(queue.size).toBe(waiting.size)
          expect(queue.size).toBeLessThanOrEqual(capacity + beyond)
        }
        expect(new Set(drain(queue))).toEqual(waiting)
        expect(queue.size).toBe(0)
      },
    ),
  )
})

it('refuses no item of a share that is below its fair part', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(key, key), { minLength: 1, maxLength: 120 }), (paths) => {
      const capacity = 9
      const limits = { capacity, most: capacity }
      const queue = new FairQueue<Item>()
      const held = new Map<string, number>()
      paths.forEach((path, number) => {
        const own = held.get(path[0]) ?? 0
        const item = { path, number }
        const lost = queue.push(item, { path }, limits)
        held.set(path[0], own + 1)
        if (lost) held.set(lost.path[0] ?? '', (held.get(lost.path[0] ?? '') ?? 0) - 1)
        const shares = new Set([...held].flatMap(([share, count]) => (count > 0 || share === path[0] ? [share] : [])))
        if (own + 1 <= Math.floor(capacity / shares.size)) expect(lost).not.toBe(item)
      })
    }),
  )
})

it('serves a share within one round of the other shares, whatever they add in the meantime', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 30 }), fc.integer({ min: 1, max: 10 }), (others, each) => {
      const queue = new FairQueue<string>()
      for (let other = 0; other < others; other++) fill(queue, ['wide', String(other)], each)
      queue.push('mine', { path: ['narrow', 'x'] }, roomy)
      const turns = []
      do {
        turns.push(queue.shift())
        fill(queue, ['wide', 'more'], 2)
      } while (turns.at(-1) !== 'mine')
      expect(turns.length).toBeLessThanOrEqual(2)
    }),
  )
})
