import { createSigner, generatePrivateJwk } from 'countersign'
import { createDiscovery } from 'countersign/discovery'
import { parseChallenge, parseSignatureKey, serializeChallenge, serializeSignatureKey, january } from 'countersign/editions'
import { type KeyReference, contentDigest, importVerificationKey, jwkThumbprint, parseBase64url, parseSignature, parseSignatureInput, requireContentDigest, serializeSignatureBase, signMessage, verifyBytes, verifySignature } from 'countersign/signatures'
import { decodeToken } from 'countersign/tokens'
import { describe, expect, it } from 'vitest'
import capture from '../../vectors/capture-2026-01.json' with { type: 'json' }
import { agentDocuments, documentFetch, issuerDocuments } from '../origins.js'
import { receivedMessage } from '../received-message.js'
import { refusalCode } from '../refusal.js'

type CapturedRequest = (typeof capture.requests)[number]

const { agent, authServer, resource } = capture.identifiers
const capturedKey = await importVerificationKey(capture.agentKey.jwk)
const testSigner = await createSigner(await generatePrivateJwk({ kid: 'key-1' }))

function headersOf({ request }: CapturedRequest): [string, string][] {
  return Object.entries(request.headers).filter((entry): entry is [string, string] => typeof entry[1] === 'string')
}

function messageOf({ request }: CapturedRequest, headers: readonly (readonly [string, string])[]) {
  const { method, url, body } = request
  return receivedMessage({ method, target: new URL(url).pathname, headers, body: body ?? '' })
}

const authorityOf = ({ request }: CapturedRequest): [string] => [new URL(request.url).host]

/** The same request, with the captured signature replaced by a conforming one. */
async function signedAnew(captured: CapturedRequest, signatureKey: KeyReference): Promise<[string, string][]> {
  const { request, created } = captured
  const fields = Object.fromEntries(headersOf(captured).filter(([name]) => name.startsWith('content-')))
  const signed = await signMessage(
    { method: request.method, authority: new URL(request.url).host, path: new URL(request.url).pathname, fields },
    { profile: january.signing, signer: testSigner, signatureKey, created },
  )
  return Object.entries({ ...fields, ...signed })
}

function resolverOver(documents: Record<string, object>, now: number, audience: string) {
  const { fetch, asked } = documentFetch(documents)
  const options = { allowInsecureLoopback: true, now: () => now }
  const discovery = createDiscovery({ ...options, fetch })
  const keys = january.createKeyResolver({
    ...options,
    discovery,
    audience,
    authTokenIssuers: [authServer],
    role: 'resource',
  })
  return { resolveKey: (reference: KeyReference) => keys.resolve(reference), asked }
}

describe('the captured material', () => {
  it.each(capture.requests)('$name: the signature verifies over the captured base', async (captured) => {
    const signature = parseBase64url(captured.capturedSignature)
    expect(signature).toHaveLength(64)
    expect(await verifyBytes(capturedKey, signature ?? new Uint8Array(), captured.capturedBase)).toBe(true)
    const changed = captured.capturedBase.replace('"@path": /', '"@path": /x')
    expect(await verifyBytes(capturedKey, signature ?? new Uint8Array(), changed)).toBe(false)
  })

  it.each(capture.requests)('$name: the header contains that signature', (captured) => {
    const { label, signature } = parseSignature(captured.request.headers.signature)
    expect(label).toBe('sig1')
    expect(signature).toEqual(parseBase64url(captured.capturedSignature))
  })

  it.each(capture.requests)('$name: our base is the captured one plus @signature-params', (captured) => {
    const input = parseSignatureInput(captured.request.headers['signature-input'])
    expect(input).toMatchObject({ components: captured.components, created: captured.created })
    const values: Record<string, string> = {
      ...captured.request.headers,
      '@method': captured.request.method,
      '@authority': new URL(captured.request.url).host,
      '@path': new URL(captured.request.url).pathname,
    }
    const base = serializeSignatureBase(input.components, input.components.map((name) => values[name] ?? ''), input.parameters)
    expect(base).toBe(`${captured.capturedBase}"@signature-params": ${input.parameters}`)
  })

  it.each(capture.requests)('$name: Signature-Key reserializes byte for byte', ({ request }) => {
    const text = request.headers['signature-key']
    const { label, key } = parseSignatureKey(text)
    expect(serializeSignatureKey(label, key)).toBe(text)
  })

  it.each(capture.digests)('digest of $bytes bytes', async ({ body, bytes, contentDigest: captured }) => {
    const content = Buffer.from(body)
    expect(content).toHaveLength(bytes)
    expect(await contentDigest(content)).toBe(captured)
    await requireContentDigest(captured, content)
  })

  it('thumbprint of the agent key, to which the resource token is bound', async () => {
    expect(await jwkThumbprint(capture.agentKey.jwk)).toBe(capture.agentKey.thumbprint)
    expect(capture.tokens.resource_token.payload.agent_jkt).toBe(capture.agentKey.thumbprint)
  })

  it.each(Object.entries(capture.tokens))('%s decodes to the JSON', (_name, { compact, header, payload }) => {
    expect(decodeToken(compact)).toMatchObject({ header, payload })
    expect(decodeToken(compact)?.payload).toEqual(payload)
  })

  it('the challenge parses and serializes back', () => {
    const resourceToken = capture.tokens.resource_token.compact
    const header = capture.responses.challenge.header.slice('agent-auth: '.length).replace('<resource_token>', resourceToken)
    const challenge = parseChallenge(header)
    expect(challenge).toEqual({ level: 'authorization', resourceToken, authServer })
    expect(serializeChallenge(challenge)).toBe(header)
  })
})

describe('a conforming verifier rejects the captured requests, solely because of their base', () => {
  it.each(capture.requests)('$name: signature_mismatch with the captured key and the clock at created', async (captured) => {
    const verified = () =>
      verifySignature(messageOf(captured, headersOf(captured)), {
 profile: january.signing,
        authorities: authorityOf(captured),
        now: () => captured.created,
        resolveKey: () => ({ key: capturedKey }),
        claimNonce: 'later',
      })
    expect(await refusalCode(verified)).toBe('signature_mismatch')
  })

  it.each(capture.requests)('$name: accepted when signed with @signature-params by a test key', async (captured) => {
    const { key } = parseSignatureKey(captured.request.headers['signature-key'])
    const testKey = await importVerificationKey(testSigner.jwk)
    const verified = await verifySignature(messageOf(captured, await signedAnew(captured, key)), {
 profile: january.signing,
      authorities: authorityOf(captured),
      now: () => captured.created,
      resolveKey: () => ({ key: testKey }),
      claimNonce: 'later',
    })
    expect(verified.covered).toEqual(captured.components)
  })

  it.each(capture.requests.slice(0, 3))('$name: signature_mismatch with the key found by discovery', async (captured) => {
    const published = { ...capture.agentKey.jwk, kid: 'key-1' }
    const audience = new URL(captured.request.url).origin
    const { resolveKey, asked } = resolverOver(agentDocuments(agent, [published]), captured.created, audience)
    const options = { profile: january.signing, authorities: authorityOf(captured), now: () => captured.created, resolveKey, claimNonce: 'later' as const }
    expect(await refusalCode(() => verifySignature(messageOf(captured, headersOf(captured)), options))).toBe(
      'signature_mismatch',
    )
    expect(asked).toEqual([`${agent}/.well-known/aauth-agent`, `${agent}/jwks.json`])
  })

  it.each(capture.requests.slice(0, 3))('$name: accepted through discovery when signed by a test key', async (captured) => {
    const audience = new URL(captured.request.url).origin
    const { resolveKey } = resolverOver(agentDocuments(agent, [testSigner.jwk]), captured.created, audience)
    const { key } = parseSignatureKey(captured.request.headers['signature-key'])
    const verified = await verifySignature(messageOf(captured, await signedAnew(captured, key)), {
 profile: january.signing,
      authorities: authorityOf(captured),
      now: () => captured.created,
      resolveKey,
      claimNonce: 'later',
    })
    expect(verified.resolved).toMatchObject({ agent, scheme: 'jwks' })
  })

  // The capture does not include the auth server's key, so its token cannot be verified: the request is rejected there.
  it('rejects the request with the auth token at the token, whose issuer key is not the published one', async () => {
    const captured = capture.requests[3] as CapturedRequest
    const other = { ...testSigner.jwk, kid: 'auth-key-1' }
    const { resolveKey } = resolverOver(issuerDocuments(authServer, [other]), captured.created, resource)
    const options = { profile: january.signing, authorities: authorityOf(captured), now: () => captured.created, resolveKey, claimNonce: 'later' as const }
    expect(await refusalCode(() => verifySignature(messageOf(captured, headersOf(captured)), options))).toBe(
      'auth_token_invalid',
    )
  })
})
