import type { JoseRules } from '../lib/algorithms.js'
import { jsonResponse } from '../lib/json.js'
import { type IdentifierOptions, isIdentifier } from './identifier.js'

/** What every document has that is read here: where its party publishes its keys. */
export interface PublishedDocument {
  jwks_uri: string
}

/** A document as it is published, whatever else it says. */
export type OwnDocument = PublishedDocument & { readonly [member: string]: unknown }

type MemberKind = 'identifier' | 'url' | 'string' | 'strings' | 'texts' | 'boolean'

/** A document that a party publishes about itself at `{identifier}/.well-known/{name}`, as an edition writes it. */
export interface DocumentType<M extends PublishedDocument = PublishedDocument> {
  readonly name: string
  /** How the keys that it leads to say what they are for. */
  readonly jose: JoseRules
  /** Whose document it is; the one of an auth server that the operator configured may be at any address (W28). */
  readonly party: 'agent' | 'resource' | 'authServer'
  /** The member that names the document's own URL (W10). */
  readonly self: string
  /** Optional members of another kind are left out, not refused: they decide nothing. */
  readonly members: Readonly<Record<keyof M & string, MemberKind>>
  readonly required: readonly string[]
}

/** The address of a document: `{identifier}/.well-known/{name}`. */
export function documentUrl(type: DocumentType, identifier: string): string {
  return `${identifier}/.well-known/${type.name}`
}

/**
 * Reads a fetched document, or says why it is refused. It must name itself: a document copied to another host is
 * worth nothing there.
 */
export function parseDocument<M extends PublishedDocument>(
  type: DocumentType<M>,
  identifier: string,
  document: unknown,
  options: IdentifierOptions = {},
): { metadata: M } | { refusal: string } {
  if (typeof document !== 'object' || document === null || Array.isArray(document))
    return { refusal: 'it is not a JSON object' }
  const metadata: Record<string, unknown> = {}
  for (const [member, kind] of Object.entries<MemberKind>(type.members)) {
    const value = Object.hasOwn(document, member) ? (document as Record<string, unknown>)[member] : undefined
    if (value !== undefined && memberKinds[kind](value, options)) metadata[member] = value
  }
  if (!isComplete(type, metadata)) {
    const missing = type.required.filter((member) => !(member in metadata))
    return { refusal: `its ${missing.join(', ')} is missing or not valid` }
  }
  if ((metadata as Record<string, unknown>)[type.self] !== identifier) {
    return { refusal: `its ${type.self} is not the identifier it was fetched for` }
  }
  return { metadata }
}

function isComplete<M extends PublishedDocument>(type: DocumentType<M>, metadata: object): metadata is M {
  return type.required.every((member) => member in metadata)
}

const memberKinds: Readonly<Record<MemberKind, (value: unknown, options: IdentifierOptions) => boolean>> = {
  identifier: (value, options) => isIdentifier(value, options),
  url: (value, options) => isFetchableUrl(value, options),
  string: (value) => typeof value === 'string' && value.length <= 2048,
  strings: (value) =>
    Array.isArray(value) &&
    value.length <= 256 &&
    value.every((item) => typeof item === 'string' && item.length <= 2048),
  texts: (value) =>
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    Object.values(value).every((item) => typeof item === 'string'),
  boolean: (value) => typeof value === 'boolean',
}

/** Whether a URL from a document may be fetched: like an identifier, but with any path and query. */
export function isFetchableUrl(value: unknown, options: IdentifierOptions = {}): value is string {
  if (typeof value !== 'string' || value.length > 2048 || !/^[\x21-\x7e]+$/.test(value)) return false
  const [, origin, rest = ''] = /^(https?:\/\/[^/?#\\]*)(.*)$/.exec(value) ?? []
  if (origin === undefined || !isIdentifier(origin, { ...options, allowPath: false })) return false
  return !rest.includes('#') && URL.canParse(value) && new URL(value).href === (rest === '' ? `${value}/` : value)
}

/** Answers with a document or keys that anybody may read, and keep for five minutes. */
export function documentResponse(document: object): Response {
  return jsonResponse(200, document, { 'cache-control': 'public, max-age=300' })
}
