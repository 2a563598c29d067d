import { AAuthError } from '../lib/errors.js'
import { fieldValues, type ReceivedMessage, trimSpace } from './received-message.js'
import { parseSignature, parseSignatureInput, type SignatureInput } from './signature-input.js'
import {
  coverageOf,
  type ParsedKeyReference,
  plainHost,
  type SignatureField,
  type SigningProfile,
  type Target,
} from './signing-profile.js'

/** Fields that are checked in every signed request. */
export type MessageField = (typeof fieldNames)[number]

/** The value of each field, with repeated fields joined as a list, and the names of repeated fields. */
export type MessageFields = Partial<Record<MessageField, string>> & { readonly repeated: ReadonlySet<MessageField> }

/**
 * Reads the fields in one pass over the header lines.
 *
 * @throws AAuthError `headers_too_large`
 */
export function readMessageFields({ rawHeaders }: ReceivedMessage): MessageFields {
  if (rawHeaders.length > 2 * maxHeaderLines)
    throw new AAuthError('headers_too_large', `The request has more than ${maxHeaderLines} header lines.`)
  const repeated = new Set<MessageField>()
  const fields: MessageFields = { repeated }
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const candidate = rawHeaders[i] as string
    if (candidate.length > 15) continue
    const lower = candidate.toLowerCase()
    const name = fieldNames.find((each) => each === lower)
    if (!name) continue
    const value = trimSpace(rawHeaders[i + 1] as string)
    const before = fields[name]
    if (before !== undefined) repeated.add(name)
    fields[name] = before === undefined ? value : `${before}, ${value}`
  }
  return fields
}

/**
 * The signature of a request to verify, and the reference to its key.
 *
 * @throws AAuthError `signature_missing`, `signature_malformed`, `signature_label_mismatch`, and the errors that the parsers throw
 */
export function requireSignature(
  fields: MessageFields,
  { parseKey, chooseSignature }: SigningProfile,
): {
  input: SignatureInput
  signature: Uint8Array
  parsedKey: ParsedKeyReference
} {
  const require = (name: SignatureField) => requireSignatureField(fields, name, chooseSignature !== undefined)
  const chosen = chooseSignature?.({
    'signature-key': require('signature-key'),
    'signature-input': require('signature-input'),
    signature: require('signature'),
  })
  const parsedKey = chosen?.parsedKey ?? parseKey(require('signature-key'))
  const input = parseSignatureInput(chosen?.input ?? require('signature-input'))
  if (input.tag !== undefined)
    throw new AAuthError(
      'signature_missing',
      'The signature has a tag, which marks it for another protocol: sign without a tag.',
    )
  const { label, signature } = parseSignature(chosen?.signature ?? require('signature'))
  if (label !== parsedKey.label || label !== input.label) {
    throw new AAuthError(
      'signature_label_mismatch',
      'Signature, Signature-Input and Signature-Key must have the same label.',
    )
  }
  return { input, signature, parsedKey }
}

/**
 * The authority against which the request is verified: the `Host` if it is one of the configured authorities, otherwise the first
 * configured one.
 *
 * @throws AAuthError `header_duplicate`, `host_malformed`
 */
export function requireAuthority(
  { host, repeated }: MessageFields,
  authorities: readonly [string, ...string[]],
): string {
  if (repeated.has('host'))
    throw new AAuthError(
      'header_duplicate',
      'The request has more than one Host header, or one that differs from :authority: send a single host.',
    )
  if (host === undefined || authorities.includes(host)) return host ?? authorities[0]
  const asked = host.toLowerCase()
  if (authorities.includes(asked)) return asked
  if (!isHostField(host))
    throw new AAuthError('host_malformed', 'The Host header must be a host with an optional port.')
  const plain = plainHost(asked)
  return authorities.includes(plain) ? plain : authorities[0]
}

/** A hint about a signature that does not verify, if the request was sent to a host other than the authority. */
export function hostAdvice({ host }: MessageFields, authority: string): string {
  const isOurs = host === undefined || host.toLowerCase() === authority || plainHost(host) === authority
  return isOurs ? '' : otherHost
}

const fieldNames = ['host', 'nonce', 'signature', 'signature-key', 'signature-input'] as const

/** Node silently drops header lines beyond the first 2,000. These could include a second signature or `Host`. */
const maxHeaderLines = 1000

function requireSignatureField(fields: MessageFields, name: SignatureField, mayRepeat: boolean): string {
  const value = fields[name]
  if (value === undefined)
    throw new AAuthError('signature_missing', `The request has no ${name} header: it must be signed (RFC 9421).`)
  if (!mayRepeat && fields.repeated.has(name))
    throw new AAuthError('signature_malformed', `The request has the ${name} header twice.`)
  return value
}

// RFC 9110 §7.2, RFC 3986 §3.2.2. A server must reject any other value, for example two joined values (RFC 9112 §3.2).
function isHostField(host: string): boolean {
  return host.length <= 1024 && /^(?:\[[0-9A-Fa-fv:.]+\]|[\w\-.~!$&'()*+,;=%]*)(?::\d*)?$/.test(host)
}

const otherHost =
  ' The server takes @authority from its identifier, but the request was sent to another Host: use the host in ' +
  'the identifier. localhost and its address count as different hosts.'

/** Whether the signature must cover the body, or may omit it. */
export type BodyCoverage = 'required' | 'if-covered'

/**
 * Checks that the signature covers every component that the profile requires for such a request, and no component that is absent.
 *
 * @throws AAuthError `component_missing`, `component_forbidden`
 */
export function requireCoverage(
  input: SignatureInput,
  profile: SigningProfile,
  present: { query: boolean; body: boolean; nonce: boolean },
  body: BodyCoverage,
): void {
  const expected = coverageOf(profile, present)
  if (expected.length === input.components.length && expected.every((name, at) => name === input.components[at])) return
  const missing: string[] = []
  for (const { name, when } of profile.components) {
    const covered = input.components.includes(name)
    if (when === 'always' || present[when]) {
      if (!covered && !(when === 'body' && body === 'if-covered')) missing.push(name)
    } else if (covered && !profile.mayCoverMore) {
      throw new AAuthError('component_forbidden', `${name} is covered, but the request has no ${when}.`)
    }
  }
  if (missing.length > 0) {
    throw new AAuthError('component_missing', `The signature does not cover ${missing.join(', ')}.`, {
      requiredInput: profile.mayCoverMore ? expected : missing,
    })
  }
}

/**
 * The values of the covered components, in order.
 *
 * @throws AAuthError `component_unsupported`, `component_missing`
 */
export function componentValues(
  components: readonly string[],
  message: ReceivedMessage,
  fields: MessageFields,
  target: Target,
  authority: string,
): string[] {
  const values: string[] = []
  for (const component of components) values.push(componentValue(component, message, fields, target, authority))
  return values
}

function componentValue(
  component: string,
  message: ReceivedMessage,
  fields: MessageFields,
  target: Target,
  authority: string,
): string {
  switch (component) {
    case '@method':
      return message.method
    case '@authority':
      return authority
    case '@path':
      return target.path
    case '@query':
      return target.query ?? '?'
    // This field was already parsed, so it is printable ASCII.
    case 'signature-key':
      return fields['signature-key'] ?? requireField(message, component)
    default:
      return requireField(message, component)
  }
}

/**
 * The value of a covered field.
 *
 * @throws AAuthError `component_unsupported`, `component_missing`
 */
export function requireField(message: ReceivedMessage, name: string): string {
  if (name.startsWith('@'))
    throw new AAuthError(
      'component_unsupported',
      `The component ${name} is not supported: cover only @method, @authority, @path, @query and header fields.`,
    )
  const values = fieldValues(message, name)
  if (values.length === 0)
    throw new AAuthError('component_missing', `The signature covers ${name}, which the request does not have.`)
  const value = values.join(', ')
  // A signature base is ASCII (RFC 9421 §2.5), and a line feed in a value would add a line to it.
  if (!/^[\t\x20-\x7e]*$/.test(value))
    throw new AAuthError('component_unsupported', `The value of ${name} is not printable ASCII.`)
  return value
}
