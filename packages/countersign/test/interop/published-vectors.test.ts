import { execFileSync } from 'node:child_process'
import { createPublicKey, verify } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createSigner, generatePrivateJwk, type ReceivedMessage } from 'countersign'
import { createResource, type Requirement, type Resource } from 'countersign/resource'
import { parseSignature } from 'countersign/signatures'
import { createCertificateFinder } from 'countersign/x509'
import { describe, expect, it } from 'vitest'
import { receivedMessage } from '../received-message.js'
import { refusal } from '../refusal.js'

interface Accepted {
  accepted: true
  level: Requirement
  agent?: string
  delegate?: string
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

interface Case {
  name: string
  scheme: string
  request: { method: string; url: string; headers: [string, string][]; body?: string }
  base: string
  signedBy: string
  signature: string
  verdict: Accepted | Refused
}

interface Vectors {
  clock: number
  receiver: { identifier: string; authority: string; authServer: string }
  keys: Record<string, { kty: string; crv: string; x: string; d: string }>
  roots: [string]
  documents: Record<string, { contentType: string; body: string }>
  cases: Case[]
}

const file = new URL('../../vectors/signatures-2026-01.json', import.meta.url)
const script = new URL('../../../../scripts/make-vectors.mjs', import.meta.url)
const text = readFileSync(file, 'utf8')
const vectors = JSON.parse(text) as Vectors
const levels: readonly Requirement[] = ['signature', 'identity', 'authorization']
const signer = await createSigner(await generatePrivateJwk())

/** A resource that knows only what is in the file. */
function receiver(): Resource {
  const { receiver, roots, documents, clock } = vectors
  const now = () => clock
  const fetch = async (url: string) => {
    const found = Object.hasOwn(documents, url) ? documents[url] : undefined
    if (!found) return new Response('', { status: 404 })
    return new Response(found.body, { headers: { 'content-type': found.contentType } })
  }
  return createResource({
    id: receiver.identifier,
    authorities: [receiver.authority],
    authServer: receiver.authServer,
    signer,
    fetch,
    now,
    certificates: createCertificateFinder({ roots, fetch, now }),
  })
}

function messageOf({ request }: Case): ReceivedMessage {
  const { origin } = new URL(request.url)
  const { method, headers, body } = request
  return receivedMessage({ method, target: request.url.slice(origin.length), headers, body: body ?? '' })
}

async function verifyAt(vector: Case, require: Requirement) {
  const resource = receiver()
  if (require === 'authorization') return resource.verify(messageOf(vector), { require, scope: 'data.read data.write' })
  return resource.verify(messageOf(vector), { require })
}

const isAccepted = (vector: Case): vector is Case & { verdict: Accepted } => vector.verdict.accepted
const isRefused = (vector: Case): vector is Case & { verdict: Refused } => !vector.verdict.accepted

describe('the published vectors', () => {
  it('match the output of the script, byte for byte', () => {
    const made = execFileSync(process.execPath, [script.pathname, '--print', 'signatures-2026-01'], {
      encoding: 'utf8',
      maxBuffer: 2 ** 24,
    })
    expect(made === text, 'run: node scripts/make-vectors.mjs').toBe(true)
  })

  it('contain every scheme with every kind of request, and a refusal of each', () => {
    const schemes = new Set(vectors.cases.map(({ scheme }) => scheme))
    expect(schemes.size).toBe(7)
    for (const scheme of schemes) {
      for (const request of ['GET', 'GET with query', 'POST', 'POST with query', 'POST with nonce']) {
        expect(vectors.cases.filter(({ name }) => name === `${scheme}, ${request}`)).toHaveLength(1)
      }
      expect(vectors.cases.filter(isRefused).some((vector) => vector.scheme === scheme)).toBe(true)
    }
    expect(new Set(vectors.cases.map(({ name }) => name)).size).toBe(vectors.cases.length)
  })

  it.each(vectors.cases)('$name: node:crypto alone verifies the key’s signature over the base', (vector) => {
    const key = createPublicKey({ key: { ...vectors.keys[vector.signedBy] }, format: 'jwk' })
    const signature = Buffer.from(vector.signature, 'base64')
    expect(verify(null, Buffer.from(vector.base), key, signature)).toBe(true)
    expect(verify(null, Buffer.from(`${vector.base} `), key, signature)).toBe(false)
  })

  it.each(vectors.cases.filter(isAccepted))('$name: accepted at its level, and at no higher level', async (vector) => {
    const { accepted: _accepted, level, scope, ...known } = vector.verdict
    const verified = await verifyAt(vector, level)
    expect(verified).toMatchObject({ ...known, ...(scope === undefined ? {} : { scope: scope.split(' ') }) })
    expect(verified.agent).toBe(known.agent)
    expect(verified.delegate).toBe(known.delegate)
    expect(Buffer.from(verified.body).toString()).toBe(vector.request.body ?? '')
    const header = vector.request.headers.find(([name]) => name === 'signature')?.[1] ?? ''
    expect(Buffer.from(parseSignature(header).signature).toString('base64')).toBe(vector.signature)
    const above = levels[levels.indexOf(level) + 1]
    if (above) await refusal(() => verifyAt(vector, above))
  })

  // At once: some wait for a key that is not published.
  it.concurrent.each(vectors.cases.filter(isRefused))('$name: $verdict.code', async (vector) => {
    const { code, status, error, signatureError } = vector.verdict
    const refused = await refusal(() => verifyAt(vector, 'signature'))
    expect(refused).toMatchObject({ code, status })
    const response = await receiver().toResponse(refused)
    expect(response.status).toBe(status)
    expect(await response.json()).toMatchObject({ error })
    expect(/error=([a-z_]+)/.exec(response.headers.get('signature-error') ?? '')?.[1]).toBe(signatureError)
  })
})
