import { type Item, ParseError, parseDictionary, serializeDictionary, Token } from 'structured-headers'
import type {
  ChosenSignature,
  KeyReference,
  ParsedKeyReference,
  SignatureField,
} from '../../httpsig/signing-profile.js'
import { splitDictionary } from '../../httpsig/split-dictionary.js'
import { AAuthError } from '../../lib/errors.js'
import type { VerificationKey } from '../../lib/jwk.js'

/** How a key is found: in the token of an agent, or in the key set of a server. */
export type Scheme = 'jwt' | 'jwks_uri'

const maxLength = 16_384
const maxMembers = 8
/** Matches a single token in one pass: nearly every request has one. */
const tokenAlone = /^([a-z*][a-z0-9_.*-]{0,63})=jwt;jwt="([\w.-]+)"$/

/** Whether a `Signature-Key` has a member whose value is a scheme, even if it is malformed. Commas in strings separate no members. */
export function hasSchemeMember(text: string): boolean {
  return /^(?:(?:[^"]|"(?:[^"\\]|\\.)*")*?,)?[^=;,"(]*=[ \t]*[A-Za-z*]/.test(text)
}

/** Parses the first member of a `Signature-Key` dictionary that refers to a key by one of the schemes, for logs and limits. */
export function createKeyParser(schemes: readonly Scheme[]): (text: string) => ParsedKeyReference {
  return (text) => {
    const members = parseMembers(text)
    for (const [name, value] of members) {
      if (isOneOf(schemes, value)) return { label: name, key: keyIn(value) }
    }
    throw unsupportedScheme()
  }
}

/**
 * Chooses the first signature that has an input and a key by one of the schemes. A message may have others: their members are of no
 * consequence, whatever they contain (signature-key -09 §4).
 */
export function createSignatureChoice(
  schemes: readonly Scheme[],
): (fields: Readonly<Record<SignatureField, string>>) => ChosenSignature {
  return ({ signature, 'signature-input': input, 'signature-key': text }) => {
    const [, name = '', jwt] = (schemes.includes('jwt') && tokenAlone.exec(text)) || []
    if (jwt !== undefined && !signature.includes(',') && !input.includes(',') && !input.includes(';keyid='))
      return { signature, input, parsedKey: { label: name, key: { scheme: 'jwt', jwt } } }
    const keys = parseMembers(text)
    const inputs = splitMembers('Signature-Input', input)
    const complete = [...splitMembers('Signature', signature)].filter(([each]) => keys.has(each) && inputs.has(each))
    for (const [each, value] of complete) {
      const key = keys.get(each) as Member
      const chosen = inputs.get(each) as string
      if (isOneOf(schemes, key))
        return { signature: value, input: chosen, parsedKey: { label: each, key: keyNamedBy(chosen, keyIn(key)) } }
    }
    if (complete.length > 0) throw unsupportedScheme()
    throw new AAuthError(
      'signature_label_mismatch',
      'No signature has the same label in Signature, Signature-Input and Signature-Key.',
    )
  }
}

/**
 * Serializes a key reference as `sig=jwt;jwt="…"` or `sig=jwks_uri;id="…";dwk="…";kid="…"`.
 *
 * @throws TypeError for another scheme, and for a value that the header cannot carry
 */
export function serializeSignatureKey(name: string, key: KeyReference): string {
  if (key.scheme === 'jwt') {
    const text = `${name}=jwt;jwt="${key.jwt}"`
    if (tokenAlone.test(text)) return text
    throw new TypeError('Signature-Key cannot carry this token')
  }
  if (key.scheme !== 'jwks' || !('id' in key) || key.wellKnown === undefined)
    throw new TypeError(
      `draft -11 has no scheme ${key.scheme}: sign with a token, or with the id, name and kid of a key`,
    )
  const parameters = new Map(Object.entries({ id: key.id, dwk: key.wellKnown, kid: key.kid }))
  return serializeDictionary({ [name]: [new Token('jwks_uri'), parameters] })
}

type Member = ReturnType<typeof parseDictionary> extends ReadonlyMap<string, infer M> ? M : never

function isOneOf(schemes: readonly Scheme[], [scheme]: Member): boolean {
  return scheme instanceof Token && schemes.includes(scheme.toString() as Scheme)
}

function keyIn([scheme, parameters]: Member): KeyReference {
  const textOf = (name: string) => {
    const value = (parameters as Item[1]).get(name)
    if (typeof value !== 'string' || value === '') throw malformed('Signature-Key', `has no ${name}`)
    return value
  }
  if (String(scheme) === 'jwt') return { scheme: 'jwt', jwt: textOf('jwt') }
  return { scheme: 'jwks', id: textOf('id'), wellKnown: textOf('dwk'), kid: textOf('kid') }
}

/** The key of a token, with the `keyid` of the signature: only the key itself shows whether that is one of its names. */
export interface NamedKeyReference {
  readonly scheme: 'jwt'
  readonly jwt: string
  readonly keyid?: string
}

/** @throws AAuthError for a `keyid` that is another name than `kid` (draft -11 §11.3) */
function keyNamedBy(input: string, key: KeyReference): KeyReference | NamedKeyReference {
  const [, keyid] = /;keyid="([^"]*)"/.exec(input) ?? []
  if (keyid === undefined) return key
  if (key.scheme === 'jwt') return { ...key, keyid }
  if ('kid' in key && keyid !== key.kid) throw otherKey()
  return key
}

/**
 * Checks that the `keyid` of a signature, if it has one, is a name of the key that the token carries: its `kid` or its thumbprint. If the
 * token contains no `kid`, the name may be one that only the agent's key set shows.
 *
 * @throws AAuthError `signature_malformed`
 */
export function requireNamedKey({ keyid }: NamedKeyReference, { thumbprint, jwk }: VerificationKey): void {
  const isNamed = keyid !== undefined && jwk.kid !== undefined
  if (isNamed && keyid !== thumbprint && keyid !== jwk.kid) throw otherKey()
}

function otherKey(): AAuthError {
  return malformed('Signature-Input', 'has a keyid for another key than Signature-Key: leave it out')
}

function parseMembers(text: string): ReadonlyMap<string, Member> {
  // A repeated label replaces the first member in some parsers and not in others.
  const labels = [...splitMembers('Signature-Key', text).keys()]
  try {
    const members = parseDictionary(text)
    // Display strings (RFC 9651 §3.3.8) end elsewhere than other strings.
    if ([...members.keys()].join() === labels.join()) return members
    throw malformed('Signature-Key', 'has a value that not all parsers read in the same way')
  } catch (cause) {
    if (!(cause instanceof ParseError)) throw cause
    const isOther = /^[\w*.-]+=\(scheme=/.test(text)
    const remedy = isOther ? ': it has the form of January 2026. Set the edition of the agent to draft -11' : ''
    throw malformed('Signature-Key', `is not a dictionary such as sig=jwt;jwt="…"${remedy}`, cause)
  }
}

/** The members of a dictionary by label, each with its label. */
function splitMembers(field: string, text: string): ReadonlyMap<string, string> {
  if (text.length > maxLength) throw malformed(field, 'is longer than 16 KiB')
  const members = splitDictionary(text)
  if (!members) throw malformed(field, 'is not a dictionary')
  if (members.length > maxMembers) throw malformed(field, `has more than ${maxMembers} members`)
  const byLabel = new Map(members)
  if (byLabel.size !== members.length) throw malformed(field, 'has a label twice')
  return byLabel
}

function malformed(field: string, what: string, cause?: unknown): AAuthError {
  return new AAuthError('signature_malformed', `${field} ${what}.`, { cause })
}

function unsupportedScheme(): AAuthError {
  return new AAuthError('signature_key_scheme_refused', 'Signature-Key has no scheme that is accepted here.')
}
