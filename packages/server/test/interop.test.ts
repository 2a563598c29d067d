import { createSigner, generatePrivateJwk, type Signer } from 'countersign'
import { january } from 'countersign/editions'
import { type KeyReference, signMessage, signRequest } from 'countersign/signatures'
import { beforeEach, describe, expect, it } from 'vitest'
import { createWorld, ids, type World } from './world.js'

const older = 'https://older.example'
const newer = 'https://newer.example'

let world: World
let signer: Signer

/** Two agents with the same key whose documents list no redirect URIs; the server's options name one of them. */
beforeEach(async () => {
  world = await createWorld({ server: { interop: { unsignedBodies: [older], redirectUrisOptional: [older] } } })
  signer = await createSigner(await generatePrivateJwk({ kid: 'key-1' }))
  for (const id of [older, newer]) publish(id)
})

function publish(agent: string, more: object = {}): void {
  world.origins.set(agent, ({ url }) =>
    Response.json(
      url.endsWith('/jwks.json') ? { keys: [signer.jwk] } : { agent, jwks_uri: `${agent}/jwks.json`, ...more },
    ),
  )
}

const referenceTo = (id: string): KeyReference => ({ scheme: 'jwks', id, kid: 'key-1', wellKnown: 'aauth-agent' })

async function resourceTokenFor(agent: string): Promise<string> {
  const options = { profile: january.signing, signer, signatureKey: referenceTo(agent), created: world.clock.now }
  const response = await world.fetch(await signRequest(new Request(`${ids.resource}/data-auth`), options))
  return /resource_token="([^"]+)"/.exec(response.headers.get('agent-auth') ?? '')?.[1] ?? ''
}

/** Requests an auth token; `body` determines whether the signature covers the form. */
async function ask(
  agent: string,
  body: 'signed' | 'unsigned',
  { redirectUri = `${agent}/callback`, form = {} }: { redirectUri?: string; form?: Record<string, string> } = {},
): Promise<{ status: number; answer: unknown; signatureError: string | null }> {
  const url = `${ids.authServer}/agent/token`
  const resourceToken = await resourceTokenFor(agent)
  const content = new URLSearchParams({
    request_type: 'auth',
    resource_token: resourceToken,
    redirect_uri: redirectUri,
    ...form,
  }).toString()
  const headers = { 'content-type': 'application/x-www-form-urlencoded' }
  const request = new Request(url, { method: 'POST', body: content, headers })
  const options = { profile: january.signing, signer, signatureKey: referenceTo(agent), created: world.clock.now }
  const target = { method: 'POST', authority: new URL(url).host, path: '/agent/token' }
  const signed =
    body === 'signed'
      ? await signRequest(request, options)
      : new Request(request, { headers: { ...headers, ...(await signMessage(target, options)) } })
  const response = await world.fetch(signed)
  return {
    status: response.status,
    answer: await response.json(),
    signatureError: response.headers.get('signature-error'),
  }
}

describe('interop.unsignedBodies at the auth server (W6)', () => {
  it('lets the named agent exclude the form from its signature', async () => {
    expect(await ask(older, 'unsigned')).toMatchObject({ status: 200, answer: { expires_in: 600 } })
  })

  it('does not extend to other agents', async () => {
    publish(newer, { redirect_uris: [`${newer}/callback`] })
    expect(await ask(newer, 'signed')).toMatchObject({ status: 200 })
    const refused = await ask(newer, 'unsigned')
    expect(refused).toMatchObject({ status: 401, answer: { error: 'invalid_signature' } })
    expect(refused.signatureError).toContain('error=invalid_input')
    expect(refused.signatureError).toContain('"content-digest"')
  })

  it('has no effect if it is not set', async () => {
    world = await createWorld()
    for (const id of [older, newer]) publish(id)
    expect(await ask(older, 'unsigned')).toMatchObject({ status: 401, answer: { error: 'invalid_signature' } })
  })
})

describe('interop.redirectUrisOptional at the auth server (W12)', () => {
  const refused = { status: 400, answer: { error: 'invalid_request' } }

  it('lets the named agent omit redirect URIs: any URI on its own origin is accepted', async () => {
    expect(await ask(older, 'signed')).toMatchObject({ status: 200 })
    expect(await ask(older, 'signed', { redirectUri: `${older}/elsewhere?x=1` })).toMatchObject({ status: 200 })
  })

  it.each([
    'https://evil.example/callback',
    `${older}.evil.example/callback`,
    `${older}:8443/callback`,
    'http://older.example/callback',
    'https://older.example@evil.example/callback',
    'http://127.0.0.1:8001/callback',
    `${older}/callback#x`,
  ])('does not let it send users to %s', async (redirectUri) => {
    expect(await ask(older, 'signed', { redirectUri })).toMatchObject(refused)
  })

  it('holds the named agent to its list if it has one, even an empty one', async () => {
    for (const listed of [[`${older}/other`], []]) {
      world.clock.now += 600
      publish(older, { redirect_uris: listed })
      expect(await ask(older, 'signed')).toMatchObject(refused)
    }
  })

  it('does not extend to other agents', async () => {
    expect(await ask(newer, 'signed')).toMatchObject(refused)
  })
})
