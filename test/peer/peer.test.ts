import { createSigner, generatePrivateJwk, type Signer } from 'countersign'
import { type AuthTokenClaims, january, type ResourceTokenClaims } from 'countersign/editions'
import type { Handler } from 'countersign/node'
import { type KeyReference, type SignRequestOptions, signRequest } from 'countersign/signatures'
import { issueToken } from 'countersign/tokens'
import { afterAll, describe, expect, it } from 'vitest'
import { createLoopback } from './loopback.js'
import { canRunPeer, type Peer } from './start-peer.js'

const runnable = canRunPeer()
const { listen, start, closeAll } = createLoopback()
const now = Math.floor(Date.now() / 1000)
const [signer, issuerSigner, resourceSigner, otherSigner] = await Promise.all([
  signerOf('key-1'),
  signerOf('auth-key-1'),
  signerOf('resource-key-1'),
  signerOf('key-1'),
])

async function signerOf(kid: string): Promise<Signer> {
  return createSigner(await generatePrivateJwk({ kid }))
}

/** A party that only publishes its document and its key. */
function publishing(kind: string, member: string, { jwk }: Signer): (id: string) => Promise<Handler> {
  return async (id) =>
    async ({ url }) => {
      const { pathname } = new URL(url)
      if (pathname === '/jwks.json') return Response.json({ keys: [jwk] })
      return pathname === `/.well-known/${kind}`
        ? Response.json({ [member]: id, jwks_uri: `${id}/jwks.json` })
        : new Response('', { status: 404 })
    }
}

/** The peer's resource and auth server, together with Countersign parties whose private keys the test has. */
async function createStage() {
  const agent = await listen(publishing('aauth-agent', 'agent', signer))
  const issuer = await listen(publishing('aauth-issuer', 'issuer', issuerSigner))
  const resource = await listen(publishing('aauth-resource', 'resource', resourceSigner))
  return {
    agent,
    issuer,
    resource,
    peerResource: await start('resource', '--auth-server-url', issuer),
    peerAuthServer: await start('auth-server', '--refuse-nonce', '400'),
  }
}

const stage = runnable ? await createStage() : undefined
afterAll(closeAll)

function requireStage(): NonNullable<typeof stage> {
  if (!stage) throw new Error('the peer was not started')
  return stage
}

const byAgent = (): KeyReference => ({
  scheme: 'jwks',
  id: requireStage().agent,
  kid: 'key-1',
  wellKnown: 'aauth-agent',
})

async function sign(request: Request, options: Partial<SignRequestOptions> = {}): Promise<Request> {
  return signRequest(request, {
    profile: january.signing,
    signer,
    signatureKey: byAgent(),
    encoding: 'base64url',
    nonce: 'never',
    ...options,
  })
}

const dataUrl = (path = '/data-auth') => `${requireStage().peerResource.id}${path}`

async function getData(options: Partial<SignRequestOptions> = {}): Promise<Request> {
  return sign(new Request(dataUrl()), options)
}

async function withAuthToken(
  change: Partial<AuthTokenClaims> = {},
  tokenSigner: Signer = issuerSigner,
): Promise<Request> {
  const { issuer, agent, peerResource } = requireStage()
  const claims = {
    iss: issuer,
    aud: peerResource.id,
    agent,
    scope: 'data.read data.write',
    cnf: { jwk: signer.jwk },
    exp: now + 600,
    ...change,
  }
  const jwt = await issueToken(january.tokens.auth, claims, { signer: tokenSigner })
  return getData({ signatureKey: { scheme: 'jwt', jwt } })
}

async function askForToken(form: Record<string, string>, options: Partial<SignRequestOptions> = {}): Promise<Request> {
  const url = `${requireStage().peerAuthServer.id}/agent/token`
  return sign(new Request(url, { method: 'POST', body: new URLSearchParams(form) }), options)
}

async function withResourceToken(
  change: Partial<ResourceTokenClaims> = {},
  tokenSigner: Signer = resourceSigner,
): Promise<Request> {
  const { agent, resource, peerAuthServer } = requireStage()
  const claims = {
    iss: resource,
    aud: peerAuthServer.id,
    agent,
    agent_jkt: signer.thumbprint,
    scope: 'data.read',
    exp: now + 600,
    ...change,
  }
  const token = await issueToken(january.tokens.resource, claims, { signer: tokenSigner })
  return askForToken({ request_type: 'auth', resource_token: token, redirect_uri: `${agent}/callback` })
}

const without = (name: string): Partial<SignRequestOptions> => ({
  profile: {
    ...january.signing,
    components: january.signing.components.filter((component) => component.name !== name),
  },
})

describe.skipIf(!runnable)('the peer actually verifies', () => {
  it('accepts valid requests: a challenge for a key, data for an auth token, a request token for a resource token', async () => {
    const challenged = await fetch(await getData())
    expect(challenged.status).toBe(401)
    expect(challenged.headers.get('agent-auth')).toMatch(
      /^httpsig; auth-token; resource_token="[\w.-]+"; auth_server="http:\/\/127\.0\.0\.1:\d+"$/,
    )
    expect(await challenged.text()).toBe('Authorization required')
    expect((await fetch(await withAuthToken())).status).toBe(200)
    expect(await (await fetch(await withResourceToken())).json()).toMatchObject({ expires_in: 600 })
  })

  it.each<[string, () => Promise<Request>, string, string]>([
    ['no signature', async () => new Request(dataUrl()), 'invalid_signature', 'no signature-key'],
    ['base64', () => getData({ encoding: 'base64' }), 'invalid_signature', 'not base64url'],
    [
      'a different label',
      () => getData({ profile: { ...january.signing, label: 'sig' } }),
      'invalid_signature',
      'sig1=(',
    ],
    ['an old signature', () => getData({ created: now - 90 }), 'invalid_signature', 'created is more than'],
    [
      'a query that differs from the signed query',
      async () =>
        new Request(dataUrl('/data-auth?x=2'), {
          headers: (await sign(new Request(dataUrl('/data-auth?x=1')))).headers,
        }),
      'invalid_signature',
      'not the key’s over',
    ],
    ['an uncovered method', () => getData(without('@method')), 'invalid_signature', 'does not cover @method'],
    ['an uncovered path', () => getData(without('@path')), 'invalid_signature', 'does not cover @path'],
    [
      'an uncovered Signature-Key',
      () => getData(without('signature-key')),
      'invalid_signature',
      'does not cover signature-key',
    ],
    [
      'the signature of a different key',
      () => getData({ signer: otherSigner }),
      'invalid_signature',
      'not the key’s over',
    ],
    [
      'an unpublished key',
      () => getData({ signatureKey: { scheme: 'jwks', id: requireStage().agent, kid: 'key-2' } }),
      'invalid_signature',
      'no key key-2',
    ],
    [
      'a key alone',
      () => getData({ signatureKey: { scheme: 'hwk', jwk: { kty: 'OKP', crv: 'Ed25519', x: signer.jwk.x ?? '' } } }),
      'invalid_request',
      'only the schemes',
    ],
    [
      'an auth token for a different resource',
      () => withAuthToken({ aud: 'http://127.0.0.1:1' }),
      'invalid_auth_token',
      'its aud',
    ],
    [
      'an auth token from a different issuer',
      () => withAuthToken({ iss: requireStage().agent }),
      'invalid_auth_token',
      'not trusted',
    ],
    ['an expired auth token', () => withAuthToken({ exp: now - 1 }), 'invalid_auth_token', 'expired'],
    [
      'an auth token signed by a different key',
      () => withAuthToken({}, { ...otherSigner, kid: 'auth-key-1' }),
      'invalid_auth_token',
      'not its issuer’s',
    ],
    [
      'an auth token bound to a different key',
      () => withAuthToken({ cnf: { jwk: otherSigner.jwk } }),
      'invalid_signature',
      'not the key’s over',
    ],
    [
      'a resource token for a different server',
      () => withResourceToken({ aud: 'http://127.0.0.1:1' }),
      'invalid_resource_token',
      'its aud',
    ],
    [
      'a resource token for a different agent',
      () => withResourceToken({ agent: requireStage().issuer }),
      'invalid_resource_token',
      'its agent is not',
    ],
    [
      'a resource token for a different key',
      () => withResourceToken({ agent_jkt: otherSigner.thumbprint }),
      'invalid_resource_token',
      'agent_jkt',
    ],
    [
      'a resource token signed by a different key',
      () => withResourceToken({}, { ...otherSigner, kid: 'resource-key-1' }),
      'invalid_resource_token',
      'not its issuer’s',
    ],
    [
      'a code that was never issued',
      () => askForToken({ request_type: 'code', code: 'x' }),
      'invalid_grant',
      'unknown',
    ],
    [
      'a body that does not match the signed digest',
      async () =>
        new Request(await askForToken({ request_type: 'code', code: 'x' }), {
          method: 'POST',
          body: 'request_type=auth',
        }),
      'invalid_signature',
      'digest',
    ],
    [
      'a nonce',
      () => askForToken({ request_type: 'code', code: 'x' }, { nonce: 'automatic' }),
      'invalid_request',
      'Nonce',
    ],
  ])('rejects %s', async (_what, request, error, why) => {
    const response = await fetch(await request())
    expect(response.status).toBeGreaterThanOrEqual(400)
    const said = (await response.json()) as { error: string; error_description: string }
    expect(said.error).toBe(error)
    expect(said.error_description.replaceAll("'", '’')).toContain(why)
  })

  it('logs the reason for a rejection to stderr', async () => {
    const { peerResource }: { peerResource: Peer } = requireStage()
    await fetch(new Request(dataUrl()))
    await expect
      .poll(() => peerResource.refusals.at(-1))
      .toBe('refused GET /data-auth: the request has no signature-key')
  })

  it('describes its flags in its help', async () => {
    await expect(start('resource', '--help')).rejects.toThrow('exited with 0')
    await expect(start('resource')).rejects.toThrow('needs --auth-server-url')
  })
})
