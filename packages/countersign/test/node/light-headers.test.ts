import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { LightHeaders } from '../../src/node/light-headers.js'

type Init = ConstructorParameters<typeof Headers>[0]
type Step = (headers: Headers) => unknown

function outcomeOf(run: () => unknown): unknown {
  try {
    return run()
  } catch (error) {
    return { thrown: (error as Error).name }
  }
}

/** What each step returns or throws, and the fields after it. */
function play(create: () => Headers, steps: readonly Step[]): unknown {
  return outcomeOf(() => {
    const headers = create()
    const results = steps.map((step) => outcomeOf(() => step(headers)))
    return { results, fields: [...headers], cookies: headers.getSetCookie() }
  })
}

function expectSame(init: Init, ...steps: Step[]): void {
  const own = play(() => new LightHeaders(init), steps)
  expect(own).toEqual(play(() => new Headers(init), steps))
}

describe('light headers behave like real ones', () => {
  const inits: Record<string, Init> = {
    nothing: undefined,
    'plain fields': { 'content-type': 'text/html', etag: '"1"', 'x-a1': 'a b' },
    'names in upper case': { ETag: '"1"', etag: '"2"' },
    'a value with spaces around it': { a: '  b\t' },
    'an empty value': { a: '' },
    'an invalid name': { 'a b': 'c' },
    'an empty name': { '': 'c' },
    'a value with a line break': { a: 'b\r\nc: d' },
    'a value that is not ASCII': { a: 'é' },
    'a value that is not Latin-1': { a: '€' },
    'a number': { 'content-length': 5 as unknown as string },
    pairs: [
      ['a', 'b'],
      ['A', 'c'],
      ['set-cookie', 'd=e'],
      ['set-cookie', 'f=g'],
    ],
    'real headers': new Headers({ A: 'b' }),
    'light headers': new LightHeaders({ a: 'b', 'set-cookie': 'c=d' }),
    'names that objects inherit': { constructor: 'a', tostring: 'b' },
    'a null prototype': Object.assign(Object.create(null) as Record<string, string>, { a: 'b' }),
    null: null as unknown as undefined,
    'a text': 'a: b' as unknown as undefined,
  }
  const names = ['a', 'A', 'set-cookie', 'a b', '__proto__', 'constructor']
  const values = ['1', ' 2 ', 'b\nc', 'é']
  const steps: Step[] = [
    ...names.flatMap((name): Step[] => [
      (headers) => headers.get(name),
      (headers) => headers.has(name),
      (headers) => headers.delete(name),
      ...values.flatMap((value): Step[] => [
        (headers) => headers.set(name, value),
        (headers) => headers.append(name, value),
      ]),
    ]),
    (headers) => headers.getSetCookie(),
    (headers) => [...headers.keys(), ...headers.values(), ...headers.entries()].flat(),
    (headers) => headers.get(undefined as unknown as string),
    (headers) => headers.set('a', 1 as unknown as string),
    (headers) => {
      const seen: string[] = []
      headers.forEach((value, name) => {
        seen.push(name, value)
      })
      return seen
    },
  ]

  it.each(Object.keys(inits))('created from %s', (name) => expectSame(inits[name]))

  it.each(Object.keys(inits))('created from %s, after one or two changes', (name) => {
    for (const first of steps) for (const second of steps) expectSame(inits[name], first, second)
  })
})

it('a copy of light headers is independent of the original', () => {
  const original = new LightHeaders({ a: 'b' })
  const copies = [new LightHeaders(original), new Headers(original)]
  original.set('a', 'c')
  expect(copies.map((copy) => copy.get('a'))).toEqual(['b', 'b'])
  expect(original).toBeInstanceOf(Headers)
})

it('lists its plain fields without real headers, until something else is needed', () => {
  const headers = new LightHeaders({ b: '1' })
  headers.set('a', '2')
  headers.append('c', '3')
  expect([...(LightHeaders.plainOf(headers) ?? [])]).toEqual(Object.entries({ b: '1', a: '2', c: '3' }))
  headers.append('c', '4')
  expect(LightHeaders.plainOf(headers)).toBeUndefined()
  expect(headers.get('c')).toBe('3, 4')
  expect(LightHeaders.plainOf(new Headers({ a: 'b' }))).toBeUndefined()
})

it('is printed like real headers', () => {
  expect(inspect(new LightHeaders({ a: 'b' }))).toBe(inspect(new Headers({ a: 'b' })))
})
