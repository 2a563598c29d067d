import { type IdentifierOptions, isIdentifier } from './identifier.js'

/** `/.well-known/aauth-agent` (S§8.1). */
export interface AgentMetadata {
  agent: string
  jwks_uri: string
  redirect_uris?: string[]
  name?: string
  logo_uri?: string
  policy_uri?: string
  tos_uri?: string
  homepage?: string
}

/** `/.well-known/aauth-resource` (S§8.3). */
export interface ResourceMetadata {
  resource: string
  jwks_uri: string
  resource_token_endpoint?: string
  supported_scopes?: string[]
  scope_descriptions?: Record<string, string>
}

/** `/.well-known/aauth-issuer` (S§8.2). */
export interface IssuerMetadata {
  issuer: string
  jwks_uri: string
  agent_token_endpoint: string
  agent_auth_endpoint: string
  /** Where agents give refresh tokens back (not in the edition's text). */
  agent_revocation_endpoint?: string
  /** Where resources poll what was taken back (not in the edition's text). */
  revocation_list_uri?: string
  agent_signing_algs_supported?: string[]
  request_types_supported?: string[]
  scopes_supported?: string[]
  /** RFC 9207. */
  authorization_response_iss_parameter_supported?: boolean
}

export interface MetadataByKind {
  'aauth-agent': AgentMetadata
  'aauth-resource': ResourceMetadata
  'aauth-issuer': IssuerMetadata
}

/** The well-known names of the documents (S§14.1). */
export type MetadataKind = keyof MetadataByKind

type MemberKind = 'identifier' | 'url' | 'string' | 'strings' | 'texts' | 'boolean'

interface KindRow {
  /** The member that names the document's own URL (W10). */
  self: string
  members: Readonly<Record<string, MemberKind>>
  required: readonly string[]
}

/** What each document holds. Optional members of another type are left out, not refused: they decide nothing. */
export const metadataTable: Readonly<Record<MetadataKind, KindRow>> = {
  'aauth-agent': {
    self: 'agent',
    members: {
      agent: 'identifier',
      jwks_uri: 'url',
      redirect_uris: 'strings',
      name: 'string',
      logo_uri: 'url',
      policy_uri: 'string',
      tos_uri: 'string',
      homepage: 'string',
    },
    required: ['agent', 'jwks_uri'],
  },
  'aauth-resource': {
    self: 'resource',
    members: {
      resource: 'identifier',
      jwks_uri: 'url',
      resource_token_endpoint: 'url',
      supported_scopes: 'strings',
      scope_descriptions: 'texts',
    },
    required: ['resource', 'jwks_uri'],
  },
  'aauth-issuer': {
    self: 'issuer',
    members: {
      issuer: 'identifier',
      jwks_uri: 'url',
      agent_token_endpoint: 'url',
      agent_auth_endpoint: 'url',
      agent_revocation_endpoint: 'url',
      revocation_list_uri: 'url',
      agent_signing_algs_supported: 'strings',
      request_types_supported: 'strings',
      scopes_supported: 'strings',
      authorization_response_iss_parameter_supported: 'boolean',
    },
    required: ['issuer', 'jwks_uri', 'agent_token_endpoint', 'agent_auth_endpoint'],
  },
}

/** The address of a document: `{identifier}/.well-known/{kind}`. */
export function metadataUrl(identifier: string, kind: MetadataKind): string {
  return `${identifier}/.well-known/${kind}`
}

/**
 * Reads a fetched document, or says why it is refused. It must name itself: a document copied to another host is
 * worth nothing there.
 */
export function parseMetadata<K extends MetadataKind>(
  kind: K,
  identifier: string,
  document: unknown,
  options: IdentifierOptions = {},
): { metadata: MetadataByKind[K] } | { refusal: string } {
  if (typeof document !== 'object' || document === null || Array.isArray(document))
    return { refusal: 'it is not a JSON object' }
  const row = metadataTable[kind]
  const metadata: Record<string, unknown> = {}
  for (const [member, type] of Object.entries(row.members)) {
    const value = Object.hasOwn(document, member) ? (document as Record<string, unknown>)[member] : undefined
    if (value !== undefined && memberTypes[type](value, options)) metadata[member] = value
  }
  if (!isComplete(kind, metadata)) {
    const missing = row.required.filter((member) => !(member in metadata))
    return { refusal: `its ${missing.join(', ')} is missing or not valid` }
  }
  if ((metadata as Record<string, unknown>)[row.self] !== identifier) {
    return { refusal: `its ${row.self} is not the identifier it was fetched for` }
  }
  return { metadata }
}

function isComplete<K extends MetadataKind>(kind: K, metadata: object): metadata is MetadataByKind[K] {
  return metadataTable[kind].required.every((member) => member in metadata)
}

const memberTypes: Readonly<Record<MemberKind, (value: unknown, options: IdentifierOptions) => boolean>> = {
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
