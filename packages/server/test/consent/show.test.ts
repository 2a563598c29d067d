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

it.each<[Record<string, string>, boolean]>([
  [{}, true],
  [{ 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' }, true],
  [{ 'sec-fetch-site': 'same-site' }, true],
  [{ 'sec-fetch-site': 'same-origin' }, false],
  [{ 'sec-fetch-site': 'none' }, false],
  [{ 'sec-fetch-site': 'x-cross-site' }, false],
  [{ 'sec-fetch-site': 'cross-site-x' }, false],
  [{ 'sec-fetch-mode': 'no-cors' }, false],
  [{ 'sec-fetch-mode': 'navigate2' }, false],
  [{ 'sec-fetch-mode': 'renavigate' }, false],
  [{ 'sec-fetch-dest': 'iframe' }, false],
  [{ 'sec-fetch-dest': 'document2' }, false],
  [{ 'sec-fetch-dest': 'subdocument' }, false],
  [{ 'sec-purpose': 'prefetch' }, false],
  [{ purpose: 'prefetch' }, false],
  [{ 'sec-purpose': '', purpose: '' }, true],
  [{ referer: '' }, false],
  [{ referer: 'agent.example' }, false],
  [{ referer: 'https://agent.example/caf\u00e9' }, false],
  [{ referer: 'https://agent.example/a b' }, false],
])('with the headers %j, a user comes from the agent’s page: %s', (headers, expected) => {
  const request = new Request('https://auth.example/agent/auth', {
    headers: { referer: 'https://agent.example/', ...headers },
  })
  expect(comesFromAgent(request, 'https://agent.example')).toBe(expected)
})

it('no user comes from the page of a client that is known by a name, or without a Referer', () => {
  expect(comes('client-1', 'https://agent.example/')).toBe(false)
  expect(comesFromAgent(new Request('https://auth.example/'), 'https://agent.example')).toBe(false)
})
