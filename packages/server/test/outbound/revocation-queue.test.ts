import { expect, it } from 'vitest'
import { RevocationQueue } from '../../src/outbound/revocation-queue.js'

let last = 0
const due = (userId: string, resource: string) => ({ id: String(++last), userId, resource, dueAt: 0 })

const many = (count: number, userId: string, resource = (at: number) => `${userId}-${at}`) =>
  Array.from({ length: count }, (_, at) => due(userId, resource(at)))

/** Takes and finishes one batch after another. Returns the users in the order in which their revocations were taken. */
function drain(queue: RevocationQueue): string[] {
  const users: string[] = []
  for (let taken = queue.take(); taken.length > 0; taken = queue.take())
    for (const each of taken) {
      users.push(each.userId)
      queue.done(each)
    }
  return users
}

it('users take turns, however many revocations each has', () => {
  const queue = new RevocationQueue()
  for (const each of [...many(100, 'alice'), ...many(2, 'bob'), ...many(1, 'carol')]) queue.add(each)
  const users = drain(queue)
  expect(users).toHaveLength(103)
  expect(users.slice(0, 6)).toEqual(['alice', 'bob', 'carol', 'alice', 'bob', 'alice'])
})

it('a resource that responds to nothing occupies three places, and the others are sent', () => {
  const queue = new RevocationQueue()
  for (const each of [...many(50, 'alice', () => 'slow'), ...many(30, 'alice', (at) => `${at % 10}`)]) queue.add(each)
  const first = queue.take()
  const slow = first.filter(({ resource }) => resource === 'slow')
  expect([slow.length, first.length]).toEqual([2, 20])
  for (const each of first) if (each.resource !== 'slow') queue.done(each)
  const second = queue.take()
  slow.push(...second.filter(({ resource }) => resource === 'slow'))
  expect([slow.length, second.length]).toEqual([3, 13])
  for (const each of second) if (each.resource !== 'slow') queue.done(each)
  expect([queue.take(), queue.size]).toEqual([[], 47])
  for (const each of slow) queue.done(each)
  expect(drain(queue)).toHaveLength(47)
  expect(queue.size).toBe(0)
})

it('what is waiting or being sent is not added again', () => {
  const queue = new RevocationQueue()
  const one = due('alice', 'a')
  queue.add(one)
  queue.add(one)
  expect(queue.take()).toEqual([one])
  queue.add(one)
  expect(queue.take()).toEqual([])
  queue.done(one)
  queue.add(one)
  expect(queue.take()).toEqual([one])
})

it('holds at most 10,000: the user with the most makes room for others, and can be added again', () => {
  const queue = new RevocationQueue()
  const ofAlice = many(10_001, 'alice', () => 'slow')
  for (const each of ofAlice) queue.add(each)
  expect(queue.size).toBe(10_000)
  const taken = queue.take()
  queue.add(due('bob', 'b'))
  queue.add(due('carol', 'c'))
  expect(queue.size).toBeLessThanOrEqual(10_000)
  expect(queue.take().map(({ userId }) => userId)).toEqual(['bob', 'carol'])
  for (const each of taken) queue.done(each)
  const sent = drain(queue)
  for (const each of ofAlice.slice(-10)) queue.add(each)
  expect(sent.length + drain(queue).length).toBeGreaterThanOrEqual(9998)
})

it('users also take turns at one resource that has no free place', () => {
  const queue = new RevocationQueue()
  for (const each of many(50, 'alice', () => 'slow')) queue.add(each)
  const taken = queue.take()
  for (const each of many(2, 'bob', () => 'slow')) queue.add(each)
  taken.push(...queue.take())
  for (const each of taken) queue.done(each)
  expect(drain(queue).slice(0, 4).toSorted()).toEqual(['alice', 'alice', 'bob', 'bob'])
})

it('revocations that wait for one resource make room for those to others, and can be added again', () => {
  const queue = new RevocationQueue()
  const ofAlice = many(10_003, 'alice', () => 'slow')
  const taken: typeof ofAlice = []
  for (const each of ofAlice) {
    queue.add(each)
    taken.push(...queue.take())
  }
  expect(queue.size).toBe(10_000)
  const others = many(20, 'bob', (at) => `other-${at}`)
  for (const each of others) queue.add(each)
  expect(queue.size).toBe(10_000)
  const first = queue.take()
  expect(first).toEqual(others.slice(0, 17))
  for (const each of [...taken, ...first]) queue.done(each)
  expect(drain(queue)).toHaveLength(9983)
  for (const each of ofAlice.slice(-20)) queue.add(each)
  expect(drain(queue)).toHaveLength(20)
})

it('a resource has all its places again once everything was sent', () => {
  const queue = new RevocationQueue()
  for (const each of many(3, 'alice', () => 'slow')) queue.add(each)
  for (const each of queue.take()) queue.done(each)
  for (const each of many(4, 'alice', () => 'slow')) queue.add(each)
  expect(queue.take()).toHaveLength(3)
})
