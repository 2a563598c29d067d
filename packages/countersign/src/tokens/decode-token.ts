import { parseBase64url, parseBase64urlText } from '../lib/base64url.js'
import { hasDuplicateMembers } from '../lib/duplicate-members.js'
import { KnownTexts } from '../lib/known-texts.js'
import { parseJsonObject } from '../lib/parse-json.js'

/** The parts of a compact JWS (RFC 7515 §3.1). Nothing about them is verified. */
export interface DecodedToken {
  header: Readonly<Record<string, unknown>>
  payload: Readonly<Record<string, unknown>>
  signature: Uint8Array
  /** What the signature covers. */
  signingInput: string
}

/**
 * Takes a compact token apart without verifying anything, or undefined when it is none of this length. JSON with a
 * member twice is none (RFC 7515 §4, RFC 7519 §4).
 *
 * @param maxLength characters; 8 KiB is enough for everything that rides in a header
 */
export function decodeToken(compact: string, maxLength = 8192): DecodedToken | undefined {
  if (compact.length > maxLength) return undefined
  const firstDot = compact.indexOf('.')
  const secondDot = compact.indexOf('.', firstDot + 1)
  if (secondDot === -1) return undefined
  const header = parseHeader(compact.slice(0, firstDot))
  const payload = parseObject(compact.slice(firstDot + 1, secondDot))
  const signature = parseBase64url(compact.slice(secondDot + 1))
  if (!header || !payload || !signature || signature.length === 0) return undefined
  return { header, payload, signature, signingInput: compact.slice(0, secondDot) }
}

/** Headers that parsed: all tokens of an issuer have the same few. What is refused is not kept. */
const knownHeaders = new KnownTexts<Readonly<Record<string, unknown>>>(1024)
const maxKnownLength = 512

function parseHeader(part: string): Readonly<Record<string, unknown>> | undefined {
  const known = knownHeaders.get(part)
  if (known) return known
  const header = parseObject(part)
  if (header && part.length <= maxKnownLength) knownHeaders.set(part, Object.freeze(header))
  return header
}

function parseObject(part: string): Record<string, unknown> | undefined {
  const text = parseBase64urlText(part)
  const value = text ? parseJsonObject(text) : undefined
  return value && text && !hasDuplicateMembers(text, value) ? value : undefined
}
