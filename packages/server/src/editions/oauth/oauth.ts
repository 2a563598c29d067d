/**
 * OAuth 2.1 for MCP clients, as an edition of the auth server.
 *
 * @packageDocumentation
 */

import { createFetchBudget } from 'countersign/discovery'
import { accessTokenType, readForm, requireParameter } from 'countersign/editions'
import type { NonceClaim } from 'countersign/signatures'
import { HostRates } from '../../admission/rate-limit.js'
import type { OAuthSettings } from '../../config/oauth-settings.js'
import type { ServerContext } from '../../http/context.js'
import { type Arrival, documentRoute, type Endpoint, type Route } from '../../http/route.js'
import { requireSeparateKeys, type ServerKeys, type SigningKeys } from '../../secrets/server-keys.js'
import { type StoredKeysOptions, storedSigningKeys } from '../../secrets/stored-keys.js'
import type { ServerEdition } from '../edition.js'
import { readAccessToken } from './access-token.js'
import { createAuthorizationEndpoint, type OAuthDocuments } from './authorize.js'
import { assertionAlgorithms } from './client-assertion.js'
import {
  type AuthenticateClient,
  type AuthenticatedClient,
  authenticateClient,
  clientIn,
} from './client-authentication.js'
import { clientAuthMethods } from './client-document.js'
import { createOAuthTransport } from './consent-transport.js'
import type { DocumentFetchOptions } from './fetched-documents.js'
import { type ClientFinder, createClientFinder } from './find-client.js'
import { createKeySetFinder, type FindKeySet } from './find-key-set.js'
import { createResourceFinder } from './find-resource.js'
import { type ListedDocuments, readListedDocuments } from './listed-documents.js'
import { oauthName, paths } from './names.js'
import { OAuthProblem, orUnavailable } from './oauth-problem.js'
import { readToken } from './refresh-token.js'
import { writeOAuthRefusal } from './refusals.js'
import { createRegistration, type Registration } from './registration.js'
import { createTokenEndpoint, maxOAuthForm, type TokenEndpointParts } from './token-endpoint.js'

export { requireUsableOAuth } from './listed-documents.js'

/** The settings of the OAuth edition, and its keys. */
export interface OAuthOptions extends OAuthSettings {
  /** The edition's own signing keys, which sign nothing else, such as `await storedOAuthKeys({ storage, masterKey })`. */
  keys: SigningKeys
}

/**
 * OAuth 2.1 for MCP clients: authorization code with PKCE for public clients whose id is the URL of their document. Access tokens are bearer
 * tokens: they work for anyone who has them.
 *
 * `createAuthServer` throws a TypeError for a document that cannot be used, naming it.
 * @example
 * ```ts
 * const server = createAuthServer({ issuer, keys, storage }, januaryServer, oauthEdition({ keys: oauthKeys }))
 * ```
 */
export function oauthEdition(options: OAuthOptions): ServerEdition {
  return {
    name: oauthName,
    hasFamilies: true,
    createTransport: createOAuthTransport,
    endpoints(context) {
      const fetching = fetchOptions(context)
      const registration = registrationFor(context, options)
      const listed = requireUsable(options, context)
      const documents = documentsFor(context, fetching, { ...options, ...listed, registration })
      const keys = requireSeparateKeys(options.keys, { ...context, others: [...context.signingKeys.values()] })
      const authenticate = authenticationFor(context, fetching, documents.clients)
      const { pathname: issuerPath } = new URL(context.issuer)
      const form = (path: string, endpoint: Endpoint): Route => ({
        path,
        caller: 'agent',
        writeRefusal: writeOAuthRefusal,
        methods: { POST: endpoint },
      })
      const document = (path: string, write: Parameters<typeof documentRoute>[1]): Route => ({
        ...documentRoute(new URL(path, context.issuer).href, write),
        writeRefusal: writeOAuthRefusal,
      })
      return [
        document(`/.well-known/oauth-authorization-server${issuerPath === '/' ? '' : issuerPath}`, () =>
          metadataOf(context, registration),
        ),
        document(paths.keys, async () => ({ keys: await keys.publicKeys() })),
        { path: paths.authorize, caller: 'browser', methods: { GET: createAuthorizationEndpoint(context, documents) } },
        form(paths.token, createTokenEndpoint(context, { keys, authenticate, registration, ...documents })),
        form(paths.revoke, createRevocationEndpoint(context, { keys, authenticate })),
        ...(registration ? [{ ...form(paths.register, registration.register), startsNew: () => true }] : []),
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
  const { failureTime } = fetchLimits
  return { fetch, now, budget: createFetchBudget(fetchLimits, now), hostRates: new HostRates(now), failureTime }
}

function registrationFor(context: ServerContext, { registration = false }: OAuthOptions): Registration | undefined {
  return registration === false ? undefined : createRegistration(context, registration === true ? {} : registration)
}

/** @throws TypeError for documents that cannot be used, and for tokens that live too long */
function requireUsable(options: OAuthOptions, { identifiers, lifetimes }: ServerContext): ListedDocuments {
  const { problems, ...listed } = readListedDocuments(options, identifiers)
  const list = problems.map(({ setting, problem }) => `${setting} ${problem}`)
  const { maxLifetime } = accessTokenType
  if (lifetimes.authToken > maxLifetime)
    list.push(`lifetimes.authToken of createAuthServer must be at most ${maxLifetime}`)
  if (list.length > 0) throw new TypeError(`oauthEdition: ${list.join('; ')}`)
  return listed
}

function documentsFor(
  { issuer, identifiers, workload }: ServerContext,
  fetching: DocumentFetchOptions,
  {
    clients,
    resources,
    onlyResources,
    defaultResource,
    registration,
  }: Omit<OAuthSettings, 'registration'> & ListedDocuments & { registration: Registration | undefined },
): OAuthDocuments {
  return {
    // A request holds no slot while a document is fetched.
    clients: workload.aside(
      createClientFinder({
        ...fetching,
        issuer,
        identifiers,
        registered: clients,
        findSelfRegistered: registration?.find,
      }),
    ),
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
  const findKeySet = createKeySetFinder({ ...fetching, issuer })
  const server = {
    issuer,
    tokenEndpoint: issuer + paths.token,
    now,
    findClient: (id: string, remoteAddress: string | undefined) => knownClient(clients, id, remoteAddress),
    findKeySet: (...parameters: Parameters<FindKeySet>) => orUnavailable(() => findKeySet(...parameters)),
    claimNonce: (claim: NonceClaim) => storage.claimNonce(claim),
  }
  return (request) => authenticateClient(server, request)
}

/** Returns a client; undefined if there is none with that id. */
async function knownClient(clients: ClientFinder, id: string, remoteAddress: string | undefined) {
  return orUnavailable(async () => {
    try {
      return await clients.find(id, { mayFetch: true, remoteAddress, holdsToken: true })
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
function metadataOf({ issuer }: ServerContext, registration: Registration | undefined): object {
  return {
    issuer,
    authorization_endpoint: issuer + paths.authorize,
    token_endpoint: issuer + paths.token,
    revocation_endpoint: issuer + paths.revoke,
    ...(registration && { registration_endpoint: issuer + paths.register }),
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

/**
 * `POST /oauth/revoke` (RFC 7009): revokes the family of a refresh token or access token, that is, the refresh token and all access tokens
 * that were issued with it. The response is the same for a token that is unknown, has expired or belongs to another client.
 */
function createRevocationEndpoint(
  context: ServerContext,
  { keys, authenticate }: Pick<TokenEndpointParts, 'authenticate'> & { keys: Pick<ServerKeys, 'publicKeys'> },
) {
  return async function revoke({ request, received }: Arrival): Promise<Response> {
    const form = readForm(request.headers.get('content-type'), await received.body(maxOAuthForm))
    const token = requireParameter(form, 'token')
    const named = clientIn(form)
    const access = await readAccessToken(context, keys, token)
    const familyFor = (client: Pick<AuthenticatedClient, 'clientId' | 'method'>) =>
      access?.clientId === client.clientId ? access.family : readToken(context.secrets, token, client)?.family
    // The client's document is fetched only for a token that was issued to it.
    if (clientAuthMethods.some((method) => familyFor({ clientId: named, method }) !== undefined)) {
      const client = await authenticate({ form, headers: request.headers, ip: received.remoteAddress })
      const family = familyFor(client)
      if (family !== undefined)
        await context.storage.revokeRefreshToken({ family, agent: client.clientId, delegate: null })
    }
    return new Response(null, { headers: { 'cache-control': 'no-store' } })
  }
}
