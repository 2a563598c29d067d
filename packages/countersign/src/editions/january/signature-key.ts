import type { KeyReference, ParsedKeyReference, SigningForm } from '../../httpsig/signing-profile.js'
import { AAuthError } from '../../lib/errors.js'
import { showsSecret } from '../../lib/jwk.js'
import type { ReadRefusal } from '../agent-protocol.js'

type Parameters = Record<string, string>

interface SchemeRow {
  required: readonly string[]
  optional: readonly string[]
  /** Checks that no mutually exclusive parameters are combined. Absent if no parameters are mutually exclusive. */
  fits?: (parameters: Parameters) => boolean
}

const schemes: Record<KeyReference['scheme'], SchemeRow> = {
  hwk: { required: ['kty'], optional: ['crv', 'x', 'y', 'n', 'e', 'alg', 'kid'] },
  jwks: {
    required: ['kid'],
    optional: ['id', 'well-known', 'jwks'],
    fits: ({ id, jwks, 'well-known': wellKnown }) =>
      id === undefined ? jwks !== undefined && wellKnown === undefined : jwks === undefined,
  },
  jwt: { required: ['jwt'], optional: [] },
  x509: { required: ['x5u', 'x5t'], optional: [] },
}

/** Member names that differ from the parameter names. */
const memberNames: Readonly<Record<string, string>> = { 'well-known': 'wellKnown', jwks: 'jwksUri' }

/** A longer header is rejected without parsing. Servers on Node limit the total size of all headers to 16 KiB. */
const maxLength = 16_384

const start = /^[a-z*][a-z0-9_.*-]{0,63}=\(scheme=[a-z0-9]{1,8}/
/** Matches a token in one pass: tokens are by far the most common long values. */
const tokenAlone = /^([a-z*][a-z0-9_.*-]{0,63})=\(scheme=jwt jwt="([\w.-]+)"\)$/

/**
 * Parses `label=(scheme=jwks id="…" kid="…")`, the January form (W1), which does not conform to RFC 8941: exactly one member, single
 * spaces, quoted values without escapes. Accepted text serializes back byte for byte.
 *
 * @throws AAuthError `signature_malformed`; `key_invalid` if a key in the header contains its private part
 */
export function parseSignatureKey(text: string): ParsedKeyReference {
  if (text.length > maxLength) throw malformed('is longer than 16 KiB')
  const alone = tokenAlone.exec(text)
  if (alone) return { label: alone[1] as string, key: { scheme: 'jwt', jwt: alone[2] as string } }
  if (!signatureKeyForm.test(text))
    throw malformed(
      start.test(text)
        ? 'is not a single member of the form label=(scheme=… name="value")'
        : 'does not start with label=(scheme=…',
    )
  // From here on, the syntax is known to be valid: no name or value contains an equals sign or a quote.
  const labelEnd = text.indexOf('=')
  const label = text.slice(0, labelEnd)
  const schemeStart = labelEnd + '=(scheme='.length
  let end = text.indexOf(' ', schemeStart)
  if (end === -1) end = text.length - 1
  const scheme = text.slice(schemeStart, end)
  const row = Object.hasOwn(schemes, scheme) ? schemes[scheme as KeyReference['scheme']] : undefined
  if (!row) throw malformed('has an unknown scheme')
  const parameters: Record<string, string> = {}
  while (end !== text.length - 1) {
    const nameEnd = text.indexOf('=', end)
    const name = text.slice(end + 1, nameEnd)
    end = text.indexOf('"', nameEnd + 2)
    const value = text.slice(nameEnd + 2, end++)
    if (Object.hasOwn(parameters, name)) throw malformed(`has ${name} twice`)
    if (scheme === 'hwk' && showsSecret({ [name]: value }))
      throw new AAuthError('key_invalid', 'Signature-Key contains a private or symmetric key.')
    if (!row.required.includes(name) && !row.optional.includes(name))
      throw malformed(`has a parameter that ${scheme} does not define`)
    if (value === '') throw malformed(`has an empty ${name}`)
    parameters[name] = value
  }
  for (const name of row.required) {
    if (!Object.hasOwn(parameters, name)) throw malformed(`has no ${name}`)
  }
  if (row.fits && !row.fits(parameters)) throw malformed('must have either id or jwks, and well-known only with id')
  return { label, key: toSignatureKey(scheme as KeyReference['scheme'], parameters) }
}

// In the order received, so that the result serializes back to the same text.
function toSignatureKey(scheme: KeyReference['scheme'], parameters: Parameters): KeyReference {
  if (scheme === 'hwk') return { scheme, jwk: parameters }
  const members: Record<string, string> = { scheme }
  for (const name of Object.keys(parameters)) members[memberNames[name] ?? name] = parameters[name] as string
  return members as KeyReference
}

function malformed(what: string): AAuthError {
  return new AAuthError('signature_malformed', `Signature-Key ${what}.`)
}

/** Whether a `Signature-Key` has a member of this edition, even if it is malformed: no other edition's keys begin with a parenthesis. */
export function isJanuaryKey(text: string): boolean {
  return /^(?:[^"]|"(?:[^"\\]|\\.)*")*?=[ \t]*\(/.test(text)
}

/** Matches a complete `Signature-Key`. */
// Values are printable ASCII, except for the quote, the backslash, and characters that end or separate members in either syntax.
const signatureKeyForm =
  /^[a-z*][a-z0-9_.*-]{0,63}=\(scheme=[a-z0-9]{1,8}(?: [a-z][a-z0-9_-]{0,15}="[ !#-'*+\-./0-:<>-[\]-~]*")*\)$/

/** Parameter names that differ from the member names. */
const wireNames: Readonly<Record<string, string>> = { wellKnown: 'well-known', jwksUri: 'jwks' }

/**
 * Serializes a key reference in the January form (W1).
 *
 * @throws TypeError for a value that the form cannot represent
 */
export function serializeSignatureKey(label: string, key: KeyReference): string {
  const members: Readonly<Record<string, string | undefined>> = key.scheme === 'hwk' ? key.jwk : key
  let text = `${label}=(scheme=${key.scheme}`
  for (const name of Object.keys(members)) {
    if (name === 'scheme') continue
    const value = members[name]
    if (!value) throw new TypeError(`Signature-Key cannot carry an empty ${name}`)
    text += ` ${wireNames[name] ?? name}="${value}"`
  }
  text += ')'
  if (!signatureKeyForm.test(text)) throw new TypeError('Signature-Key cannot represent a value of this key')
  return text
}

/** The signing profile of the January edition (S§10.3–10.5, W5–W9). */
export const januarySigning: SigningForm = {
  components: [
    { name: '@method', when: 'always' },
    { name: '@authority', when: 'always' },
    { name: '@path', when: 'always' },
    { name: '@query', when: 'query' },
    { name: 'content-type', when: 'body' },
    { name: 'content-digest', when: 'body' },
    { name: 'nonce', when: 'nonce' },
    { name: 'signature-key', when: 'always' },
  ],
  window: 60,
  nonceBytes: 12,
  label: 'sig1',
  serializeKey: serializeSignatureKey,
}

/** The response headers that report a signature error and carry the challenge (S§4, 12). */
export const januaryHeaders = { challenge: 'Agent-Auth', problem: 'Signature-Error' } as const

/** The problem with the key or the signature that a response reports (S§12). */
export function signatureProblem(response: Response): ReadRefusal['problem'] {
  const said = response.headers.get(januaryHeaders.problem) ?? ''
  if (/\berror=unknown_key\b/.test(said)) return 'key_unknown'
  return response.status === 401 && /\berror=invalid_signature\b/.test(said) ? 'signature_refused' : undefined
}
