import { expect, it } from 'vitest'
import { createConsentTransport } from '../../../src/editions/january/consent-transport.js'

const secrets = {} as Parameters<typeof createConsentTransport>[1]
const transport = createConsentTransport('https://auth.example', secrets)

const read = (parameters: Record<string, string>) =>
  transport.readLink(new Map(Object.entries({ redirect_uri: 'https://agent.example/callback', ...parameters })))

it('reads links with a state of up to 2,048 characters', async () => {
  const state = 's'.repeat(2048)
  expect(await read({ request_token: 'aarq_x', state })).toMatchObject({ state })
  expect(await read({ request_token: 'aarq_x', state: `${state}s` })).toBe('bad_form')
})

it('knows no request token of more than 256 characters', async () => {
  const token = 'a'.repeat(256)
  expect(await read({ request_token: token })).toMatchObject({ fields: { request_token: token } })
  expect(await read({ request_token: `${token}a` })).toBe('request_unknown')
  expect(await read({})).toBeUndefined()
})
