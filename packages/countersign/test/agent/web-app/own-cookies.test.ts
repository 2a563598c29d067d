import { expect, it } from 'vitest'
import { createOwnCookies } from '../../../src/agent/web-app/own-cookies.js'

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
