import { expect, it } from 'vitest'
import { targetOf } from '../../src/httpsig/received-message.js'

it.each([
  ['https://resource.example/', '/'],
  ['https://resource.example/a?', '/a?'],
  ['https://resource.example/a?b#c', '/a?b'],
  ['https://resource.example/a#b?c/d', '/a'],
  ['http://[::1]:8001/a', '/a'],
])('targetOf %s', (url, target) => {
  expect(targetOf(url)).toBe(target)
})
