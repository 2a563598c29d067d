import { createPrivateKey, createPublicKey } from 'node:crypto'
import { generatePrivateJwk } from 'countersign'

/** The one request that every contender signs and verifies. */
export const request = {
  method: 'GET',
  authority: 'calendar.example',
  path: '/api/v1/events',
  url: 'https://calendar.example/api/v1/events',
}

/** The components that every signature covers: the January 2026 profile for a request without query and body. */
export const components = ['@method', '@authority', '@path', 'signature-key']

const otherHeaders = [
  ['Host', request.authority],
  ['User-Agent', 'agent/1.0'],
  ['Accept', 'application/json'],
  ['Accept-Encoding', 'gzip, br'],
  ['Connection', 'keep-alive'],
]

/** All headers of the request as they arrive, including the three of the signature. */
export function headerLines(signatureHeaders) {
  return [...otherHeaders, ...Object.entries(signatureHeaders)]
}

/** One Ed25519 key in every form that a contender needs, imported once. */
export async function createKeyPair() {
  const privateJwk = await generatePrivateJwk()
  const { d: _d, ...publicJwk } = privateJwk
  return {
    privateJwk,
    publicJwk,
    privateKey: createPrivateKey({ key: privateJwk, format: 'jwk' }),
    publicKey: createPublicKey({ key: publicJwk, format: 'jwk' }),
  }
}

/** The headers with one bit of the signature flipped: a contender that accepts them does not verify. */
export function withWrongSignature(headers) {
  const name = Object.keys(headers).find((candidate) => candidate.toLowerCase() === 'signature')
  return { ...headers, [name]: headers[name].replace(/=:(.)/, (_, first) => `=:${first === 'A' ? 'B' : 'A'}`) }
}
