import { createFetchBudget, documentResponse } from 'countersign/discovery'
import type { NonceClaim } from 'countersign/signatures'
import type { ServerContext } from '../../http/context.js'
import type { Endpoint, Route } from '../../http/route.js'
import type { SigningKeys } from '../../secrets/server-keys.js'
import { type StoredKeysOptions, storedSigningKeys } from '../../secrets/stored-keys.js'
import type { ServerEdition } from '../edition.js'
import { createAuthorizationEndpoint, type OAuthDocuments } from './authorize.js'
import { assertionAlgorithms } from './client-assertion.js'
import { type AuthenticateClient, authenticateClient } from './client-authentication.js'
import { type Client, clientAuthMethods, isClientUrl, readClientDocument } from './client-document.js'
import { createOAuthTransport } from './consent-transport.js'
import type { DocumentFetchOptions } from './fetched-documents.js'
import { type ClientFinder, createClientFinder } from './find-client.js'
import { createKeySetFinder, type FindKeySet } from './find-key-set.js'
import { createResourceFinder, type OAuthResource, readListedResource } from './find-resource.js'
import { oauthName, paths } from './names.js'
import { OAuthProblem } from './oauth-problem.js'
import { ownTrouble } from './own-trouble.js'
import { writeOAuthRefusal } from './refusals.js'
import { createRevocationEndpoint } from './revocation-endpoint.js'
import { createTokenEndpoint } from './token-endpoint.js'

/** The OAuth edition of an auth server, for MCP clients that do not sign their requests. */
export interface OAuthOptions {
  /** The edition's own signing keys, which sign nothing else, such as `await storedOAuthKeys({ storage, masterKey })`. */
  keys: SigningKeys
  /** Client documents to use instead of those at the URLs in their `client_id`, which are then not fetched. @default none */
  clients?: readonly object[] | undefined
  /** Protected resource metadata (RFC 9728) of resources from which this server cannot fetch it. @default none */
  resources?: readonly object[] | undefined
  /** The only other resources that may be used. @default any whose metadata names this server */
  onlyResources?: readonly string[] | undefined
  /** The resource of requests that name none. @default such requests are refused */
  defaultResource?: string | undefined
}

/**
 * OAuth 2.1 for MCP clients: authorization code with PKCE for public clients whose id is the URL of their document. Access tokens are bearer
 * tokens: they work for anyone who has them.
 *
 * @throws TypeError for a document that cannot be used
 * @example
 * ```ts
 * const server = createAuthServer({ issuer, keys, storage }, januaryServer, oauthEdition({ keys: oauthKeys }))
 * ```
 */
export function oauthEdition(options: OAuthOptions): ServerEdition {
  const { keys } = options
  const clients = options.clients?.map(readListedClient)
  const resources = options.resources?.map(readListed)
  return {
    name: oauthName,
    hasFamilies: true,
    createTransport: createOAuthTransport,
    endpoints(context) {
      const fetching = fetchOptions(context)
      const documents = documentsFor(context, fetching, { ...options, clients, resources })
      const authenticate = authenticationFor(context, fetching, documents.clients)
      const { pathname: issuerPath } = new URL(context.issuer)
      const form = (path: string, endpoint: Endpoint): Route => ({
        path,
        caller: 'agent',
        writeRefusal: writeOAuthRefusal,
        methods: { POST: endpoint, OPTIONS: preflight },
      })
      const document = (path: string, write: () => Response | Promise<Response>): Route => ({
        path,
        caller: 'agent',
        writeRefusal: writeOAuthRefusal,
        isLight: true,
        methods: { GET: async () => withCors(await write()), OPTIONS: preflight },
      })
      return [
        document(`/.well-known/oauth-authorization-server${issuerPath === '/' ? '' : issuerPath}`, () =>
          documentResponse(metadataOf(context)),
        ),
        document(paths.keys, async () => documentResponse({ keys: await keys.publicKeys() })),
        { path: paths.authorize, caller: 'browser', methods: { GET: createAuthorizationEndpoint(context, documents) } },
        form(paths.token, createTokenEndpoint(context, { keys, authenticate, resources: documents.resources })),
        form(paths.revoke, createRevocationEndpoint(context, { keys, authenticate })),
      ]
    },
  }
}

/**
 * The edition's own keys in the database, which are stored and rotated like those of `storedKeys`. Rotate them with the `edition` option of
 * `rotateKeys` and `startKeyRotation`.
 *
 * @throws KeyError `master_key_wrong` if the stored keys cannot be decrypted; `no_active_key` if one of them is missing
 * @throws TypeError if the master key is not 32 bytes
 */
export function storedOAuthKeys(options: StoredKeysOptions): Promise<SigningKeys> {
  return storedSigningKeys(options, { edition: oauthName, alg: 'ES256' })
}

function fetchOptions({ fetch, now, fetchLimits }: ServerContext): DocumentFetchOptions {
  return { fetch, now, budget: createFetchBudget(fetchLimits, now), failureTime: fetchLimits.failureTime }
}

/** The options, with the operator's documents as they are read. */
type ListedOptions = Pick<OAuthOptions, 'onlyResources' | 'defaultResource'> & {
  clients: readonly Client[] | undefined
  resources: readonly OAuthResource[] | undefined
}

function readListedClient(document: object, at: number): Client {
  const { client_id: id } = document as { client_id?: unknown }
  if (!isClientUrl(id)) throw new TypeError(`oauthEdition: clients[${at}].client_id must be an https URL with a path`)
  const read = readClientDocument(id, document)
  if ('problem' in read) throw new TypeError(`oauthEdition: clients[${at}] cannot be used: ${read.problem}`)
  return read.client
}

function readListed(document: object, at: number): OAuthResource {
  try {
    return readListedResource(document)
  } catch (cause) {
    throw new TypeError(`oauthEdition: resources[${at}]: ${(cause as Error).message}`, { cause })
  }
}

function documentsFor(
  { issuer, identifiers, workload }: ServerContext,
  fetching: DocumentFetchOptions,
  { clients, resources, onlyResources, defaultResource }: ListedOptions,
): OAuthDocuments {
  return {
    // A request holds no slot while a document is fetched.
    clients: workload.aside(createClientFinder({ ...fetching, issuer, identifiers, registered: clients })),
    resources: workload.aside(
      createResourceFinder({ ...fetching, issuer, identifiers, internal: resources, only: onlyResources }),
    ),
    defaultResource,
  }
}

function authenticationFor(
  { issuer, now, storage }: ServerContext,
  fetching: DocumentFetchOptions,
  clients: ClientFinder,
): AuthenticateClient {
  const findKeySet = createKeySetFinder(fetching)
  const server = {
    issuer,
    tokenEndpoint: issuer + paths.token,
    now,
    findClient: (id: string, remoteAddress: string | undefined) => knownClient(clients, id, remoteAddress),
    findKeySet: (...asked: Parameters<FindKeySet>) => ownTrouble(() => findKeySet(...asked)),
    claimNonce: (claim: NonceClaim) => storage.claimNonce(claim),
  }
  return (request) => authenticateClient(server, request)
}

/** Returns a client; undefined if there is none with that id. */
async function knownClient(clients: ClientFinder, id: string, remoteAddress: string | undefined) {
  return ownTrouble(async () => {
    try {
      return await clients.find(id, { mayFetch: true, remoteAddress })
    } catch (error) {
      if (error instanceof OAuthProblem && isUnusable.has(error.code)) return undefined
      throw error
    }
  })
}

const isUnusable: ReadonlySet<string> = new Set(['client_unknown', 'client_invalid'])

/**
 * The authorization server metadata (RFC 8414). `scopes_supported` is absent, because some clients request everything it
 * lists.
 */
function metadataOf({ issuer }: ServerContext): object {
  return {
    issuer,
    authorization_endpoint: issuer + paths.authorize,
    token_endpoint: issuer + paths.token,
    revocation_endpoint: issuer + paths.revoke,
    jwks_uri: issuer + paths.keys,
    response_types_supported: ['code'],
    response_modes_supported: ['query'],
    grant_types_supported: ['authorization_code', 'refresh_token'],
    code_challenge_methods_supported: ['S256'],
    token_endpoint_auth_methods_supported: clientAuthMethods,
    token_endpoint_auth_signing_alg_values_supported: assertionAlgorithms,
    revocation_endpoint_auth_methods_supported: clientAuthMethods,
    revocation_endpoint_auth_signing_alg_values_supported: assertionAlgorithms,
    authorization_response_iss_parameter_supported: true,
    client_id_metadata_document_supported: true,
  }
}

const cors = {
  'access-control-allow-origin': '*',
  'access-control-allow-methods': 'GET, POST, OPTIONS',
  'access-control-allow-headers': 'content-type, authorization, accept, mcp-protocol-version',
  'access-control-max-age': '86400',
}

/** Responds to a preflight request of a client in a browser. No credentials are allowed. */
function preflight(): Response {
  return new Response(null, { status: 204, headers: cors })
}

function withCors(response: Response): Response {
  response.headers.set('access-control-allow-origin', '*')
  return response
}
