import { createSigner, generatePrivateJwk } from 'countersign'
import { type AgentOptions, createAgent, createWebAgent, type WebAgentOptions } from 'countersign/agent'
import { describe, expect, it } from 'vitest'

const warnings: string[] = []
process.on('warning', ({ message }) => void warnings.push(message))

const privateJwk = await generatePrivateJwk()
const loopback = { allowInsecureLoopback: true }
const options: AgentOptions = {
  id: 'https://agent.example',
  signer: await createSigner(privateJwk),
  authServers: ['https://auth.example'],
  onePerson: true,
  onConsent: () => undefined,
}

it('accepts valid options, including a function for authServers', () => {
  expect(createAgent(options).id).toBe('https://agent.example')
  expect(createAgent({ ...options, authServers: () => true }).id).toBe('https://agent.example')
})

it.each<[string, Record<string, unknown>, string]>([
  ['no auth servers', { authServers: undefined }, 'authServers is required'],
  ['a string, which would match any part of itself', { authServers: 'https://auth.example' }, 'must be a list'],
  [
    'an auth server with a trailing slash',
    { authServers: ['https://a.example', 'https://auth.example/'] },
    'authServers[1] is not a valid identifier: remove the trailing slash (https://auth.example)',
  ],
  [
    'an auth server on loopback without the option',
    { authServers: ['http://127.0.0.1:8003'] },
    'authServers[0] is not a valid identifier (set allowInsecureLoopback to allow http on loopback)',
  ],
  [
    'an identifier on loopback without a port',
    { id: 'http://127.0.0.1', allowInsecureLoopback: true },
    'id is not a valid identifier: add a port, such as (http://127.0.0.1:8001)',
  ],
  [
    'an auth server in uppercase',
    { authServers: ['https://Auth.example'] },
    'write it in lower case (https://auth.example)',
  ],
  [
    'a bare host name',
    { id: 'agent.example' },
    'id is not a valid identifier: add https:// in front (https://agent.example)',
  ],
  ['an invalid redirect URI', { redirectUri: '/callback' }, 'redirectUri must be a URL such as https://'],
  [
    'a redirect URI with a parameter that the response also has',
    { redirectUri: 'https://agent.example/callback?state=1' },
    'redirectUri must not contain the parameter state',
  ],
  [
    'invalid endpoint origins',
    { endpointOrigins: { 'https://auth.example': ['https://login.example/'] } },
    "endpointOrigins['https://auth.example'] must contain origins such as https://login.example, not https://login",
  ],
  [
    'endpoint origins with a path',
    { endpointOrigins: { 'https://auth.example': ['https://login.example/sign-in'] } },
    "endpointOrigins['https://auth.example'] must contain origins",
  ],
  [
    'endpoint origins given as a string',
    { endpointOrigins: { 'https://auth.example': 'https://login.example' } },
    "endpointOrigins['https://auth.example'] must be a list",
  ],
  [
    'endpoint origins of an unknown auth server',
    { endpointOrigins: { 'https://auth.exampel': [] } },
    'endpointOrigins contains https://auth.exampel, which is not a configured auth server',
  ],
  [
    'endpoint origins of an invalid identifier',
    { endpointOrigins: { 'auth.example': [] } },
    'a key of endpointOrigins is not a valid identifier',
  ],
  [
    'an identifier with a path, without the option',
    { id: 'https://agent.example/~me' },
    'id is not a valid identifier (set allowPath',
  ],
  [
    'an identifier on loopback, without the option',
    { id: 'http://127.0.0.1:1' },
    'id is not a valid identifier (set allowInsecureLoopback',
  ],
  ['a misspelled option', { onConsnt: () => undefined }, 'createAgent has no option onConsnt: did you mean onConsent?'],
  ['an option in the wrong case', { authservers: [] }, 'did you mean authServers?'],
  ['an option that resembles no other', { retries: 3 }, 'createAgent has no option retries'],
  [
    'a misspelled option of interop',
    { interop: { nonse: 'never' } },
    'interop has no option nonse: did you mean nonce?',
  ],
  ['an invalid onConsent', { onConsent: 'ask' as never }, 'onConsent must be a function'],
  ['a consent that is null', { consent: null as never, onConsent: undefined }, 'consent must be a prompt'],
  [
    'onConsent together with consent',
    { consent: {}, onConsent: () => undefined },
    'consent prompts the user itself: remove onConsent',
  ],
  [
    'a redirect URI together with consent',
    { consent: {}, onConsent: undefined, redirectUri: 'https://agent.example/callback' },
    'consent prompts the user itself: remove redirectUri',
  ],
  ['a timeout of zero', { consentTimeout: 0 }, 'consentTimeout must be more than 0 seconds'],
  ['a timeout that is not a number', { consentTimeout: Number.NaN }, 'consentTimeout must be more than 0 seconds'],
  [
    'a missing signer',
    { signer: undefined },
    'signer is not a signer: pass the result of "await createSigner(privateJwk)"',
  ],
  ['a private JWK as the signer', { signer: privateJwk }, 'signer is not a signer'],
  ['a signer that was not awaited', { signer: createSigner(privateJwk) }, 'signer is a promise'],
])('rejects %s at creation', (_, wrong, message) => {
  expect(() => createAgent({ ...options, ...wrong } as AgentOptions)).toThrow(message)
})

it('rejects missing options, and options that a web agent does not have', () => {
  expect(() => createAgent(undefined as never)).toThrow('createAgent requires an options object')
  expect(() => createWebAgent(null as never)).toThrow('createWebAgent requires an options object')
  const misspelled = { ...options, sesionOf: () => undefined } as unknown as WebAgentOptions
  const { onePerson: _, ...rest } = misspelled as WebAgentOptions & { onePerson?: boolean }
  expect(() => createWebAgent(rest)).toThrow('createWebAgent has no option sesionOf: did you mean sessionOf?')
})

it.each<[string, unknown, string]>([
  ['nothing', undefined, 'createSigner requires a private JWK'],
  ['the public key', { ...privateJwk, d: undefined }, 'countersign agent keys generate --output'],
  ['the published key set', { keys: [privateJwk] }, 'not the published key set'],
])('does not create a signer from %s', async (_, jwk, message) => {
  await expect(createSigner(jwk as typeof privateJwk)).rejects.toThrow(message)
})

it.each<[string, string, Record<string, unknown>, string]>([
  ['http', 'http://api.example/events', {}, 'only over https, not to http://api.example'],
  ['http, even if loopback is allowed', 'http://api.example/', { allowInsecureLoopback: true }, 'only over https'],
  ['a private address over http', 'http://10.0.0.1:8080/', { allowInsecureLoopback: true }, 'only over https'],
  [
    'loopback without a port',
    'http://127.0.0.1/',
    loopback,
    'not to http://127.0.0.1 (http on loopback requires a port other than 80)',
  ],
  [
    'loopback without the option',
    'http://127.0.0.1:8002/',
    {},
    'http on loopback requires allowInsecureLoopback: http://127.0.0.1:8002',
  ],
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

const { onePerson: _onePerson, ...shared } = options
const web: WebAgentOptions = { ...shared, sessionOf: () => undefined, onConsent: () => undefined }
describe('L07: a single-user agent (W25)', () => {
  it.each<[string, Partial<AgentOptions>]>([
    ['its own callback', {}],
    ['another page', { redirectUri: 'https://app.example/callback' }],
    ['a host that only begins like a loopback address', { redirectUri: 'https://127.0.0.1.example/callback' }],
    ['a page, with onePerson false', { onePerson: false }],
    ['a page, with onePerson as a string', { onePerson: 'true' as never }],
    [
      'a page, with its identifier on loopback',
      { id: 'http://127.0.0.1:1', ...loopback, redirectUri: 'https://a.example/' },
    ],
  ])('rejects a web page as redirect URI: %s', (_, more) => {
    expect(() => createAgent({ ...shared, ...more })).toThrow(TypeError)
    expect(() => createAgent({ ...shared, ...more })).toThrow(/createWebAgent .*onePerson: true/)
  })

  it('names the redirect URI at which anyone could complete a consent', () => {
    const redirectUri = 'https://app.example/callback'
    expect(() => createAgent({ ...shared, redirectUri })).toThrow(`complete the consent at ${redirectUri}: use`)
  })

  it.each<[string, Partial<AgentOptions>]>([
    ['onePerson is set', { onePerson: true }],
    ['a loopback address', { redirectUri: 'http://127.0.0.1:53123/callback' }],
    ['a loopback address without a port', { redirectUri: 'http://127.0.0.1/callback' }],
    ['an IPv6 loopback address', { redirectUri: 'http://[::1]:53123/callback' }],
    ['localhost', { redirectUri: 'http://localhost:53123/callback' }],
    ['localhost over TLS', { redirectUri: 'https://localhost:53123/callback' }],
    ['an app on a device', { redirectUri: 'com.example.app:/callback' }],
    ['an identifier on loopback', { id: 'http://127.0.0.1:8001', ...loopback }],
  ])('can be created if %s', (_, more) => {
    const agent = createAgent({ ...shared, ...more })
    expect(agent.metadata.redirect_uris).toEqual([more.redirectUri ?? `${agent.id}/callback`])
  })

  it('has no sessions', () => {
    expect(() => createAgent({ ...options, sessionOf: () => 'a' } as AgentOptions)).toThrow('use createWebAgent')
  })
})

describe('a multi-user agent', () => {
  it.each<[string, Partial<WebAgentOptions>]>([
    ['its own callback', {}],
    ['another page of its app', { redirectUri: 'https://app.example/callback' }],
    ['loopback, for development', { id: 'http://127.0.0.1:8001', ...loopback }],
  ])('accepts %s', (_, more) => {
    const agent = createWebAgent({ ...web, ...more })
    expect(agent.metadata.redirect_uris).toEqual([more.redirectUri ?? `${agent.id}/callback`])
  })

  it.each<[string, Record<string, unknown>, string]>([
    ['a missing sessionOf', { sessionOf: undefined }, 'sessionOf is required: it returns the browser session'],
    ['a cookie name as sessionOf', { sessionOf: 'sid' }, 'sessionOf is required'],
    ['an invalid onConsent', { onConsent: 'ask' }, 'onConsent must be a function'],
    ['onePerson', { onePerson: true }, 'onePerson is an option of createAgent'],
    ['a redirect into an app', { redirectUri: 'com.example.app:/callback' }, 'a page of your web app'],
    ['an invalid redirect URI', { redirectUri: '/callback' }, 'redirectUri must be a URL such as https://'],
    ['no auth servers', { authServers: undefined }, 'authServers is required'],
  ])('rejects %s', (_, wrong, message) => {
    expect(() => createWebAgent({ ...web, ...wrong } as WebAgentOptions)).toThrow(TypeError)
    expect(() => createWebAgent({ ...web, ...wrong } as WebAgentOptions)).toThrow(message)
  })
})

it.each([
  '/callback',
  'http://agent.example/callback',
  'http://10.0.0.1/callback',
  'https://agent.example/callback#part',
  'https://user@agent.example/callback',
  'https://:secret@agent.example/callback',
  'https://agent.example/c\u00e4llback',
  'https://agent.example/call back',
  `https://agent.example/${'a'.repeat(2028)}`,
  'javascript:alert(1)',
  'data:text/html,a',
  'file:///tmp/callback',
  'example:/callback',
  'com.example.app:callback',
  7 as never,
])('rejects the redirect URI %s and lists what is allowed', (redirectUri) => {
  expect(() => createAgent({ ...options, redirectUri })).toThrow(/^redirectUri must be a URL such as .*com\.example/)
})

it('shows at most 200 characters of an invalid redirect URI', () => {
  const redirectUri = `https://agent.example/ ${'a'.repeat(200)}`
  expect(() => createAgent({ ...options, redirectUri })).toThrow(`: ${redirectUri.slice(0, 200)}`)
  expect(() => createAgent({ ...options, redirectUri })).not.toThrow(redirectUri.slice(0, 201))
})

it('accepts endpoint origins of any auth server if a function decides which ones it may use', () => {
  const endpointOrigins = { 'https://other.example': ['https://login.example'] }
  expect(() => createAgent({ ...options, endpointOrigins, authServers: () => true })).not.toThrow()
})

it('accepts a redirect URI of 2048 characters', () => {
  const redirectUri = `https://agent.example/${'a'.repeat(2026)}`
  expect(createAgent({ ...options, redirectUri }).metadata.redirect_uris).toEqual([redirectUri])
})

it('warns once per agent about allowInsecureLoopback, and only if it is set', async () => {
  await new Promise(setImmediate)
  warnings.length = 0
  const [first, second] = ['https://first.example', 'https://second.example']
  createAgent({ ...options, id: first })
  await new Promise(setImmediate)
  expect(warnings).toEqual([])
  createWebAgent({ ...web, id: first, allowInsecureLoopback: true })
  createAgent({ ...options, id: first, allowInsecureLoopback: true })
  createAgent({ ...options, id: second, allowInsecureLoopback: true })
  await new Promise(setImmediate)
  expect(warnings).toEqual(
    Array(2).fill(
      'allowInsecureLoopback: any program on this machine can impersonate this agent. Use it for development only.',
    ),
  )
})
