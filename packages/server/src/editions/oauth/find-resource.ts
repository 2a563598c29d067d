import { type IdentifierOptions, isFetchableUrl } from 'countersign/discovery'
import { parseScope } from 'countersign/editions'
import { cleanText } from '../../lib/plain-text.js'
import { isIdentityScope } from '../../lib/policy.js'
import { canonicalResource, metadataUrlOf, sameResource } from '../../lib/resource-id.js'
import { createFetchedDocuments, type DocumentFetchOptions, type FetchCaller } from './fetched-documents.js'
import { isObject, type Metadata } from './json.js'
import { OAuthProblem } from './oauth-problem.js'
import { isAt } from './redirects.js'

/** A protected resource that accepts this server's tokens. The words in it are the resource's own, unverified. */
export interface OAuthResource {
  /** The string in the resource's own document: the only one to store, and the `aud` of its tokens. */
  id: string
  /** The host, with its port. */
  host: string
  /** One visible line of at most 80 characters. */
  name: string | undefined
  /** `scopes_supported`: what a request without a known scope requests. May be empty. */
  initialScopes: readonly string[]
  /** All known scopes, at least one: those in `scopes_supported` and those with a description. Others are dropped. */
  scopes: readonly string[]
  /** Words for the page, by scope. */
  scopeDescriptions: Readonly<Record<string, string>>
}

/** Options of {@link createResourceFinder}. */
export interface ResourceFinderOptions extends DocumentFetchOptions {
  /** This server. A resource must name exactly this string in `authorization_servers`. */
  issuer: string
  /**
   * Resources that are read from the operator's file instead of their own metadata, such as those that this server cannot reach or that
   * have its origin; see {@link readListedResource}. @default none
   */
  internal?: readonly OAuthResource[] | undefined
  /** The only other resources that may be used. @default any that names this server */
  only?: readonly string[] | undefined
  identifiers?: IdentifierOptions | undefined
}

/** Finds resources by the `resource` that a client sends. */
export interface ResourceFinder {
  /**
   * Finds the resource that a client names, through its protected resource metadata (RFC 9728). The metadata must contain the same
   * `resource`, and this server: otherwise, anyone could make a page show the name of any server.
   *
   * @throws OAuthProblem `resource_unknown`, `resource_not_fetched`, `resource_unreachable`, `resource_invalid`, `resource_not_ours`,
   *   `too_many_fetches`
   */
  find(resource: string, caller: FetchCaller): Promise<OAuthResource>
}

const cacheAge = 300
const maxName = 80
const maxScopes = 256

/** Creates a resource finder with its own cache, in which a document stays for 5 minutes. */
export function createResourceFinder(options: ResourceFinderOptions): ResourceFinder {
  const { issuer, internal = [], only, identifiers } = options
  const ages = { min: cacheAge, max: cacheAge, lastCopy: 0 }
  const documents = createFetchedDocuments<OAuthResource>({ ...options, what: 'resource', ages, isProvenByToken: true })
  const allowed = only && new Set(only.map(canonicalResource))
  const byCanonical = new Map(internal.map((each) => [canonicalResource(each.id), each]))

  function urlOf(resource: string): string {
    const url = metadataUrlOf(resource)
    if (!isFetchableUrl(url, identifiers)) throw unknown('The resource is not the https URL of a resource.')
    if (isAt(issuer, url))
      throw unknown(`${resource} is at this server’s own origin: list its metadata in oauth.resources.`)
    if (allowed && !allowed.has(canonicalResource(resource)))
      throw unknown(
        `oauth.onlyResources does not contain ${resource}: add it, or list its metadata in oauth.resources.`,
      )
    return url
  }

  return {
    async find(resource, caller) {
      const known = byCanonical.get(canonicalResource(resource))
      if (known) return known
      const url = urlOf(resource)
      const read = (document: unknown) => readResourceDocument(resource, issuer, document)
      return (await documents.find({ url, read }, caller)).value
    },
  }
}

/**
 * Reads protected resource metadata (RFC 9728 §2), with our member `scope_descriptions`. Unknown members are ignored.
 *
 * @param resource the identifier for which the document was fetched
 * @param issuer the server that the resource must accept
 * @throws OAuthProblem `resource_invalid`, `resource_not_ours`
 */
export function readResourceDocument(resource: string, issuer: string, document: unknown): OAuthResource {
  const read = readListedResource(document)
  if (!sameResource(read.id, resource)) throw invalid('its resource is not the one it was fetched for')
  const { authorization_servers: servers } = document as Metadata
  if (Array.isArray(servers) && servers.includes(issuer)) return read
  throw new OAuthProblem('resource_not_ours', `The authorization_servers of ${read.id} do not contain ${issuer}.`)
}

/**
 * Reads a resource from the operator's file, which has the members of its metadata and need not name this server.
 *
 * @throws OAuthProblem `resource_invalid`
 */
export function readListedResource(document: unknown): OAuthResource {
  if (!isObject(document)) throw invalid('it is not a JSON object')
  const { resource: id, resource_name: name } = document
  if (typeof id !== 'string' || canonicalResource(id) === undefined)
    throw invalid('its resource is not an absolute URL without fragment')
  const scopeDescriptions = descriptionsIn(document.scope_descriptions)
  const initialScopes = scopesIn(document.scopes_supported)
  const scopes = [...new Set([...initialScopes, ...Object.keys(scopeDescriptions)])]
  if (scopes.length === 0) throw invalid('it names no scope, so there is nothing to allow')
  if (scopes.length > maxScopes) throw invalid(`it names more than ${maxScopes} scopes`)
  const cleaned = typeof name === 'string' ? cleanText(name, maxName) : ''
  return {
    id,
    host: new URL(id).host,
    name: cleaned === '' ? undefined : cleaned,
    initialScopes,
    scopes,
    scopeDescriptions,
  }
}

function scopesIn(value: unknown): string[] {
  return Array.isArray(value) ? [...new Set(value.filter(isResourceScope))] : []
}

function descriptionsIn(value: unknown): Record<string, string> {
  if (!isObject(value)) return {}
  const entries = Object.entries(value).filter(
    (entry): entry is [string, string] => isResourceScope(entry[0]) && typeof entry[1] === 'string',
  )
  return Object.fromEntries(entries)
}

/** Whether a value is one scope of a resource. The scopes of OpenID Connect are not: they would disclose who the user is. */
function isResourceScope(value: unknown): value is string {
  if (typeof value !== 'string' || isIdentityScope(value) || value === 'offline_access') return false
  return parseScope(value)?.[0] === value
}

function unknown(message: string): OAuthProblem {
  return new OAuthProblem('resource_unknown', message)
}

function invalid(reason: string): OAuthProblem {
  return new OAuthProblem('resource_invalid', `The resource’s metadata is refused: ${reason}.`)
}
