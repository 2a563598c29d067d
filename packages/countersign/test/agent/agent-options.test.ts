import { createSigner, generatePrivateJwk } from 'countersign'
import { type AgentOptions, createAgent } from 'countersign/agent'
import { expect, it } from 'vitest'

const privateJwk = await generatePrivateJwk()
const options: AgentOptions = {
  id: 'https://agent.example',
  signer: await createSigner(privateJwk),
  authServers: ['https://auth.example'],
  onConsent: () => undefined,
}

it('is made of options that can work, also with a function for the auth servers', () => {
  expect(createAgent(options).id).toBe('https://agent.example')
  expect(createAgent({ ...options, authServers: () => true }).id).toBe('https://agent.example')
})

it.each<[string, Record<string, unknown>, string]>([
  ['no auth servers', { authServers: undefined }, 'authServers is required'],
  ['a text, which would match every part of itself', { authServers: 'https://auth.example' }, 'must be a list'],
  [
    'an auth server with a slash at the end',
    { authServers: ['https://a.example', 'https://auth.example/'] },
    'authServers[1] is no identifier (it must be https://host, lower case, no trailing slash)',
  ],
  [
    'an auth server on loopback without the option',
    { authServers: ['http://127.0.0.1:8003'] },
    'authServers[0] is no identifier (set allowInsecureLoopback for http on loopback)',
  ],
  ['a redirect URI that is none', { redirectUri: '/callback' }, 'redirectUri must be a URL'],
  [
    'a redirect URI with a parameter that the answer has',
    { redirectUri: 'https://agent.example/callback?state=1' },
    'redirectUri has a parameter state of its own',
  ],
  [
    'endpoint origins that are none',
    { endpointOrigins: { 'https://auth.example': ['https://login.example/'] } },
    "endpointOrigins['https://auth.example'] must hold origins, such as https://login.example, and not https://login",
  ],
  [
    'endpoint origins that are a text',
    { endpointOrigins: { 'https://auth.example': 'https://login.example' } },
    "endpointOrigins['https://auth.example'] must be a list",
  ],
  [
    'endpoint origins of what is no auth server',
    { endpointOrigins: { 'https://auth.exampel': [] } },
    'endpointOrigins names https://auth.exampel, which is no auth server here',
  ],
  [
    'endpoint origins of what is no identifier',
    { endpointOrigins: { 'auth.example': [] } },
    'a name in endpointOrigins is no identifier',
  ],
  ['no onConsent', { onConsent: undefined }, 'onConsent is required'],
  ['no signer', { signer: undefined }, 'signer is no signer: give what "await createSigner(privateJwk)" returns'],
  ['a private JWK for the signer', { signer: privateJwk }, 'signer is no signer'],
  ['a signer that was not awaited', { signer: createSigner(privateJwk) }, 'signer is a promise'],
])('refuses %s where it is made', (_, wrong, message) => {
  expect(() => createAgent({ ...options, ...wrong } as AgentOptions)).toThrow(message)
})

it.each<[string, unknown, string]>([
  ['nothing', undefined, 'createSigner needs a private JWK'],
  ['the public half', { ...privateJwk, d: undefined }, 'countersign keys generate --out'],
  ['the key set that is published', { keys: [privateJwk] }, 'not the key set that is published'],
])('makes no signer of %s', async (_, jwk, message) => {
  await expect(createSigner(jwk as typeof privateJwk)).rejects.toThrow(message)
})

it.each<[string, string, Record<string, unknown>, string]>([
  ['http', 'http://api.example/events', {}, 'https only, not http://api.example'],
  ['http, also where loopback is allowed', 'http://api.example/', { allowInsecureLoopback: true }, 'https only'],
  ['a private address over http', 'http://10.0.0.1:8080/', { allowInsecureLoopback: true }, 'https only'],
  ['loopback without the option', 'http://127.0.0.1:8002/', {}, 'set allowInsecureLoopback'],
])('sends nothing to %s', async (_, url, more, message) => {
  const sent: string[] = []
  const fetch = async (request: RequestInfo | URL): Promise<Response> => {
    sent.push((request as Request).url)
    return new Response('ok')
  }
  const agent = createAgent({ ...options, fetch, ...more })
  await expect(agent.fetch(url)).rejects.toThrow(message)
  expect(sent).toEqual([])
  expect((await agent.fetch('https://api.example/events')).status).toBe(200)
  const local = createAgent({ ...options, fetch, allowInsecureLoopback: true })
  expect((await local.fetch('http://127.0.0.1:8002/events')).status).toBe(200)
})
