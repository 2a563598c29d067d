import { expect, it } from 'vitest'
import { comesFromAgent } from '../../src/consent/show.js'

const comes = (agent: string, referer: string) =>
  comesFromAgent(new Request('https://auth.example/agent/auth', { headers: { referer } }), agent)

it.each([
  ['https://host.example/~alice', true],
  ['https://host.example/~alice/', true],
  ['https://host.example/~alice/calendar?next=/', true],
  ['https://host.example/', false],
  ['https://host.example/~alice-evil', false],
  ['https://host.example/~evil', false],
  ['https://host.example/~evil?/~alice', false],
  ['https://host.example/~alice/../~evil', false],
  ['https://host.example/~alice/%2e%2e/~evil', false],
])('for an agent with a path, a Referer of %s counts: %s', (referer, counts) => {
  expect(comes('https://host.example/~alice', referer)).toBe(counts)
})

it('accepts a Referer with any path for an agent without a path', () => {
  expect(comes('https://agent.example', 'https://agent.example/calendar/settings')).toBe(true)
})

it('accepts a Referer with a port for an agent at that port', () => {
  expect(comes('https://host.example:8443', 'https://host.example:8443/')).toBe(true)
  expect(comes('https://host.example:8443', 'https://host.example/')).toBe(false)
})
