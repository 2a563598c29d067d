import { createHash } from 'node:crypto'
import type { Signer } from 'countersign'
import { serializeSignatureKey } from 'countersign/editions'
import type { KeyReference } from 'countersign/signatures'
import type { MessageParts } from '../received-message.js'

export interface CraftedParts {
  signer: Signer
  method?: string
  target?: string
  authority?: string
  /** Header fields besides the three signature headers, in lowercase. */
  fields?: Readonly<Record<string, string>>
  body?: string
  /** The covered components; by default those that S§10.3 requires. */
  components?: readonly string[]
  created?: number
  /** Appended after `;created=…`. */
  parameters?: string
  label?: string
  signatureKey?: KeyReference
  /** Changes the base before it is signed. */
  rewriteBase?: (base: string) => string
}

export interface CraftedMessage extends Required<Pick<MessageParts, 'method' | 'target' | 'body'>> {
  /** Name and value; change them with {@link withHeader}. */
  headers: readonly (readonly [string, string])[]
}

/** `Content-Digest` as RFC 9530 defines it, computed by Node alone. */
export function digestOf(body: string | Uint8Array): string {
  return `sha-256=:${createHash('sha256').update(body).digest('base64')}:`
}

/** A signed message whose base is assembled here and not by the code under test. */
export async function craftMessage(parts: CraftedParts): Promise<CraftedMessage> {
  const { signer, method = 'GET', target = '/data', authority = 'resource.example', body = '', label = 'sig1' } = parts
  const [path = '', ...rest] = target.split('?')
  const query = rest.length > 0 ? `?${rest.join('?')}` : undefined
  const bodyFields = body === '' ? {} : { 'content-type': 'application/json', 'content-digest': digestOf(body) }
  const fields: Record<string, string> = { ...bodyFields, ...parts.fields }
  const key = serializeSignatureKey(label, parts.signatureKey ?? { scheme: 'hwk', jwk: hwkOf(signer) })
  const values: Record<string, string | undefined> = {
    ...fields,
    '@method': method,
    '@authority': authority,
    '@path': path,
    '@query': query,
    'signature-key': key,
  }
  const components = parts.components ?? requiredComponents(query !== undefined, body !== '', 'nonce' in fields)
  const list = components.map((name) => (name.startsWith('"') ? name : `"${name}"`)).join(' ')
  const parameters = `(${list});created=${parts.created ?? 1_768_786_017}${parts.parameters ?? ''}`
  const lines = components.map((name) => `${name.startsWith('"') ? name : `"${name}"`}: ${values[name] ?? ''}`)
  const base = [...lines, `"@signature-params": ${parameters}`].join('\n')
  const signature = Buffer.from(await signer.sign(parts.rewriteBase?.(base) ?? base)).toString('base64')
  const headers: [string, string][] = [
    ['host', authority],
    ...Object.entries(fields),
    ['signature-key', key],
    ['signature-input', `${label}=${parameters}`],
    ['signature', `${label}=:${signature}:`],
  ]
  return { method, target, body, headers }
}

/** The components that S§10.3 requires, in the order of W5. */
export function requiredComponents(query: boolean, body: boolean, nonce: boolean): string[] {
  return [
    '@method',
    '@authority',
    '@path',
    ...(query ? ['@query'] : []),
    ...(body ? ['content-type', 'content-digest'] : []),
    ...(nonce ? ['nonce'] : []),
    'signature-key',
  ]
}

/** The message with one header changed, or removed if the new value is undefined. */
export function withHeader<M extends Pick<CraftedMessage, 'headers'>>(
  message: M,
  name: string,
  change: (value: string) => string | undefined,
): M {
  const headers = message.headers.flatMap(([candidate, value]): [string, string][] => {
    if (candidate !== name) return [[candidate, value]]
    const changed = change(value)
    return changed === undefined ? [] : [[candidate, changed]]
  })
  return { ...message, headers }
}

/** The message with an additional header after the others. */
export function plusHeader<M extends Pick<CraftedMessage, 'headers'>>(message: M, name: string, value: string): M {
  return { ...message, headers: [...message.headers, [name, value]] }
}

function hwkOf({ jwk }: Signer): Record<string, string> {
  const { kty, crv, x, y, n, e } = jwk
  const members = { kty, crv, x, y, n, e }
  return Object.fromEntries(
    Object.entries(members).filter((entry): entry is [string, string] => entry[1] !== undefined),
  )
}
