import { AAuthError } from '../lib/errors.js'

/** How a key is found, by scheme (S§10.1). One parsed object feeds verification, identity and logs. */
export type SignatureKey =
  | { scheme: 'hwk'; jwk: Record<string, string> }
  | { scheme: 'jwks'; id: string; kid: string; wellKnown?: string }
  | { scheme: 'jwks'; jwksUri: string; kid: string }
  | { scheme: 'jwt'; jwt: string }
  | { scheme: 'x509'; x5u: string; x5t: string }

export interface ParsedSignatureKey {
  label: string
  key: SignatureKey
}

type Parameters = Readonly<Record<string, string>>

interface SchemeRow {
  required: readonly string[]
  optional: readonly string[]
  read: (parameters: Parameters) => SignatureKey | undefined
}

const read = (parameters: Parameters, name: string) => parameters[name] ?? ''

const schemes: Record<SignatureKey['scheme'], SchemeRow> = {
  hwk: {
    required: ['kty'],
    optional: ['crv', 'x', 'y', 'n', 'e', 'alg', 'kid'],
    read: (parameters) => ({ scheme: 'hwk', jwk: { ...parameters } }),
  },
  jwks: {
    required: ['kid'],
    optional: ['id', 'well-known', 'jwks'],
    read: (parameters) => {
      const { id, jwks, 'well-known': wellKnown } = parameters
      const kid = read(parameters, 'kid')
      if (id !== undefined && jwks === undefined) {
        return wellKnown === undefined ? { scheme: 'jwks', id, kid } : { scheme: 'jwks', id, kid, wellKnown }
      }
      if (jwks !== undefined && id === undefined && wellKnown === undefined)
        return { scheme: 'jwks', jwksUri: jwks, kid }
      return undefined
    },
  },
  jwt: { required: ['jwt'], optional: [], read: (parameters) => ({ scheme: 'jwt', jwt: read(parameters, 'jwt') }) },
  x509: {
    required: ['x5u', 'x5t'],
    optional: [],
    read: (parameters) => ({ scheme: 'x509', x5u: read(parameters, 'x5u'), x5t: read(parameters, 'x5t') }),
  },
}

/** A longer header is refused before it is looked at; servers on Node stop at 16 KiB for all headers together. */
const maxLength = 16_384

const start = /^([a-z*][a-z0-9_.*-]{0,63})=\(scheme=([a-z0-9]{1,8})/
// Printable ASCII but for the quote, the backslash and what ends or separates members in either syntax.
const parameter = / ([a-z][a-z0-9_-]{0,15})="([ !#-'*+\-./0-:<>-[\]-~]*)"/y

/**
 * Parses `label=(scheme=jwks id="…" kid="…")`, the January form (W1), which is no RFC 8941: exactly one member, single
 * spaces, quoted values without escapes. Accepted text serialises back byte for byte.
 *
 * @throws AAuthError `signature_malformed`
 */
export function parseSignatureKey(text: string): ParsedSignatureKey {
  if (text.length > maxLength) throw malformed('is longer than 16 KiB')
  const opening = start.exec(text)
  if (!opening) throw malformed('does not start with label=(scheme=…')
  const [, label = '', scheme = ''] = opening
  const row = Object.hasOwn(schemes, scheme) ? schemes[scheme as SignatureKey['scheme']] : undefined
  if (!row) throw malformed('names a scheme that is not known')
  const parameters: Record<string, string> = Object.create(null)
  parameter.lastIndex = opening[0].length
  let end = parameter.lastIndex
  for (let match = parameter.exec(text); match; match = parameter.exec(text)) {
    const [, name = '', value = ''] = match
    if (name in parameters) throw malformed(`has ${name} twice`)
    if (!row.required.includes(name) && !row.optional.includes(name))
      throw malformed(`has a parameter that ${scheme} does not know`)
    if (value === '') throw malformed(`has an empty ${name}`)
    parameters[name] = value
    end = parameter.lastIndex
  }
  if (text.length !== end + 1 || text[end] !== ')') throw malformed('does not end after its one member')
  for (const name of row.required) {
    if (!(name in parameters)) throw malformed(`has no ${name}`)
  }
  const key = row.read(parameters)
  if (!key) throw malformed('must have either id or jwks, and well-known only with id')
  return { label, key }
}

/** Serialises a key reference in the January form (W1). */
export function serializeSignatureKey(label: string, key: SignatureKey): string {
  const { scheme, ...members } = key.scheme === 'hwk' ? { scheme: key.scheme, ...key.jwk } : key
  let text = `${label}=(scheme=${scheme}`
  for (const [name, value] of Object.entries(members)) text += ` ${wireName(name)}="${value}"`
  return `${text})`
}

function wireName(member: string): string {
  if (member === 'wellKnown') return 'well-known'
  return member === 'jwksUri' ? 'jwks' : member
}

function malformed(what: string): AAuthError {
  return new AAuthError('signature_malformed', `Signature-Key ${what}.`)
}
