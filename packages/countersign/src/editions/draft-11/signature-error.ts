import { ParseError, parseDictionary, serializeDictionary, serializeList, Token } from 'structured-headers'

/** The header that names the problem with a signature. */
export const signatureErrorHeader = 'signature-error'

const names = [
  'invalid_signature',
  'invalid_input',
  'clock_skew',
  'unsupported_scheme',
  'unsupported_algorithm',
  'invalid_key',
  'unknown_key',
  'invalid_jwt',
  'expired_jwt',
  'revoked_jwt',
  'issuer_missing',
  'issuer_mismatch',
] as const

/** A problem with a signature, its key, or the token that carries the key. */
export type SignatureErrorName = (typeof names)[number]

/** Whether a text is the name of such a problem. */
export function isSignatureErrorName(text: unknown): text is SignatureErrorName {
  return names.includes(text as SignatureErrorName)
}

/** What a server says about a signature that it rejected. */
export interface SignatureError {
  /** One of the names above, or one that is not known here. */
  error: string
  /** With `invalid_input`: the components to cover. */
  requiredInput?: readonly string[]
}

/** Parses `error=invalid_input, required_input=("@method" …)`. Undefined for no text, or one of another form. */
export function parseSignatureError(text: string | null): SignatureError | undefined {
  const members = readDictionary(text)
  const [error] = members?.get('error') ?? []
  if (!(error instanceof Token)) return undefined
  const [list] = members?.get('required_input') ?? []
  if (!Array.isArray(list)) return { error: error.toString() }
  const components = list.map(([component]) => component)
  return components.every((component) => typeof component === 'string')
    ? { error: error.toString(), requiredInput: components as string[] }
    : { error: error.toString() }
}

/** Serializes a problem for {@link parseSignatureError}. */
export function serializeSignatureError(error: SignatureErrorName, requiredInput?: readonly string[]): string {
  return serializeDictionary({
    error: [new Token(error), new Map()],
    ...(requiredInput && { required_input: [requiredInput.map((name) => [name, new Map()]), new Map()] }),
  })
}

/** Serializes the list of accepted schemes or algorithms: `Accept-Signature-Scheme`, `Accept-Signature-Alg`. */
export function serializeAccepted(accepted: readonly string[]): string {
  return serializeList(accepted.map((name) => [new Token(name), new Map()]))
}

function readDictionary(text: string | null) {
  if (text === null || text.length > 4096) return undefined
  try {
    return parseDictionary(text)
  } catch (error) {
    if (error instanceof ParseError) return undefined
    throw error
  }
}
