import { parseDictionary } from 'structured-headers'
import * as platform from '#crypto'
import { AAuthError } from '../lib/errors.js'
import type { MaybePromise } from '../lib/maybe-promise.js'
import type { ContentDigests } from './received-message.js'

const maxLength = 4096

const digests: Readonly<Record<'sha-256' | 'sha-512', (body: Uint8Array) => MaybePromise<Uint8Array>>> = {
  'sha-256': platform.sha256,
  'sha-512': platform.sha512,
}

/** The `Content-Digest` value for a body (RFC 9530), with SHA-256. */
export async function contentDigest(body: Uint8Array): Promise<string> {
  return `sha-256=:${platform.serializeBase64(await platform.sha256(body))}:`
}

/**
 * Recomputes every digest of an algorithm we know; at least one must be there, and all must match.
 *
 * @throws AAuthError `digest_malformed`, `digest_mismatch`
 */
export async function requireContentDigest(header: string, body: Uint8Array): Promise<void> {
  return requireDigests(parseContentDigest(header), body)
}

/** @throws AAuthError `digest_mismatch` for content that does not have all of them */
export async function requireDigests(expectedDigests: ContentDigests, body: Uint8Array): Promise<void> {
  for (const [algorithm, expected] of expectedDigests) {
    const actual = await digests[algorithm](body)
    if (expected !== platform.serializeBase64(actual)) throw digestMismatch(algorithm)
  }
}

/** Content that is not what was signed. */
export function digestMismatch(algorithm: string): AAuthError {
  return new AAuthError('digest_mismatch', `The body does not have the ${algorithm} digest that the signature covers.`)
}

/**
 * The digests of a `Content-Digest` field by the algorithms that are known here.
 *
 * @throws AAuthError `digest_malformed`, also where there is none
 */
export function parseContentDigest(header: string): ContentDigests {
  const known = new Map<'sha-256' | 'sha-512', string>()
  for (const [algorithm, expected] of parseDigests(header))
    if (algorithm === 'sha-256' || algorithm === 'sha-512') known.set(algorithm, expected)
  if (known.size === 0) throw new AAuthError('digest_malformed', 'Content-Digest has neither sha-256 nor sha-512.')
  return known
}

function* parseDigests(header: string): Generator<[string, string]> {
  // The common form, so that the base64 in it is compared as text and can only be canonical.
  const single = /^(sha-(?:256|512))=:([A-Za-z0-9+/]+={0,2}):$/.exec(header)
  if (single) {
    yield [single[1] as string, single[2] as string]
    return
  }
  if (header.length > maxLength) throw new AAuthError('digest_malformed', 'Content-Digest is longer than 4 KiB.')
  let members: ReturnType<typeof parseDictionary>
  try {
    members = parseDictionary(header)
  } catch (cause) {
    throw new AAuthError('digest_malformed', 'Content-Digest is not a structured dictionary (RFC 9530).', { cause })
  }
  // The parser keeps the last of two, other parsers the first; a comma in a string is no separator.
  if (header.replaceAll(/"(?:[^"\\]|\\.)*"/g, '').split(',').length !== members.size)
    throw new AAuthError('digest_malformed', 'Content-Digest has an algorithm twice.')
  for (const [algorithm, [value]] of members) {
    if (!(value instanceof ArrayBuffer))
      throw new AAuthError('digest_malformed', 'Content-Digest has a value that is not bytes.')
    const digest = platform.serializeBase64(new Uint8Array(value))
    // Other spellings of the same bytes, which the parser passes over, are refused as in the common form.
    if (!header.includes(`:${digest}:`))
      throw new AAuthError('digest_malformed', 'Content-Digest has bytes that are not canonical base64.')
    yield [algorithm, digest]
  }
}
