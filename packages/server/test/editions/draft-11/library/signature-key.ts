import { AAuthError } from 'countersign'
import type { KeyReference, ParsedKeyReference } from 'countersign/signatures'
import { type Dictionary, parseDictionary, serializeDictionary, Token } from 'structured-headers'

const maxLength = 16_384
const maxMembers = 8

/**
 * Parses `sig=jwt;jwt="…"`. Members of other signatures may contain anything: the first member with a known scheme is used.
 *
 * @throws AAuthError `signature_malformed`, `signature_key_scheme_refused`
 */
export function parseSignatureKey(text: string): ParsedKeyReference {
  const members = readMembers(text)
  if (members.size > maxMembers) throw malformed(`has more than ${maxMembers} members`)
  for (const [label, [scheme, parameters]] of members) {
    const key = scheme instanceof Token ? readers[scheme.toString()]?.(parameters) : undefined
    if (key) return { label, key }
  }
  throw new AAuthError('signature_key_scheme_refused', 'Signature-Key has no member with a supported scheme.')
}

/**
 * Serializes a key reference as a dictionary member.
 *
 * @throws TypeError for an unsupported scheme
 */
export function serializeSignatureKey(label: string, key: KeyReference): string {
  if (key.scheme === 'jwt') return serializeDictionary({ [label]: [new Token('jwt'), new Map([['jwt', key.jwt]])] })
  if (key.scheme !== 'jwks' || !('id' in key) || key.wellKnown === undefined)
    throw new TypeError(`Signature-Key does not support the scheme ${key.scheme} here`)
  const parameters = new Map(Object.entries({ id: key.id, dwk: key.wellKnown, kid: key.kid }))
  return serializeDictionary({ [label]: [new Token('jwks_uri'), parameters] })
}

type Parameters = ReadonlyMap<string, unknown>

const readers: Readonly<Record<string, (parameters: Parameters) => KeyReference>> = {
  jwt: (parameters) => ({ scheme: 'jwt', jwt: textOf(parameters, 'jwt') }),
  jwks_uri: (parameters) => ({
    scheme: 'jwks',
    id: textOf(parameters, 'id'),
    wellKnown: textOf(parameters, 'dwk'),
    kid: textOf(parameters, 'kid'),
  }),
}

function textOf(parameters: Parameters, name: string): string {
  const value = parameters.get(name)
  if (typeof value !== 'string' || value === '') throw malformed(`has no ${name}`)
  return value
}

function readMembers(text: string): Dictionary {
  if (text.length > maxLength) throw malformed('is longer than 16 KiB')
  try {
    return parseDictionary(text)
  } catch (cause) {
    throw new AAuthError('signature_malformed', 'Signature-Key is not a dictionary.', { cause })
  }
}

function malformed(what: string): AAuthError {
  return new AAuthError('signature_malformed', `Signature-Key ${what}.`)
}
