import { createSigner, generatePrivateJwk } from 'countersign'
import { type AgentError, createAgent } from 'countersign/agent'
import { documentUrl, type EndpointOrigins } from 'countersign/discovery'
import {
  type AuthTokenClaims,
  type IssuerMetadata,
  january,
  type ResourceTokenClaims,
  serializeChallenge,
} from 'countersign/editions'
import { issueToken, type TokenType } from 'countersign/tokens'
import { describe, expect, it } from 'vitest'
import { issuerDocuments } from '../origins.js'

const now = 1_800_000_000
const id = 'https://agent.example'
const api = 'https://api.example'
const authServer = 'https://auth.example'
const attacker = 'https://attacker.example'
const signerOf = async (kid: string) => createSigner(await generatePrivateJwk({ kid }))
const [agentSigner, peerSigner, otherSigner] = await Promise.all([signerOf('a'), signerOf('b'), signerOf('c')])

const byTyp: Readonly<Record<'resource+jwt' | 'auth+jwt', TokenType>> = {
  'resource+jwt': january.tokens.resource,
  'auth+jwt': january.tokens.auth,
}

type Changes<T> = { readonly [C in keyof T]?: unknown }

const resourceToken = (
  changes: Changes<ResourceTokenClaims> = {},
  kind: 'resource+jwt' | 'auth+jwt' = 'resource+jwt',
) => {
  const claims = { iss: api, aud: authServer, agent: id, agent_jkt: agentSigner.thumbprint, scope: 'data.read' }
  return issueToken(byTyp[kind], { exp: now + 600, ...claims, ...changes } as never, {
    signer: peerSigner,
    now: () => now,
  })
}

const authToken = (changes: Changes<AuthTokenClaims> = {}, kind: 'resource+jwt' | 'auth+jwt' = 'auth+jwt') => {
  const claims = { iss: authServer, aud: api, agent: id, scope: 'data.read', cnf: { jwk: agentSigner.jwk } }
  return issueToken(byTyp[kind], { exp: now + 600, ...claims, ...changes } as never, {
    signer: peerSigner,
    now: () => now,
  })
}

const challengeWith = (token: string, server = authServer) =>
  serializeChallenge({ level: 'authorization', resourceToken: token, authServer: server })

interface Peers {
  /** The `Agent-Auth` of the resource; if `undefined`, it returns 200. */
  challenge?: (round: number) => string | undefined | Promise<string | undefined>
  status?: number
  /** The response from the token endpoint. */
  token?: () => object | Promise<object>
  /** Changes to the auth server's document. */
  document?: Partial<IssuerMetadata>
  endpointOrigins?: EndpointOrigins
}

/** An agent with a resource and an auth server that respond as specified. */
function meet({ challenge, status = 401, token, document: change, endpointOrigins = {} }: Peers) {
  const opened: string[] = []
  const seen: { url: string; scheme: string }[] = []
  const documents = issuerDocuments(authServer, [peerSigner.jwk])
  Object.assign(documents[documentUrl(january.documents.authServer, authServer)] ?? {}, change)
  let round = 0
  const agent = createAgent({
    id,
    signer: agentSigner,
    authServers: [authServer],
    onePerson: true,
    onConsent: ({ url }) => void opened.push(url),
    endpointOrigins,
    now: () => now,
    fetch: async (input) => {
      const request = new Request(input)
      const document = documents[request.url]
      if (document) return Response.json(document)
      seen.push({
        url: request.url,
        scheme: /scheme=(\w+)/.exec(request.headers.get('signature-key') ?? '')?.[1] ?? '',
      })
      if (request.url.startsWith(authServer))
        return Response.json((await token?.()) ?? { auth_token: await authToken() })
      const asked = await challenge?.(round++)
      return asked === undefined ? new Response('ok') : new Response('no', { status, headers: { 'agent-auth': asked } })
    },
  })
  return { agent, seen, opened, tokenRequests: () => seen.filter(({ url }) => url.startsWith(authServer)).length }
}

/** Challenges once, then allows all requests. */
const once = (challenge: string | Promise<string>) => (round: number) => (round === 0 ? challenge : undefined)

async function codeOf(promise: Promise<unknown>): Promise<string> {
  const error: unknown = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  expect(error).toMatchObject({ name: 'AgentError' })
  return (error as AgentError).code
}

it('accepts an honest resource and an honest auth server', async () => {
  const { agent, seen } = meet({ challenge: once(resourceToken().then((token) => challengeWith(token))) })
  expect(await (await agent.fetch(`${api}/data`)).text()).toBe('ok')
  expect(seen.map(({ scheme }) => scheme)).toEqual(['jwks', 'jwks', 'jwt'])
})

describe('U07: a resource token is rejected before it is sent to the auth server', () => {
  it.each<[string, Changes<ResourceTokenClaims>]>([
    ['iss is another resource', { iss: 'https://bank.example' }],
    ['iss is a prefix of the requested resource', { iss: 'https://api.exampl' }],
    ['iss has a trailing slash', { iss: `${api}/` }],
    ['iss is a scheme', { iss: 'https:' }],
    ['iss is a scheme with a slash', { iss: 'https:/' }],
    ['iss is a list', { iss: [api] }],
    ['aud is not the named auth_server', { aud: 'https://other.example' }],
    ['aud is a list', { aud: [authServer] }],
    ['agent is another agent', { agent: attacker }],
    ['agent is missing', { agent: undefined }],
    ['agent_jkt is another key’s thumbprint', { agent_jkt: otherSigner.thumbprint }],
    ['agent_jkt is missing', { agent_jkt: undefined }],
  ])('%s', async (_claim, changes) => {
    const { agent, tokenRequests } = meet({ challenge: async () => challengeWith(await resourceToken(changes)) })
    expect(await codeOf(agent.fetch(`${api}/data`))).toBe('resource_token_refused')
    expect(tokenRequests()).toBe(0)
  })

  it.each<[string, () => string | Promise<string>]>([
    ['it is an auth token', () => resourceToken({}, 'auth+jwt')],
    ['it is not a token', () => 'abc'],
    ['it is empty', () => ''],
    ['it has iss twice', async () => doubled(await resourceToken())],
  ])('%s', async (_claim, token) => {
    const { agent, tokenRequests } = meet({ challenge: async () => challengeWith(await token()) })
    expect(await codeOf(agent.fetch(`${api}/data`))).toBe('resource_token_refused')
    expect(tokenRequests()).toBe(0)
  })
})

describe('U05: sends nothing to an auth server that is not accepted', () => {
  it.each([
    attacker,
    `${authServer}/`,
    'https://AUTH.example',
    'http://auth.example',
    `${authServer}:443`,
    'javascript:0',
  ])('%s', async (server) => {
    const { agent, seen } = meet({
      challenge: async () => challengeWith(await resourceToken({ aud: server }), server),
    })
    expect(await codeOf(agent.fetch(`${api}/data`))).toBe('auth_server_refused')
    expect(seen.map(({ url }) => url)).toEqual([`${api}/data`])
  })
})

describe('U05: sends neither requests nor the user to an auth server whose endpoints are at another origin', () => {
  const evil = 'https://evil.example'

  async function ask(peers: Peers) {
    const token = () => ({ request_token: 'abc' })
    const met = meet({ challenge: async () => challengeWith(await resourceToken()), token, ...peers })
    const abort = new AbortController()
    const both = Promise.allSettled([
      met.agent.fetch(`${api}/data`, { signal: abort.signal }),
      met.agent.signIn({ authServer, signal: abort.signal }),
    ])
    const prompted = async () => {
      while (met.opened.length < 2 && !abort.signal.aborted) await new Promise((soon) => setTimeout(soon, 5))
      return undefined
    }
    const outcomes = await Promise.race([both, prompted()])
    abort.abort()
    return { ...met, errors: outcomes?.map((outcome) => 'reason' in outcome && (outcome.reason as AgentError)) }
  }

  it.each<[string, keyof IssuerMetadata, string, string]>([
    ['the consent page', 'agent_auth_endpoint', `${evil}/agent/auth`, evil],
    ['the token endpoint', 'agent_token_endpoint', `${evil}/agent/token`, evil],
    ['the consent page at another port', 'agent_auth_endpoint', `${authServer}:8443/auth`, `${authServer}:8443`],
    [
      'the consent page on a subdomain',
      'agent_auth_endpoint',
      'https://login.auth.example/a',
      'https://login.auth.example',
    ],
    ['the consent page on the parent domain', 'agent_auth_endpoint', 'https://example.com/a', 'https://example.com'],
    [
      'a host name with the same prefix',
      'agent_auth_endpoint',
      'https://auth.example.evil.example/a',
      'https://auth.example.evil.example',
    ],
  ])('%s', async (_case, member, url, origin) => {
    const { errors = [], seen, opened } = await ask({ document: { [member]: url } })
    const message =
      `The document of ${authServer} was rejected: its ${member} is at ${origin} instead of ${authServer}; ` +
      `if that is intended, set endpointOrigins: { '${authServer}': ['${origin}'] }.`
    const refused: unknown = expect.objectContaining({ name: 'AgentError', code: 'endpoint_refused', message })
    expect(errors).toEqual([refused, refused])
    expect(seen.filter(({ url: asked }) => asked !== `${api}/data`)).toEqual([])
    expect(opened).toEqual([])
  })

  it('unless endpointOrigins contains that origin for this very auth server', async () => {
    const document = { agent_auth_endpoint: `${evil}/agent/auth` }
    const listed = await ask({ document, endpointOrigins: { [authServer]: ['https://login.example', evil] } })
    expect(listed.opened[0]).toMatch(/^https:\/\/evil\.example\/agent\/auth\?request_token=abc&/)
    for (const endpointOrigins of [{ [authServer]: [`${evil}:8443`, authServer] }, { [authServer]: [] }]) {
      const { errors } = await ask({ document, endpointOrigins })
      expect(errors).toMatchObject([{ code: 'endpoint_refused' }, { code: 'endpoint_refused' }])
    }
  })

  it('endpoints that the agent does not use may be anywhere', async () => {
    const document = { agent_revocation_endpoint: `${evil}/revoke`, revocation_list_uri: `${evil}/list` }
    expect((await ask({ document })).opened).toHaveLength(2)
  })
})

describe('U07: an auth token is rejected before it is stored', () => {
  it.each<[string, Changes<AuthTokenClaims>]>([
    ['iss is another auth server', { iss: attacker }],
    ['aud is another resource', { aud: 'https://bank.example' }],
    ['aud is a list without the resource', { aud: ['https://bank.example'] }],
    ['cnf is missing', { cnf: undefined }],
    ['cnf is another key', { cnf: { jwk: otherSigner.jwk } }],
    ['cnf is a key of an unknown type', { cnf: { jwk: { kty: 'oct', k: 'AAAA' } } }],
    ['cnf is an incomplete key', { cnf: { jwk: { kty: 'OKP', crv: 'Ed25519' } } }],
    ['cnf is only a thumbprint', { cnf: { jkt: agentSigner.thumbprint } }],
    ['cnf.jwk is a string', { cnf: { jwk: JSON.stringify(agentSigner.jwk) } }],
    ['exp is now', { exp: now }],
    ['exp is a string', { exp: String(now + 600) }],
  ])('%s', async (_claim, changes) => {
    const { agent, seen } = meet({
      challenge: async () => challengeWith(await resourceToken()),
      token: async () => ({ auth_token: await authToken(changes) }),
    })
    expect(await codeOf(agent.fetch(`${api}/data`))).toBe('auth_token_refused')
    await agent.fetch(`${api}/data`).catch(() => undefined)
    expect(seen.filter(({ scheme }) => scheme === 'jwt')).toEqual([])
  })

  it('it is a resource token', async () => {
    const { agent } = meet({
      challenge: async () => challengeWith(await resourceToken()),
      token: async () => ({ auth_token: await authToken({}, 'resource+jwt') }),
    })
    expect(await codeOf(agent.fetch(`${api}/data`))).toBe('auth_token_refused')
  })

  it.each([[{}], [{ auth_token: 1 }], [{ request_token: '' }], [{ request_token: ['a'] }]])(
    'the response is %j',
    async (answer) => {
      const { agent } = meet({
        challenge: async () => challengeWith(await resourceToken()),
        token: () => answer,
      })
      expect(await codeOf(agent.fetch(`${api}/data`))).toBe('token_request_failed')
    },
  )
})

describe('U09: a resource that keeps challenging gets one round', () => {
  it.each([401, 403, 429])('with %i', async (status) => {
    const { agent, seen, tokenRequests } = meet({
      status,
      challenge: async () => challengeWith(await resourceToken()),
    })
    expect((await agent.fetch(`${api}/data`)).status).toBe(status)
    expect(tokenRequests()).toBe(1)
    expect(seen).toHaveLength(3)
  })

  it('even if it requires something different each time', async () => {
    const challenges = ['httpsig; identity', 'httpsig', 'httpsig; auth-token', challengeWith(await resourceToken())]
    const { agent, seen } = meet({ challenge: (round) => challenges[round % challenges.length] })
    expect((await agent.fetch(`${api}/data`)).status).toBe(401)
    expect(seen.length).toBeLessThan(6)
  })
})

describe('a challenge that cannot be parsed is returned to the caller', () => {
  it.each([
    [
      'two in one header',
      async () => `${challengeWith(await resourceToken())}, ${challengeWith(await resourceToken())}`,
    ],
    ['two auth_server parameters', async () => `${challengeWith(await resourceToken())}; auth_server="${attacker}"`],
    ['100 KiB', () => `httpsig; auth-token; a="${'a'.repeat(102_400)}"`],
    ['Latin-1', () => 'httpsig; auth-token; auth_server="https://\u00e9.example"'],
    ['no resource token', () => `httpsig; auth-token; auth_server="${authServer}"`],
    ['no auth server', async () => `httpsig; auth-token; resource_token="${await resourceToken()}"`],
    ['another scheme', () => 'Bearer realm="a"'],
  ])('%s', async (_claim, challenge) => {
    const { agent, seen, tokenRequests } = meet({ challenge })
    expect((await agent.fetch(`${api}/data`)).status).toBe(401)
    expect(tokenRequests()).toBe(0)
    expect(seen).toHaveLength(1)
  })
})

it('rejects a challenge that requires user_interaction, names it in the error, and sends no one there', async () => {
  const { agent, seen, tokenRequests } = meet({ challenge: () => `httpsig; user_interaction="${attacker}"` })
  await expect(agent.fetch(`${api}/data`)).rejects.toMatchObject({
    code: 'challenge_unsupported',
    message: expect.stringContaining('user_interaction'),
  })
  expect(tokenRequests()).toBe(0)
  expect(seen).toHaveLength(1)
})

/** The token with a second `iss` before its own; its signature no longer matters here. */
function doubled(token: string): string {
  const [header, claims = '', signature] = token.split('.')
  const json = Buffer.from(claims, 'base64url').toString().replace('{', `{"iss":"${attacker}",`)
  return [header, Buffer.from(json).toString('base64url'), signature].join('.')
}
