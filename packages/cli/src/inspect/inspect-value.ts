import { AAuthError, type PublicJwk } from 'countersign'
import { jwkThumbprint } from 'countersign/signatures'
import { confirmationJwk, decodeToken, maxTokenLength, parseJsonObject } from 'countersign/tokens'
import type { CommandEdition, HeaderInspector } from '../editions/command-edition.js'
import { loadEditions } from '../editions/load-edition.js'
import { timeRemarks } from './claims.js'
import { sharedHeaders } from './shared-headers.js'

/** Maximum length of a value, in characters. Longer header values are not accepted anywhere. */
export const maxValue = 65_536

/** Decodes a token, a header value or a whole header line, or explains why the input is none of them. */
export async function inspectValue(text: string, now: number): Promise<Inspection> {
  if (text.length > maxValue)
    return unknown(`It is longer than ${maxValue} characters, so it cannot be a valid header.`)
  const { name, value } = splitLine(unquoted(text.trim()))
  if (/[\r\n]/.test(value))
    return unknown(
      'It has several lines, but only one value can be inspected at a time. To check a whole request, use countersign verify.',
    )
  const editions = await loadEditions()
  const isAuthorization = name?.toLowerCase() === 'authorization'
  if (name === undefined || isAuthorization) {
    const [, bearer] = /^bearer[ \t]+(\S*)$/i.exec(value) ?? []
    const token = await inspectToken(bearer ?? value, now, editions)
    if (token && (bearer !== undefined || isAuthorization)) return { ...token, remarks: [...token.remarks, notBearer] }
    if (token) return token
    if (bearer !== undefined || isAuthorization) return unknown(`It does not contain a JWT. ${notBearer}`)
  }
  const inspectors = [...editions.map(({ headers }) => headers), sharedHeaders(editions)].flatMap(
    Object.entries<HeaderInspector>,
  )
  const named = inspectors.filter(([header]) => name === undefined || header.toLowerCase() === name.toLowerCase())
  // The value of a named header is decoded even if it is not of any known form: the parser's error explains why.
  const found = named.find(([, { fits }]) => fits.test(value)) ?? (name === undefined ? undefined : named[0])
  if (!found) {
    const headers = [...new Set(inspectors.map(([header]) => header))].join(', ')
    return unknown(`It is neither a JWT nor a value of ${headers}.`)
  }
  const [kind, { decode }] = found
  try {
    const { tokens, ...decoded } = await decode(value, now)
    const inside = await Promise.all(tokens.map((token) => inspectToken(token, now, editions)))
    return { kind, ...decoded, inside: inside.filter((inspection) => inspection !== undefined) }
  } catch (error) {
    if (!(error instanceof AAuthError)) throw error
    return { kind, decoded: {}, remarks: [], inside: [], refusal: error.message }
  }
}

function unknown(refusal: string): Inspection {
  return { kind: 'unknown', decoded: {}, remarks: [], inside: [], refusal }
}

const notBearer = 'Tokens are not sent in Authorization here: send the token in Signature-Key, and sign the request.'

/** Removes the quotes from a value that was copied from JSON or source code. */
function unquoted(text: string): string {
  const [, , inner] = /^(["'`])([\s\S]*)\1[,;]?$/.exec(text) ?? []
  return inner === undefined ? text : inner.replaceAll('\\"', '"').trim()
}

function splitLine(line: string): { name?: string; value: string } {
  const [, name, value = ''] = /^([A-Za-z][A-Za-z0-9-]*):[ \t]*([\s\S]*)$/.exec(line) ?? []
  return name === undefined ? { value: line } : { name, value }
}

/** A decoded value. Only its syntax was checked. */
export interface Inspection {
  /** The kind of value: `Signature-Input`, or the `typ` of a token. */
  kind: string
  /** The decoded content. */
  decoded: Readonly<Record<string, unknown>>
  /** Notes for the reader, as sentences. */
  remarks: readonly string[]
  /** Tokens contained in the value. */
  inside: readonly Inspection[]
  /** Why this library rejects the syntax, if it does. */
  refusal?: string | undefined
}

/** Decodes a compact JWT as far as possible, even if this library would reject it. Returns undefined if it is not a JWT. */
async function inspectToken(
  compact: string,
  now: number,
  editions: readonly CommandEdition[],
): Promise<Inspection | undefined> {
  const parts = compact.split('.')
  if (parts.length < 2 || parts.length > 5 || !/^[A-Za-z0-9_=+/-]+$/.test(parts[0] ?? '')) return undefined
  const [header, payload] = parts.map((part) => parseJsonObject(Buffer.from(part, 'base64url').toString('utf8')))
  if (!header) return undefined
  const signature = Buffer.from(parts[2] ?? '', 'base64url')
  const refusal = decodeToken(compact) ? undefined : refusalOf(parts, payload !== undefined)
  return {
    kind: typeof header.typ === 'string' ? header.typ : 'JWT',
    decoded: { header, payload: payload ?? null, signature_bytes: signature.length },
    remarks: [
      ...editions.flatMap((edition) => edition.tokenRemarks(header)),
      ...headerRemarks(header),
      ...timeRemarks(payload ?? {}, now),
      ...(await keyRemarks(payload ?? {})),
    ],
    inside: [],
    refusal,
  }
}

function refusalOf(parts: readonly string[], hasPayload: boolean): string {
  if (parts.length !== 3) return `it has ${parts.length} parts, but a signed token has three`
  if (!hasPayload) return 'its payload is not a JSON object in base64url'
  if (parts[2] === '') return 'it is not signed'
  if (parts.join('.').length > maxTokenLength) return `it is longer than ${maxTokenLength / 1024} KiB`
  return 'one of its parts is not canonical base64url without padding, or its JSON has a duplicate member'
}

function headerRemarks({ alg, kid }: Record<string, unknown>): string[] {
  return [
    ...(typeof alg === 'string' && alg.toLowerCase() === 'none' ? ['alg is none: the token is not signed.'] : []),
    ...(typeof alg === 'string' && alg.startsWith('HS')
      ? [`alg is ${alg}, a shared-secret algorithm, which is never accepted here.`]
      : []),
    ...(kid === undefined ? ['It has no kid, so its key cannot be found.'] : []),
  ]
}

async function keyRemarks(claims: Record<string, unknown>): Promise<string[]> {
  const jwk = confirmationJwk(claims)
  if (!jwk) return []
  try {
    return [`It is bound to the key with the thumbprint ${await jwkThumbprint(jwk as PublicJwk)}.`]
  } catch (error) {
    if (error instanceof AAuthError) return [`Its cnf.jwk is not a valid key: ${error.message}`]
    throw error
  }
}
