import { expect, it } from 'vitest'
import { createConsentTransport } from '../../../src/editions/january/consent-transport.js'

const secrets = {} as Parameters<typeof createConsentTransport>[1]
const transport = createConsentTransport('https://auth.example', secrets)

const read = (parameters: Record<string, string>) =>
  transport.readLink(new Map(Object.entries({ redirect_uri: 'https://agent.example/callback', ...parameters })))

it('accepts links with a state of up to 2,048 characters', async () => {
  const state = 's'.repeat(2048)
  expect(await read({ request_token: 'aarq_x', state })).toMatchObject({ state })
  expect(await read({ request_token: 'aarq_x', state: `${state}s` })).toBe('bad_form')
})

it('treats a request token of more than 256 characters as unknown', async () => {
  const token = 'a'.repeat(256)
  expect(await read({ request_token: token })).toMatchObject({ fields: { request_token: token } })
  expect(await read({ request_token: `${token}a` })).toBe('request_unknown')
  expect(await read({})).toBeUndefined()
})

it.each([
  ['https://agent.example/callback', 'https://agent.example', true],
  ['https://other.example/callback', 'https://agent.example', false],
  ['https://agent.example:8443/callback', 'https://agent.example', false],
  ['http://127.0.0.1:8000/callback', 'http://127.0.0.1:8000', false],
  [null, 'https://agent.example', false],
])('a decision sent to %s for %s reaches only the agent: %s', (redirectUri, agent, expected) => {
  const request = { redirectUri, agent } as Parameters<typeof transport.reachesOnlyAgent>[0]
  expect(transport.reachesOnlyAgent(request)).toBe(expected)
})
