import { createHash, randomUUID } from 'node:crypto'
import { createSigner, generatePrivateJwk, type Signer } from 'countersign'
import { draft11Jose, serializeSignatureKey } from 'countersign/editions/draft-11'
import type { KeyReference } from 'countersign/signatures'
import { publishedJwk } from 'countersign/tokens'

/** Unix seconds: the time in tests of this edition. */
export const now = 1_790_000_000

export const ids = {
  agent: 'https://agent.example',
  personServer: 'https://ps.example',
  resource: 'https://api.example',
} as const

export const agentName = 'aauth:assistant@agent.example'

export async function newSigner(kid: string, algorithm: 'ed25519' | 'ecdsa-p256-sha256' = 'ed25519'): Promise<Signer> {
  return createSigner(await generatePrivateJwk({ kid, algorithm }))
}

/** The `cnf` of a token for a key. */
export function boundTo({ jwk }: Signer): { jwk: object } {
  return { jwk: publishedJwk(jwk, draft11Jose) }
}

/** A token made here, and not by the code under test. */
export async function craftToken(typ: string, signer: Signer, claims: object, header: object = {}): Promise<string> {
  const alg = signer.algorithm === 'ed25519' ? 'Ed25519' : 'ES256'
  const parts = [{ alg, kid: signer.kid, typ, ...header }, claims].map((part) =>
    Buffer.from(JSON.stringify(part)).toString('base64url'),
  )
  const signature = await signer.sign(parts.join('.'))
  return [...parts, Buffer.from(signature).toString('base64url')].join('.')
}

/** The claims that tokens of all types have. */
export function commonClaims(claims: object = {}) {
  return { jti: randomUUID(), iat: now, exp: now + 300, ...claims }
}

export interface WireRequest {
  signer: Signer
  key: KeyReference
  method?: string
  target?: string
  authority?: string
  body?: string
  /** Covered besides the four that are always covered. */
  also?: readonly string[]
  /** The covered components. @default the four that are always covered, and `also` */
  components?: readonly string[]
  fields?: Readonly<Record<string, string>>
  created?: number
  /** Appended after `;created=…`. */
  parameters?: string
  label?: string
  /** The lines of `Signature-Key`. @default one line with the key */
  keyLines?: readonly string[]
}

export interface WireMessage {
  method: string
  target: string
  headers: [string, string][]
  body: string
}

/** A signed message whose base is made here, and not by the code under test. */
export async function craftRequest(parts: WireRequest): Promise<WireMessage> {
  const { signer, method = 'GET', target = '/data', authority = 'api.example', body = '', label = 'sig' } = parts
  const mark = target.indexOf('?')
  const digest = `sha-256=:${createHash('sha256').update(body).digest('base64')}:`
  const fields: Record<string, string> = {
    ...(body === '' ? {} : { 'content-type': 'application/json', 'content-digest': digest }),
    ...parts.fields,
  }
  const keyLines = parts.keyLines ?? [serializeSignatureKey(label, parts.key)]
  const values: Record<string, string> = {
    ...fields,
    '@method': method,
    '@authority': authority,
    '@path': mark === -1 ? target : target.slice(0, mark),
    '@query': mark === -1 ? '?' : target.slice(mark),
    'signature-key': keyLines.join(', '),
  }
  const components = parts.components ?? ['@method', '@authority', '@path', 'signature-key', ...(parts.also ?? [])]
  const list = components.map((name) => `"${name}"`).join(' ')
  const input = `(${list});created=${parts.created ?? now}${parts.parameters ?? ''}`
  const base = [...components.map((name) => `"${name}": ${values[name] ?? ''}`), `"@signature-params": ${input}`].join(
    '\n',
  )
  const signature = Buffer.from(await signer.sign(base)).toString('base64')
  const headers: [string, string][] = [
    ['host', authority],
    ...Object.entries(fields),
    ...keyLines.map((line): [string, string] => ['signature-key', line]),
    ['signature-input', `${label}=${input}`],
    ['signature', `${label}=:${signature}:`],
  ]
  return { method, target, body, headers }
}

/** The message with one field changed. */
export function withField(message: WireMessage, name: string, change: (value: string) => string): WireMessage {
  const headers = message.headers.map(([each, value]): [string, string] => [
    each,
    each === name ? change(value) : value,
  ])
  return { ...message, headers }
}
