import { expect, it } from 'vitest'
import { createOwnCookies, readCookie } from '../../../src/agent/web-app/own-cookies.js'

const paths = ['', '/a', '/a-visit', '/a-back-x', '/a/b', '/a_b', '/a~b', '/a%2Fb', '/A', '/a.b', '/a/']

it.each(['https://app.example', 'http://app.example', 'http://127.0.0.1:8004'])(
  'agents at different paths of %s share no cookies',
  (origin) => {
    const all = paths.map((path) => createOwnCookies(origin + path, origin.startsWith('https:')))
    for (const cookies of all) {
      const given = [cookies.name, cookies.visit, `${cookies.name}-back-a-visit`]
      for (const name of given) {
        expect(name).toMatch(/^[\w.~-]+$/)
        expect(all.filter((each) => each.isOwn(cookies.write(name, 'x')))).toEqual([cookies])
      }
    }
  },
)

it.each([
  ['https://app.example', '__Host-agent'],
  ['https://app.example/a.B-c', '__Host-agent_a.B~45c'],
  ['https://app.example/a~/b_c', '__Host-agent_a_~47b~95c'],
  ['http://127.0.0.1:8004/a', 'agent-8004_a'],
])('an agent at %s has cookies whose names start with %s', (id, name) => {
  const cookies = createOwnCookies(id, id.startsWith('https:'))
  expect(cookies).toMatchObject({ name, visit: `${name}-visit`, allowed: `${name}-allowed` })
  for (const line of [cookies.write(name, 'a'), ` ${name} = a`, `${name}-back-x=a`, name, `${name};Path=/`])
    expect(cookies.isOwn(line), line).toBe(true)
  for (const line of [`${name}x=a`, `theme=${name}`, `theme; ${name}=a`, ''])
    expect(cookies.isOwn(line), line).toBe(false)
})

it.each([
  ['a=1; b=2; a=3', '1'],
  ['b=2;a=x=y', 'x=y'],
  [' a= ', ''],
  ['aa=1; ba=2', undefined],
  ['', undefined],
  [undefined, undefined],
  // Chromium sends these names as they are, and lets another host of the same site set them.
  ['\u00a0a=1; a=2', '2'],
  ['b=1;\t \u00a0a=1;\ta=2', '2'],
  ['\ufeffa=1', undefined],
])('the cookie in %j is %j', (header, value) => {
  expect(readCookie(header, 'a')).toBe(value)
})
