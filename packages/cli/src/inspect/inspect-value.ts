import { AAuthError, type PublicJwk } from 'countersign'
import { january, parseChallenge, parseSignatureKey } from 'countersign/editions'
import {
  algorithmNames,
  jwkThumbprint,
  parseSignature,
  parseSignatureInput,
  requireContentDigest,
} from 'countersign/signatures'
import { confirmationJwk, decodeToken, maxTokenLength, parseJsonObject } from 'countersign/tokens'

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
  const isAuthorization = name?.toLowerCase() === 'authorization'
  if (name === undefined || isAuthorization) {
    const [, bearer] = /^bearer[ \t]+(\S*)$/i.exec(value) ?? []
    const token = await inspectToken(bearer ?? value, now)
    if (token && (bearer !== undefined || isAuthorization)) return { ...token, remarks: [...token.remarks, notBearer] }
    if (token) return token
    if (bearer !== undefined || isAuthorization) return unknown(`It does not contain a JWT. ${notBearer}`)
  }
  const found = Object.entries(headerInspectors).find(([header, { fits }]) =>
    name === undefined ? fits.test(value) : header.toLowerCase() === name.toLowerCase(),
  )
  if (!found) {
    const headers = Object.keys(headerInspectors).join(', ')
    return unknown(`It is neither a JWT nor a value of ${headers}.`)
  }
  const [kind, { decode }] = found
  try {
    const { tokens, ...decoded } = await decode(value, now)
    const inside = await Promise.all(tokens.map((token) => inspectToken(token, now)))
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

/** The content of a header value, and the tokens in it. */
type Decoded = Pick<Inspection, 'decoded' | 'remarks'> & { tokens: readonly string[] }

interface HeaderInspector {
  /** Whether a value without a name looks like a value of this header. */
  fits: RegExp
  /** Throws the errors of the library's parser. */
  decode: (value: string, now: number) => Promise<Decoded>
}

const none = { remarks: [], tokens: [] } as const

/** The headers that can be decoded, by name. A value without a name is decoded as the first header whose syntax it matches. */
const headerInspectors: Readonly<Record<string, HeaderInspector>> = {
  [january.headers.challenge]: {
    fits: /^httpsig\b/,
    decode: async (value) => {
      const challenge = parseChallenge(value)
      const tokens = challenge.resourceToken === undefined ? [] : [challenge.resourceToken]
      return { decoded: asWritten(challenge), remarks: [], tokens }
    },
  },
  [january.headers.problem]: { fits: /^error=/, decode: async (value) => decodeSignatureError(value) },
  'Content-Digest': {
    fits: /^(?:sha|md5|crc|adler|unixsum|unixcksum|id-sha)[a-z0-9*_.-]{0,20}=:/,
    decode: async (value) => {
      await requireReadable(value)
      const members = [...value.matchAll(/(?:^|, *)([a-z*][a-z0-9_.*-]*)=:([A-Za-z0-9+/=]*):/g)]
      const decoded = members.map(([, name = '', digest = '']) => [name, Buffer.from(digest, 'base64').toString('hex')])
      return { decoded: Object.fromEntries(decoded), ...none }
    },
  },
  'Signature-Key': {
    fits: /^[^=]*=\(scheme=/,
    decode: async (value) => {
      const { label, key } = parseSignatureKey(value)
      const thumbprint = key.scheme === 'hwk' ? await jwkThumbprint(key.jwk as PublicJwk) : undefined
      return {
        decoded: { label, ...asWritten(key) },
        remarks: thumbprint === undefined ? [] : [`The key’s thumbprint is ${thumbprint}.`],
        tokens: key.scheme === 'jwt' ? [key.jwt] : [],
      }
    },
  },
  'Signature-Input': {
    fits: /^[^=]*=\((?:"|\))/,
    decode: async (value, now) => {
      const { label, components, created, expires, algorithm, parameters } = parseSignatureInput(value)
      const known: readonly string[] = algorithmNames
      return {
        decoded: {
          label,
          components,
          created,
          expires,
          alg: algorithm,
          signature_params: parameters,
        },
        remarks: [
          `created: ${new Date(created * 1000).toISOString().replace(/\.000Z$/, 'Z')}, ${describeDistance(created - now)}.`,
          ...(algorithm !== undefined && !known.includes(algorithm)
            ? [`The alg ${algorithm} is not used in this protocol.`]
            : []),
        ],
        tokens: [],
      }
    },
  },
  Signature: {
    fits: /^[^=]*=:/,
    decode: async (value) => {
      const { label, signature } = parseSignature(value)
      return { decoded: { label, bytes: signature.length, hex: Buffer.from(signature).toString('hex') }, ...none }
    },
  },
}

/** Parameter names, as spelled in the headers. */
const wireNames: Readonly<Record<string, string>> = {
  resourceToken: 'resource_token',
  authServer: 'auth_server',
  algorithms: 'algs',
  wellKnown: 'well-known',
  jwksUri: 'jwks',
}

function asWritten(parsed: object): Record<string, unknown> {
  const given = Object.entries(parsed).filter(([, value]) => value !== undefined)
  return Object.fromEntries(given.map(([name, value]) => [wireNames[name] ?? name, value]))
}

/** Throws if the syntax is wrong. Digest mismatches are ignored, because the body is not known. */
async function requireReadable(value: string): Promise<void> {
  try {
    await requireContentDigest(value, new Uint8Array(0))
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'digest_mismatch')) throw error
  }
}

const form = /^error=([a-z_]{1,64})((?:, ?[a-z_]{1,64}=\((?:"[^"\\]*"(?: (?="))?)*\))*)$/

/** What the signer should do about each `error`. */
const remedies: Readonly<Record<string, string>> = {
  invalid_signature:
    'Something is wrong with the headers, the creation time, the signature bytes, the digest or the nonce: the response body states what, and countersign verify shows the signature base.',
  invalid_input:
    'The signature must cover the components that the server requires, and no components that the request lacks.',
  unsupported_algorithm: 'The server accepts other algorithms: sign with a key for one of them.',
  invalid_key:
    'The key itself is refused because of its type, size or parameters: generate another one (countersign agent keys generate).',
  unknown_key:
    'No usable key was found at the location given in Signature-Key: countersign discover <identifier> shows what is published there.',
}

/**
 * Decodes a `Signature-Error` value, and explains what to do about it.
 *
 * @throws AAuthError `request_malformed`
 */
function decodeSignatureError(value: string): Decoded {
  const [, error = '', lists = ''] = form.exec(value) ?? []
  if (error === '')
    throw new AAuthError(
      'request_malformed',
      'Signature-Error does not have the form error=…, optionally followed by lists.',
    )
  const decoded: Record<string, unknown> = { error }
  for (const [, name = '', list = ''] of lists.matchAll(/, ?([a-z_]+)=\(([^)]*)\)/g)) {
    decoded[name] = [...list.matchAll(/"([^"]*)"/g)].map(([, item]) => item)
  }
  const remedy = Object.hasOwn(remedies, error) ? remedies[error] : undefined
  return { decoded, remarks: remedy === undefined ? [] : [remedy], tokens: [] }
}

/** Formats a time relative to now: `in 9 minutes`, `3 days ago`. */
function describeDistance(seconds: number): string {
  const distance = Math.abs(Math.round(seconds))
  const [size, unit] = (
    [
      [86_400, 'day'],
      [3600, 'hour'],
      [60, 'minute'],
      [1, 'second'],
    ] as const
  ).find(([candidate]) => distance >= candidate * 2) ?? [1, 'second']
  const count = Math.floor(distance / size)
  const words = `${count} ${unit}${count === 1 ? '' : 's'}`
  return seconds <= 0 ? `${words} ago` : `in ${words}`
}

/** Decodes a compact JWT as far as possible, even if this library would reject it. Returns undefined if it is not a JWT. */
async function inspectToken(compact: string, now: number): Promise<Inspection | undefined> {
  const parts = compact.split('.')
  if (parts.length < 2 || parts.length > 5 || !/^[A-Za-z0-9_=+/-]+$/.test(parts[0] ?? '')) return undefined
  const [header, payload] = parts.map((part) => parseJsonObject(Buffer.from(part, 'base64url').toString('utf8')))
  if (!header) return undefined
  const signature = Buffer.from(parts[2] ?? '', 'base64url')
  const refusal = decodeToken(compact) ? undefined : refusalOf(parts, payload !== undefined)
  return {
    kind: typeof header.typ === 'string' ? header.typ : 'JWT',
    decoded: { header, payload: payload ?? null, signature_bytes: signature.length },
    remarks: [...headerRemarks(header), ...timeRemarks(payload ?? {}, now), ...(await keyRemarks(payload ?? {}))],
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

const times: Readonly<Record<string, readonly [past: string, future: string]>> = {
  iat: ['issued', 'issued'],
  nbf: ['valid since', 'not valid before'],
  exp: ['expired', 'expires'],
}

function timeRemarks(payload: Record<string, unknown>, now: number): string[] {
  return Object.entries(times).flatMap(([claim, [past, future]]) => {
    const seconds = payload[claim]
    if (typeof seconds !== 'number' || !(Math.abs(seconds) < 1e11)) return []
    const date = new Date(seconds * 1000).toISOString().replace(/\.000Z$/, 'Z')
    return [`${claim}: ${seconds <= now ? past : future} ${date}, ${describeDistance(seconds - now)}.`]
  })
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
