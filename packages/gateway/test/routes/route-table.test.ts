import { createRouteTable, type Route } from 'countersign-gateway'
import { expect, it } from 'vitest'

const pathOf = (text: string) => {
  const segments = text.slice(1).split('/')
  return { segments, decoded: segments, encoded: undefined, hasParameters: false }
}
const open: Route = { method: 'GET', path: '/*', require: 'none' }

it('plain paths of up to 256 characters are looked up once', () => {
  const table = createRouteTable([open])
  const isRemembered = (text: string) => {
    const first = table.at(pathOf(text))
    return table.at(pathOf(text)) === first
  }
  for (const text of ['/', '/a-_Z/9/', `/${'a'.repeat(256)}`]) expect(isRemembered(text), text).toBe(true)
  for (const text of ['/a.b', '/a.', '/.a', '/a~', '/é', `/${'a'.repeat(257)}`])
    expect(isRemembered(text), text).toBe(false)
})

it('a table remembers 1000 paths', () => {
  const table = createRouteTable([open])
  const at = (number: number) => table.at(pathOf(`/${number}`))
  const first = at(0)
  for (let number = 1; number < 1000; number++) at(number)
  expect(at(0)).toBe(first)
  at(1000)
  expect(at(0)).not.toBe(first)
})

it('a remembered path is compared with stricter routes once per method', () => {
  let reads = 0
  const counted: Route = {
    ...open,
    method: '*',
    get mayShadow() {
      reads++
      return undefined
    },
  }
  const routed = createRouteTable([counted]).at(pathOf('/a'))
  const need = routed.need('GET')
  if (!need) throw new Error('no route')
  expect(routed.need('GET')).toBe(need)
  const readsFor = (method: string, given = need) => {
    const before = reads
    routed.requireNoStricter(method, given)
    return reads - before
  }
  expect([readsFor('GET') > 0, readsFor('GET')]).toEqual([true, 0])
  expect([readsFor('GET', { ...need }) > 0, readsFor('GET', { ...need }) > 0]).toEqual([true, true])
  expect([readsFor('POST') > 0, readsFor('POST') > 0]).toEqual([true, true])
  const other = routed.need('POST')
  if (!other) throw new Error('no route')
  expect([readsFor('POST', other) > 0, readsFor('POST', other)]).toEqual([true, 0])
})
