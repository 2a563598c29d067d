import { AAuthError } from '../lib/errors.js'
import { type ReceivedMessage, trimSpace } from './received-message.js'
import { parseSignature, parseSignatureInput, type SignatureInput } from './signature-input.js'
import type { ParsedKeyReference, SigningProfile } from './signing-profile.js'
import { plainHost } from './target.js'

const fieldNames = ['host', 'nonce', 'signature', 'signature-key', 'signature-input'] as const

/** Fields that every signed request is checked for. */
export type MessageField = (typeof fieldNames)[number]

/** The last value of each, and the names of those that occur more than once. */
export type MessageFields = Partial<Record<MessageField, string>> & { readonly repeated: readonly MessageField[] }

/** Node silently drops header lines beyond 2,000: a second signature or `Host` could be among them. */
const maxHeaderLines = 1000

/**
 * Reads the fields in one pass over the header lines.
 *
 * @throws AAuthError `headers_too_large`
 */
export function readMessageFields({ rawHeaders }: ReceivedMessage): MessageFields {
  if (rawHeaders.length > 2 * maxHeaderLines)
    throw new AAuthError('headers_too_large', `The request has more than ${maxHeaderLines} header lines.`)
  const repeated: MessageField[] = []
  const fields: MessageFields = { repeated }
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const candidate = rawHeaders[i] as string
    if (candidate.length > 15) continue
    const lower = candidate.toLowerCase()
    const name = fieldNames.find((each) => each === lower)
    if (!name) continue
    if (fields[name] !== undefined) repeated.push(name)
    fields[name] = trimSpace(rawHeaders[i + 1] as string)
  }
  return fields
}

/**
 * The one signature of a request, and the reference to its key.
 *
 * @throws AAuthError `signature_missing`, `signature_malformed`, `signature_label_mismatch`, and those of the parsers
 */
export function requireSignature(
  fields: MessageFields,
  { parseKey }: SigningProfile,
): {
  input: SignatureInput
  signature: Uint8Array
  parsedKey: ParsedKeyReference
} {
  const parsedKey = parseKey(requireSignatureField(fields, 'signature-key'))
  const input = parseSignatureInput(requireSignatureField(fields, 'signature-input'))
  if (input.tag !== undefined)
    throw new AAuthError(
      'signature_missing',
      'The signature has a tag, so it is for another protocol: sign without a tag.',
    )
  const { label, signature } = parseSignature(requireSignatureField(fields, 'signature'))
  if (label !== parsedKey.label || label !== input.label) {
    throw new AAuthError(
      'signature_label_mismatch',
      'Signature, Signature-Input and Signature-Key do not carry the same label.',
    )
  }
  return { input, signature, parsedKey }
}

function requireSignatureField(fields: MessageFields, name: MessageField): string {
  const value = fields[name]
  if (value === undefined)
    throw new AAuthError('signature_missing', `The request has no ${name} header: it must be signed (RFC 9421).`)
  if (fields.repeated.includes(name))
    throw new AAuthError('signature_malformed', `The request has the ${name} header twice.`)
  return value
}

/**
 * The authority that the request is verified with: the `Host` if it is one of ours, else our first.
 *
 * @throws AAuthError `header_duplicate`, `host_malformed`
 */
export function requireAuthority(
  { host, repeated }: MessageFields,
  authorities: readonly [string, ...string[]],
): string {
  if (repeated.includes('host'))
    throw new AAuthError(
      'header_duplicate',
      'The request names two hosts: send one Host, or :authority and no other Host.',
    )
  if (host === undefined || authorities.includes(host)) return host ?? authorities[0]
  const asked = host.toLowerCase()
  if (authorities.includes(asked)) return asked
  if (!isHostField(host)) throw new AAuthError('host_malformed', 'The Host header is not a host and perhaps a port.')
  const plain = plainHost(asked)
  return authorities.includes(plain) ? plain : authorities[0]
}

// RFC 9110 §7.2, RFC 3986 §3.2.2. A server must refuse any other, for example two that were joined (RFC 9112 §3.2).
function isHostField(host: string): boolean {
  return host.length <= 1024 && /^(?:\[[0-9A-Fa-fv:.]+\]|[\w\-.~!$&'()*+,;=%]*)(?::\d*)?$/.test(host)
}

const otherHost =
  ' Its @authority is the host in the identifier of this server, and the request went to another Host: use the one in ' +
  'the identifier, where localhost and its address are two.'

/** Advice for a signature that does not verify, if the request was sent to another host than the authority. */
export function hostAdvice({ host }: MessageFields, authority: string): string {
  const isOurs = host === undefined || host.toLowerCase() === authority || plainHost(host) === authority
  return isOurs ? '' : otherHost
}
