import { parseBase64, parseBase64url } from '../lib/encodings.js'
import { AAuthError } from '../lib/errors.js'

/** One parsed `Signature-Input` member (RFC 9421 §4.1). */
export interface SignatureInput {
  label: string
  /** Covered components in order, without quotes. */
  components: readonly string[]
  /** Unix seconds. */
  created: number
  /** Unix seconds. */
  expires: number | undefined
  algorithm: string | undefined
  nonce: string | undefined
  /** The protocol for which the signature is intended (RFC 9421 §2.3). AAuth does not use tags. */
  tag: string | undefined
  /** The member's value as received: the value of `@signature-params` in the base. */
  parameters: string
}

const maxLength = 4096
const maxComponents = 32
const opening = /^([a-z*][a-z0-9_.*-]{0,63})=\(([^()]*)\)(?:;created=([1-9]\d{0,14})(?!\d))?/
const unclosed = /^[a-z*][a-z0-9_.*-]{0,63}=\([^()]*$/
const componentList = /^"[^"\\ ;]+"(?: "[^"\\ ;]+")*$/
const knownNames = /^"@?[a-z0-9!#$%&'*+.^_`|~-]+"(?: "@?[a-z0-9!#$%&'*+.^_`|~-]+")*$/
const signatureParameter =
  /;([a-z*][a-z0-9_.*-]{0,63})(?:=(?:(0|-?[1-9]\d{0,14})|"([\x20\x21\x23-\x5b\x5d-\x7e]*)"|([A-Za-z*][\w:/!#$%&'*+.^`|~-]*|\?0)))?/y

/** The type of each known parameter: a number in Unix seconds, or a string (RFC 9421 §2.3). */
const parameterKinds: Readonly<Record<string, 'seconds' | 'string'>> = {
  created: 'seconds',
  expires: 'seconds',
  alg: 'string',
  keyid: 'string',
  nonce: 'string',
  tag: 'string',
}

/**
 * Parses `label=("@method" …);created=…`. The text must be exactly one member in its canonical serialization, because the base is built
 * from the received bytes (W1). Component parameters are rejected (W5).
 *
 * @throws AAuthError `signature_malformed`, `signature_created_missing`, `component_unsupported`
 */
export function parseSignatureInput(text: string): SignatureInput {
  if (text.length > maxLength) throw malformed('is longer than 4 KiB')
  const match = opening.exec(text)
  if (!match)
    throw malformed(
      unclosed.test(text) ? 'is not label=(…): the component list is not closed' : 'does not start with label=(…)',
    )
  const [whole, label = '', list = '', first] = match
  const components = parseComponents(list)
  const values: Record<string, string | number> = first === undefined ? {} : { created: Number(first) }
  let end = whole.length
  while (end < text.length) {
    signatureParameter.lastIndex = end
    const next = signatureParameter.exec(text)
    if (!next) throw malformed('has a malformed parameter, or continues after its only member')
    const [, name = '', digits, string] = next
    if (Object.hasOwn(values, name)) throw malformed(`has ${name} twice`)
    const kind = parameterKinds[name]
    if (kind === 'seconds' && !isSeconds(digits)) throw malformed(`has a ${name} that is not a whole number of seconds`)
    if (kind === 'string' && string === undefined) throw malformed(`has a ${name} that is not a string`)
    values[name] = digits === undefined ? (string ?? '') : Number(digits)
    end = signatureParameter.lastIndex
  }
  const { created, expires, alg, nonce, tag } = values
  if (typeof created !== 'number')
    throw new AAuthError('signature_created_missing', 'Signature-Input has no created parameter.')
  if (typeof expires === 'number' && expires < created) throw malformed('has expires earlier than created')
  return {
    label,
    components,
    created,
    expires: typeof expires === 'number' ? expires : undefined,
    algorithm: typeof alg === 'string' ? alg : undefined,
    nonce: typeof nonce === 'string' ? nonce : undefined,
    tag: typeof tag === 'string' ? tag : undefined,
    parameters: text.slice(label.length + 1),
  }
}

/** Parses `label=:…:`: one member, in canonical base64 or (W2) canonical base64url without padding. */
export function parseSignature(text: string): { label: string; signature: Uint8Array } {
  const match = /^([a-z*][a-z0-9_.*-]{0,63})=:([A-Za-z0-9+/_-]{1,2048}={0,2}):$/.exec(text)
  if (!match)
    throw new AAuthError('signature_malformed', 'Signature must be a single member of the form label=:base64:.')
  const [, label = '', encoded = ''] = match
  const signature = parseBase64(encoded) ?? parseBase64url(encoded)
  if (!signature) throw new AAuthError('signature_malformed', 'Signature is neither canonical base64 nor base64url.')
  return { label, signature }
}

/** Serializes the value of a `Signature-Input` member: `("@method" …);created=…`. */
export function serializeSignatureParameters(components: readonly string[], created: number): string {
  return `(${components.map((name) => `"${name}"`).join(' ')});created=${created}`
}

function parseComponents(list: string): string[] {
  if (list === '') return []
  const isOfKnownNames = knownNames.test(list)
  if (!isOfKnownNames && list.includes('";'))
    throw new AAuthError('component_unsupported', 'A covered component has parameters: cover it without them.')
  if (!isOfKnownNames && !componentList.test(list)) throw malformed('has a malformed component list')
  const components = list.slice(1, -1).split('" "')
  if (components.length > maxComponents) throw malformed('covers more than 32 components')
  if (!isOfKnownNames) {
    throw new AAuthError('component_unsupported', 'A covered component is not a valid name in lower case.')
  }
  if (new Set(components).size !== components.length) throw malformed('covers a component twice')
  return components
}

function isSeconds(digits: string | undefined): boolean {
  return digits !== undefined && /^(?:0|[1-9]\d{0,14})$/.test(digits)
}

function malformed(what: string): AAuthError {
  return new AAuthError('signature_malformed', `Signature-Input ${what}.`)
}

/**
 * The signature base (RFC 9421 §2.5): a line per component, then `@signature-params`, without a final line feed.
 *
 * @param components names in the order of `Signature-Input`
 * @param values the values of the components, in the same order; the caller rejects components that are absent
 * @param parameters the `@signature-params` value, exactly as in `Signature-Input`
 */
export function serializeSignatureBase(
  components: readonly string[],
  values: readonly string[],
  parameters: string,
): string {
  let base = ''
  for (let i = 0; i < components.length; i++) base += `"${components[i]}": ${values[i]}\n`
  return `${base}"@signature-params": ${parameters}`
}
