import { execFileSync } from 'node:child_process'
import { createPublicKey, verify } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { AAuthError, createSigner, type PrivateJwk } from 'countersign'
import { createDiscovery, findTokenKey } from 'countersign/discovery'
import {
  draft11Documents,
  draft11Resource,
  draft11Tokens,
  parseRequirement,
  parseSignatureError,
  writeRefusal,
} from 'countersign/editions/draft-11'
import { createResource, type Resource, type VerifyRequestOptions } from 'countersign/resource'
import { decodeToken, verifyToken } from 'countersign/tokens'
import { describe, expect, it } from 'vitest'
import { receivedMessage } from '../received-message.js'
import { refusal } from '../refusal.js'

interface Signed {
  name: string
  request: { method: string; url: string; headers: [string, string][]; body?: string }
  base: string
  signedBy: string
  signature: string
}

interface Accepted {
  accepted: true
  token: string
  agent?: string
  provider?: string
  ps?: string
  sub?: string
  scope?: string
  thumbprint: string
}

interface Refused {
  accepted: false
  status: number
  error: string
  signatureError?: string
  code: string
}

interface Need extends Signed {
  needs: { token: 'agent' | 'person' | 'auth'; scope?: string }
  verdict: { accepted: boolean; requirement?: { requirement: string; resourceToken?: object } }
}

interface Vectors {
  clock: number
  receiver: { identifier: string; authority: string; personServers: string[]; additionalComponents: string[] }
  keys: Record<string, PrivateJwk>
  documents: Record<string, { contentType: string; body: string }>
  cases: (Signed & { verdict: Accepted | Refused })[]
  needs: Need[]
  resourceTokens: { name: string; token: string; verdict: { accepted: boolean; status?: number; error?: string } }[]
  headers: { name: string; value: string; parsed: object | null }[]
}

const file = new URL('../../vectors/draft-11.json', import.meta.url)
const script = new URL('../../../../scripts/make-vectors.mjs', import.meta.url)
const text = readFileSync(file, 'utf8')
const vectors = JSON.parse(text) as Vectors
const { clock, receiver, keys, documents } = vectors
const now = () => clock
const signer = await createSigner(keys['resource-key-1'] as PrivateJwk)

const fetch = async (url: string) => {
  const found = Object.hasOwn(documents, url) ? documents[url] : undefined
  if (!found) return new Response('', { status: 404 })
  return new Response(found.body, { headers: { 'content-type': found.contentType } })
}

/** A resource that knows only what is in the file. */
function openResource(): Resource {
  return createResource({
    edition: draft11Resource,
    id: receiver.identifier,
    authorities: [receiver.authority as string],
    authServers: receiver.personServers,
    scopes: { 'data.read': 'Read', 'data.write': 'Write' },
    signer,
    fetch,
    now,
  })
}

type Required = VerifyRequestOptions<'signature' | 'identity' | 'user' | 'authorization'>

function verifyAt({ request: { method, url, headers, body = '' } }: Signed, required: Required) {
  const target = url.slice(new URL(url).origin.length)
  return openResource().verify(receivedMessage({ method, target, headers, body }), required)
}

type Case = Vectors['cases'][number]
const isAccepted = (vector: Case): vector is Case & { verdict: Accepted } => vector.verdict.accepted
const isRefused = (vector: Case): vector is Case & { verdict: Refused } => !vector.verdict.accepted

describe('the published vectors of draft -11', () => {
  it('match the output of the script, byte for byte, and have a name each', () => {
    const args = [script.pathname, '--print', 'draft-11']
    const made = execFileSync(process.execPath, args, { encoding: 'utf8', maxBuffer: 2 ** 24 })
    expect(made === text, 'run: node scripts/make-vectors.mjs').toBe(true)
    const all = [...vectors.cases, ...vectors.needs]
    expect(new Set(all.map(({ name }) => name)).size).toBe(all.length)
    expect(receiver.additionalComponents).toEqual(['@query', 'content-type', 'content-digest'])
  })

  it.each([...vectors.cases, ...vectors.needs])('$name: the signature is over the base', (vector) => {
    const key = createPublicKey({ key: { ...keys[vector.signedBy] }, format: 'jwk' })
    expect(verify(null, Buffer.from(vector.base), key, Buffer.from(vector.signature, 'base64'))).toBe(true)
  })

  it.each(vectors.cases.filter(isAccepted))('$name: accepted', async (vector) => {
    const { token, agent, provider, ps, sub, scope, thumbprint } = vector.verdict
    const verified = await verifyAt(vector, { require: 'signature' })
    expect(verified).toMatchObject({ tokenType: token, thumbprint })
    expect([verified.agent, verified.delegate]).toEqual([provider, agent])
    expect(verified.authorization?.scope.join(' ')).toBe(scope)
    if (ps === undefined) return
    expect(await verifyAt(vector, { require: 'user' })).toMatchObject({ iss: ps, sub })
  })

  // At once: some wait for a key that is not published.
  it.concurrent.each(vectors.cases.filter(isRefused))('$name: $verdict.code', async (vector) => {
    const { code, status, error, signatureError } = vector.verdict
    const refused = await refusal(() => verifyAt(vector, { require: 'signature' }))
    const response = await openResource().toResponse(refused)
    const said = parseSignatureError(response.headers.get('signature-error') ?? '')
    const body = (await response.json()) as { error: string }
    expect({ code: refused.code, status: response.status, error: body.error, signatureError: said?.error }).toEqual({
      code,
      status,
      error,
      signatureError,
    })
  })

  const levels = { agent: 'identity', person: 'user', auth: 'authorization' } as const
  it.each(vectors.needs)('$name', async (vector) => {
    const { token, scope } = vector.needs
    const { accepted, requirement } = vector.verdict
    const required = token === 'auth' ? { require: levels.auth, scope } : { require: levels[token] }
    const verifying = verifyAt(vector, required as Required)
    if (accepted) return void (await verifying)
    const response = await openResource().toResponse(await refusal(() => verifying))
    expect(response.status).toBe(401)
    const asked = parseRequirement(response.headers.get('aauth-requirement') ?? '')
    if (asked?.requirement !== 'auth-token') return expect(asked).toEqual(requirement)
    const { jti, ...claims } = decodeToken(asked.resourceToken)?.payload ?? {}
    expect({ requirement: 'auth-token', resourceToken: claims }).toEqual(requirement)
    expect(jti).toMatch(/^[\w-]{22}$/)
  })

  it.each(vectors.resourceTokens)('resource token: $name', async ({ token, verdict }) => {
    const discovery = createDiscovery({ fetch, now })
    const findKey = findTokenKey(discovery, draft11Documents.resource, (found) => {
      if ('found' in found) return found.found
      throw new AAuthError('resource_token_invalid', found.failure.message)
    })
    const verifying = verifyToken(draft11Tokens.resource, token, {
      audience: receiver.personServers[0] as string,
      now,
      findKey,
    })
    if (verdict.accepted) return void (await verifying)
    const { status, body } = writeRefusal(await refusal(() => verifying))
    expect({ status, error: (JSON.parse(body) as { error: string }).error }).toEqual({
      status: verdict.status,
      error: verdict.error,
    })
  })

  it.each(vectors.headers)('$name: $value', ({ name, value, parsed }) => {
    const parse = name === 'Signature-Error' ? parseSignatureError : parseRequirement
    expect(parse(value) ?? null).toEqual(parsed)
  })
})
