import { createSigner, generatePrivateJwk } from 'countersign'
import { january } from 'countersign/editions'
import { createResource } from 'countersign/resource'
import type { KeyReference } from 'countersign/signatures'
import { issueToken } from 'countersign/tokens'
import { describe, expect, it } from 'vitest'
import { type CraftedParts, craftMessage, digestOf, withHeader } from '../httpsig/crafted-message.js'
import { agentDocuments, documentFetch, issuerDocuments } from '../origins.js'
import { receivedMessage } from '../received-message.js'
import { refusal, refusalCode } from '../refusal.js'

const signer = await createSigner(await generatePrivateJwk({ kid: 'key-1' }))
const issuerSigner = await createSigner(await generatePrivateJwk({ kid: 'auth-key-1' }))
const now = 1_768_786_017
const [named, other, authServer] = ['https://older.example', 'https://other.example', 'https://auth.example']

const openResource = (unsignedBodies: readonly string[] | ((agent: string) => boolean)) =>
  createResource({
    id: 'https://api.example',
    signer,
    authServer,
    interop: { unsignedBodies },
    fetch: documentFetch({
      ...agentDocuments(named, [signer.jwk]),
      ...agentDocuments(other, [signer.jwk]),
      ...issuerDocuments(authServer, [issuerSigner.jwk]),
    }).fetch,
    now: () => now,
  })

const resource = openResource([named])

const known = (id: string): KeyReference => ({ scheme: 'jwks', id, kid: 'key-1', wellKnown: 'aauth-agent' })

const uncovered: readonly string[] = ['@method', '@authority', '@path', 'signature-key']

async function posted(signatureKey: KeyReference, parts: Partial<CraftedParts> = {}) {
  return craftMessage({
    signer,
    signatureKey,
    method: 'POST',
    authority: 'api.example',
    body: '{"action":"update"}',
    components: uncovered,
    created: now,
    ...parts,
  })
}

const verify = (message: Awaited<ReturnType<typeof posted>>, at = resource) =>
  at.verify(receivedMessage(message), { require: 'signature' })

describe('interop.unsignedBodies at a resource (W6)', () => {
  it('lets the listed agents leave the body uncovered', async () => {
    const verified = await verify(await posted(known(named)))
    expect(verified).toMatchObject({ agent: named, covered: uncovered })
    expect(Buffer.from(verified.body).toString()).toBe('{"action":"update"}')
  })

  it('lets the agents that a function selects leave the body uncovered, and no others', async () => {
    const choosing = openResource((agent) => agent === named)
    expect(await verify(await posted(known(named)), choosing)).toMatchObject({ agent: named })
    expect(await refusalCode(async () => verify(await posted(known(other)), choosing))).toBe('component_missing')
  })

  it('lets them omit Content-Digest entirely', async () => {
    expect(await verify(withHeader(await posted(known(named)), 'content-digest', () => undefined))).toMatchObject({
      agent: named,
    })
  })

  it.each(['1', '12', '{"action":"update"}'])(
    'checks a digest that the signature does not cover, for %s',
    async (body) => {
      expect((await verify(await posted(known(named), { body }))).covered).toEqual(uncovered)
      const message = withHeader(await posted(known(named), { body }), 'content-digest', () => digestOf(`${body} `))
      expect(await refusalCode(async () => verify(message))).toBe('digest_mismatch')
    },
  )

  it.each(['1', '12'])('applies to no other agent, however short the body is: %s', async (body) => {
    expect(await refusalCode(async () => verify(await posted(known(other), { body })))).toBe('component_missing')
  })

  it('tells any other agent what to cover', async () => {
    expect(await refusal(async () => verify(await posted(known(other))))).toMatchObject({
      code: 'component_missing',
      requiredInput: ['content-type', 'content-digest'],
    })
  })

  it.each<[string, KeyReference]>([
    ['a header key', { scheme: 'hwk', jwk: { kty: 'OKP', crv: 'Ed25519', x: signer.jwk.x ?? '' } }],
    ['a listed agent’s JWKS, which names no agent', { scheme: 'jwks', jwksUri: `${named}/jwks.json`, kid: 'key-1' }],
  ])('does not apply to %s', async (_name, signatureKey) => {
    expect(await refusalCode(async () => verify(await posted(signatureKey)))).toBe('component_missing')
  })

  it.each([
    [named, 'accepted'],
    [other, 'component_missing'],
  ])('applies to the agent named in an auth token: %s is %s', async (agent, outcome) => {
    const claims = { iss: authServer, aud: 'https://api.example', agent, cnf: { jwk: signer.jwk }, exp: now + 600 }
    const jwt = await issueToken(january.tokens.auth, claims, { signer: issuerSigner, now: () => now })
    const message = await posted({ scheme: 'jwt', jwt })
    expect(
      await verify(message).then(
        () => 'accepted',
        async () => refusalCode(() => verify(message)),
      ),
    ).toBe(outcome)
  })

  it('does not apply to a call that a user allowed just once: its token names no body that the signature leaves out', async () => {
    const call = { method: 'POST', target: 'https://api.example/data' }
    const claims = {
      iss: authServer,
      aud: 'https://api.example',
      agent: named,
      cnf: { jwk: signer.jwk },
      call,
      exp: now + 600,
    }
    const jwt = await issueToken(january.tokens.auth, claims, { signer: issuerSigner, now: () => now })
    const post = (parts: Partial<CraftedParts>) => posted({ scheme: 'jwt', jwt }, parts)
    const unsigned = withHeader(await post({}), 'content-digest', () => undefined)
    expect(await refusalCode(() => verify(unsigned))).toBe('scope_insufficient')
    expect(await verify(await post({ body: '' }))).toMatchObject({ agent: named })
  })

  it('still verifies a digest that is covered', async () => {
    const components = ['@method', '@authority', '@path', 'content-type', 'content-digest', 'signature-key']
    const message = await posted(known(named), { components })
    expect(await verify(message)).toMatchObject({ covered: components })
    expect(await refusalCode(() => verify({ ...message, body: '{"action":"delete"}' }))).toBe('digest_mismatch')
  })

  it('still requires everything else to be covered', async () => {
    const message = await posted(known(named), { target: '/data?x=1' })
    expect(await refusal(() => verify(message))).toMatchObject({ code: 'component_missing', requiredInput: ['@query'] })
    const nonce = Buffer.alloc(16, 7).toString('base64url')
    const withNonce = await posted(known(named), { fields: { nonce } })
    expect(await refusal(() => verify(withNonce))).toMatchObject({ requiredInput: ['nonce'] })
  })

  it('is off by default', async () => {
    const strict = createResource({
      id: 'https://api.example',
      signer,
      authServer,
      fetch: documentFetch(agentDocuments(named, [signer.jwk])).fetch,
      now: () => now,
    })
    const message = receivedMessage(await posted(known(named)))
    expect(await refusalCode(() => strict.verify(message, { require: 'signature' }))).toBe('component_missing')
  })
})
