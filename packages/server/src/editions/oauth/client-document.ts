import { type IdentifierOptions, isFetchableUrl } from 'countersign/discovery'
import { redirectHost } from 'countersign/editions'
import { showsSecret } from 'countersign/signatures'
import { cleanText } from '../../lib/plain-text.js'
import { hostOf } from '../../lib/policy.js'
import { hashSecret } from '../../secrets/server-keys.js'
import { isObject, type Metadata } from './json.js'
import { isAppRedirect, isUsableRedirect, maxRedirectUris } from './redirects.js'

/** How clients may authenticate at the token endpoint. There are no shared secrets. */
export const clientAuthMethods = ['none', 'private_key_jwt'] as const

/** How a client authenticates at the token endpoint. */
export type ClientAuthMethod = (typeof clientAuthMethods)[number]

/** An OAuth client, from its metadata. Only its URL is verified: the name and everything else are the publisher's own words. */
export interface Client {
  /** The `client_id`: the URL of the document, or an opaque id. */
  id: string
  /** One visible line of at most 80 characters. It may still mislead: see `judgeName`. */
  name: string
  /** The host that publishes the document, with its port; undefined for an opaque id. */
  host: string | undefined
  /** Who registered the client; undefined if its document was fetched from the URL that is its id. */
  registeredBy: 'operator' | 'itself' | undefined
  /** The usable ones, at least one. */
  redirectUris: readonly string[]
  /** Without `none`, the client must authenticate with an assertion. */
  authMethods: ReadonlySet<ClientAuthMethod>
  /** The keys of `private_key_jwt`: defined exactly if that method is allowed. */
  keys: ClientKeys | undefined
  /** Whether the client can use refresh tokens: `grant_types` is absent or contains them. */
  refreshes: boolean
  /** Changes with the name, the redirect hosts and the keys: no earlier consent applies without a page then. */
  fingerprint: string
}

/** The keys in a document, or where they are. A key set is not validated beyond containing only public keys. */
export type ClientKeys = { jwks: { keys: readonly object[] } } | { jwksUri: string }

/** A client, or one sentence for the operator's log about why its metadata is not usable. */
export type ReadClient = { client: Client } | { problem: string }

/** Maximum length of a `client_id`, in characters. */
export const maxIdLength = 512
const maxName = 80

/**
 * Whether a `client_id` is the URL of a document (draft-ietf-oauth-client-id-metadata-document §3): `https`, a lower-case
 * host and a path, without fragment, user information or dot segments, in the form that a URL parser returns. Equal only as strings.
 *
 * @param identifiers with `allowInsecureLoopback`, `http` on a loopback host with a port is accepted as well
 */
export function isClientUrl(text: unknown, identifiers?: IdentifierOptions): text is string {
  return isFetchableUrl(text, identifiers) && text.length <= maxIdLength && new URL(text).href === text
}

/**
 * Reads a client's document (draft-ietf-oauth-client-id-metadata-document §4). It must contain its own URL as `client_id`, so a copy on
 * another host is rejected.
 *
 * @param url a `client_id` for which {@link isClientUrl} holds
 * @param document the parsed JSON
 */
export function readClientDocument(url: string, document: unknown, identifiers?: IdentifierOptions): ReadClient {
  if (!isObject(document)) return { problem: 'it is not a JSON object' }
  if (document.client_id !== url) return { problem: 'its client_id is not the URL it was fetched from' }
  return readClientMetadata(url, document, identifiers)
}

/**
 * Reads client metadata (RFC 7591 §2) that came from somewhere other than the client's URL: the operator's file, or a
 * registration. Unknown members are ignored, and so is any `client_id` in it.
 *
 * @param id the `client_id`
 * @param registeredBy for an opaque id. Only the operator may list redirect URIs with a private-use scheme
 */
export function readClientMetadata(
  id: string,
  metadata: unknown,
  identifiers?: IdentifierOptions,
  registeredBy?: Client['registeredBy'],
): ReadClient {
  if (!isObject(metadata)) return { problem: 'it is not a JSON object' }
  const name = typeof metadata.client_name === 'string' ? cleanText(metadata.client_name, maxName) : ''
  if (name === '') return { problem: 'its client_name is missing or has no visible characters' }
  const isListable = (uri: string) => isUsableRedirect(uri) || (registeredBy === 'operator' && isAppRedirect(uri))
  const listed = stringsIn(metadata.redirect_uris)
  if (listed.length > maxRedirectUris) return { problem: `its redirect_uris are more than ${maxRedirectUris}` }
  const redirectUris = listed.filter(isListable)
  if (redirectUris.length === 0)
    return { problem: 'its redirect_uris contain neither an https URL nor an http URL on loopback' }
  const flow = flowProblem(metadata)
  if (flow !== undefined) return { problem: flow }
  const authentication = readAuthentication(metadata, identifiers)
  if ('problem' in authentication) return authentication
  const grantTypes = metadata.grant_types
  return {
    client: {
      id,
      name,
      host: registeredBy === undefined ? hostOf(id) : undefined,
      registeredBy,
      redirectUris: [...new Set(redirectUris)],
      ...authentication,
      refreshes: grantTypes === undefined || stringsIn(grantTypes).includes('refresh_token'),
      fingerprint: fingerprintOf(name, redirectUris, authentication.keys),
    },
  }
}

/** Why the client cannot use the authorization code flow; undefined if it can. */
function flowProblem(metadata: Metadata): string | undefined {
  const needed = { grant_types: 'authorization_code', response_types: 'code' }
  const lacking = Object.entries(needed).find(
    ([member, value]) => metadata[member] !== undefined && !stringsIn(metadata[member]).includes(value),
  )
  return lacking && `its ${lacking[0]} do not contain ${lacking[1]}`
}

type Authentication = Pick<Client, 'authMethods' | 'keys'>

/**
 * Reads how the client authenticates (draft-ietf-oauth-client-id-metadata-document §4.1). Anything secret is refused, because the document
 * is public.
 */
function readAuthentication(
  metadata: Metadata,
  identifiers: IdentifierOptions | undefined,
): Authentication | { problem: string } {
  const secret = Object.keys(metadata).find((member) => member.startsWith('client_secret'))
  if (secret !== undefined) return { problem: `it contains ${secret}` }
  const { token_endpoint_auth_method: method, token_endpoint_auth_methods_supported: list } = metadata
  if (method !== undefined && !isMethod(method))
    return { problem: 'its token_endpoint_auth_method is neither none nor private_key_jwt' }
  const named = [...(method === undefined ? [] : [method]), ...stringsIn(list).filter(isMethod)]
  if (named.length === 0 && list !== undefined)
    return { problem: 'its token_endpoint_auth_methods_supported contain neither none nor private_key_jwt' }
  const authMethods = new Set<ClientAuthMethod>(named.length === 0 ? ['none'] : named)
  const keys = readKeys(metadata, identifiers)
  if ('problem' in keys) return keys
  if (!authMethods.has('private_key_jwt')) return { authMethods, keys: undefined }
  const [only, other] = keys.found
  if (!only || other) return { problem: 'private_key_jwt requires either jwks or jwks_uri' }
  return { authMethods, keys: only }
}

function isMethod(value: unknown): value is ClientAuthMethod {
  return clientAuthMethods.some((method) => method === value)
}

const maxKeys = 100

function readKeys(
  { jwks, jwks_uri: jwksUri }: Metadata,
  identifiers: IdentifierOptions | undefined,
): { found: ClientKeys[] } | { problem: string } {
  const found: ClientKeys[] = []
  if (jwks !== undefined) {
    const keys = isObject(jwks) && Array.isArray(jwks.keys) ? (jwks.keys as unknown[]) : []
    if (keys.length === 0 || keys.length > maxKeys || !keys.every(isObject))
      return { problem: `its jwks is not a set of 1 to ${maxKeys} keys` }
    if (keys.some(showsSecret)) return { problem: 'its jwks contains a private or secret key' }
    found.push({ jwks: { keys } })
  }
  if (jwksUri !== undefined) {
    if (!isFetchableUrl(jwksUri, identifiers)) return { problem: 'its jwks_uri does not have the accepted form' }
    found.push({ jwksUri })
  }
  return { found }
}

/** The members that define a public key (RFC 7638 §3.2). */
const keyMembers = ['kty', 'crv', 'x', 'y', 'n', 'e'] as const

function fingerprintOf(name: string, redirectUris: readonly string[], keys: ClientKeys | undefined): string {
  const hosts = new Set(redirectUris.map(redirectHost))
  return hashSecret(JSON.stringify([name, [...hosts].sort(), keys ? namesOfKeys(keys) : []]))
}

// Only what defines a key counts: neither the order of the set nor the names of its keys.
function namesOfKeys(keys: ClientKeys): string[] {
  if ('jwksUri' in keys) return [keys.jwksUri]
  return keys.jwks.keys.map((key) => JSON.stringify(keyMembers.map((member) => (key as Metadata)[member]))).sort()
}

function stringsIn(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((each) => typeof each === 'string') : []
}
