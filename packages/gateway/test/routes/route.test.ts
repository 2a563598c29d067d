import { expect, it } from 'vitest'
import { methodDistance, methodProblem } from '../../src/routes/route.js'

it.each([
  ['GET', 'GET', 0],
  ['HEAD', 'GET', 1],
  ['HEAD', '*', 2],
  ['PURGE', '*', undefined],
  ['POST', 'GET', undefined],
])('a request with %s, and a route for %s: distance %s', (method, routed, distance) => {
  expect(methodDistance(method, routed)).toBe(distance)
})

it.each(['*', 'GET', 'M-SEARCH', 'PROPFIND'])('a route may have the method %s', (method) => {
  expect(methodProblem(method)).toBeUndefined()
})

it.each([
  ['get', 'must be a method in upper case, or *'],
  ['GET ', 'must be a method in upper case, or *'],
  ['GET,POST', 'must be a method in upper case, or *'],
  ['', 'must be a method in upper case, or *'],
  [undefined, 'must be a method in upper case, or *'],
  ['CONNECT', 'is never forwarded'],
  ['TRACE', 'is never forwarded'],
  ['TRACK', 'is never forwarded'],
  ['PSOT', 'is not an HTTP method that Node.js can parse; did you mean POST?'],
])('a route may not have the method %j', (method, problem) => {
  expect(methodProblem(method)).toBe(problem)
})
