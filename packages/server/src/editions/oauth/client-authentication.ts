import { type NonceClaim, nonceSource, type VerificationKey } from 'countersign/signatures'
import { decodeToken } from 'countersign/tokens'
import { hashSecret } from '../../secrets/server-keys.js'
import {
  type Assertion,
  type AssertionAudience,
  type ClientKeySet,
  readAssertion,
  refused,
  requireSignature,
} from './client-assertion.js'
import { type Client, type ClientAuthMethod, maxIdLength } from './client-document.js'
import { BasicRefusal, oauthError } from './refusals.js'

/** What a client's document says about its authentication. */
export interface AuthenticatingClient extends Pick<Client, 'authMethods' | 'keys' | 'refreshes'> {
  /** Whether the document has expired and could not be fetched again: its key set is then not fetched either. */
  isStale?: boolean
}

/** Options of {@link authenticateClient}. */
export interface ClientAuthenticationOptions extends AssertionAudience {
  /** Finds a client; undefined if the id does not name a usable client. Any error it throws is passed on. */
  findClient: (clientId: string, remoteAddress: string | undefined) => Promise<AuthenticatingClient | undefined>
  /** Finds the key set at a `jwks_uri`; undefined if what is published there is not a key set. Any error it throws is passed on. */
  findKeySet: (
    jwksUri: string,
    caller: { mayFetch: boolean; remoteAddress: string | undefined; holdsToken: boolean },
  ) => Promise<ClientKeySet | undefined>
  /** Claims the `jti` of an assertion, across all instances. Returns true the first time. Any error it throws is passed on. */
  claimNonce: (claim: NonceClaim) => Promise<boolean>
}

/** A request of a client. */
export interface ClientRequest {
  /** The parameters, without empty ones. */
  form: ReadonlyMap<string, string>
  headers: Pick<Headers, 'get'>
  /** The client's address, by which fetches and stored assertions are limited. */
  ip?: string | undefined
}

/** A client, and how it authenticated. With `none`, the client's identity is not proven. */
export interface AuthenticatedClient {
  clientId: string
  method: ClientAuthMethod
  /** Whether the client can use refresh tokens. */
  refreshes: boolean
}

/** An {@link authenticateClient} with its options. */
export type AuthenticateClient = (request: ClientRequest) => Promise<AuthenticatedClient>

/** How long a `jti` is stored after the assertion has expired, in seconds, because another instance's clock may be behind. */
const claimMargin = 60

/**
 * Authenticates the client of a form for the token or revocation endpoint (RFC 6749 §2.3, RFC 7523 §3). An assertion
 * that is sent must be valid, even if the client may use `none`. Its `jti` is claimed last.
 *
 * Does not check whether the client is blocked, or whether it used the same method when it redeemed its code.
 *
 * @throws AAuthError from `oauthError`: `invalid_client`, or `invalid_request` if the form does not identify a client
 */
export async function authenticateClient(
  options: ClientAuthenticationOptions,
  { form, headers, ip }: ClientRequest,
): Promise<AuthenticatedClient> {
  refuseSecrets(form, headers)
  const assertion = readAssertion(form, options)
  const clientId = assertion?.clientId ?? form.get('client_id')
  if (clientId === undefined) throw oauthError('invalid_request', 'The parameter client_id is missing.')
  if (clientId.length > maxIdLength) throw oauthError('invalid_client', 'The client_id is too long.')
  const client = await options.findClient(clientId, ip)
  if (!client) throw oauthError('invalid_client', 'The client_id does not name a usable client.')
  const method = assertion ? 'private_key_jwt' : 'none'
  if (!client.authMethods.has(method)) {
    const allowed = [...client.authMethods].join()
    throw oauthError('invalid_client', `The client's metadata does not allow ${method}: use ${allowed}.`)
  }
  if (assertion) {
    const key = await requireSignature(assertion, await requireKeys(options, client, ip))
    await requireUnused(options, assertion, key, ip)
  }
  return { clientId, method, refreshes: client.refreshes }
}

/** The client that a form names, in itself or in its assertion, which is not verified. */
export function clientIn(form: ClientRequest['form']): string {
  const named = form.get('client_id') ?? decodeToken(form.get('client_assertion') ?? '')?.payload.sub
  if (typeof named !== 'string') throw oauthError('invalid_request', 'The parameter client_id is missing.')
  return named
}

function refuseSecrets(form: ClientRequest['form'], headers: ClientRequest['headers']): void {
  const remedy = 'there are no client secrets, so use none or private_key_jwt'
  if (/^basic(?:\s|$)/i.test(headers.get('authorization') ?? ''))
    throw new BasicRefusal(`HTTP Basic authentication is not supported: ${remedy}.`)
  if (form.has('client_secret')) throw oauthError('invalid_client', `client_secret is not supported: ${remedy}.`)
}

async function requireKeys(
  { findKeySet }: ClientAuthenticationOptions,
  { keys, isStale }: AuthenticatingClient,
  remoteAddress: string | undefined,
): Promise<ClientKeySet> {
  if (!keys) throw refused('the client has no keys')
  if ('jwks' in keys) return { keys: keys.jwks.keys }
  const set = await findKeySet(keys.jwksUri, { mayFetch: !isStale, remoteAddress, holdsToken: true })
  if (!set) throw refused('there is no key set at the jwks_uri of the client')
  return isStale ? { keys: set.keys } : set
}

/** Claims the `jti`, which only its client can use up: the signature has been verified (RFC 7523 §3 item 7). */
async function requireUnused(
  { claimNonce, now }: ClientAuthenticationOptions,
  { clientId, jti, expiresAt }: Assertion,
  { thumbprint }: VerificationKey,
  remoteAddress: string | undefined,
): Promise<void> {
  const isUnused = await claimNonce({
    key: hashSecret(`oauth assertion\n${JSON.stringify([clientId, jti])}`),
    source: nonceSource({ agent: clientId, thumbprint, remoteAddress }),
    lifetime: Math.ceil(expiresAt - now()) + claimMargin,
  })
  if (!isUnused) throw refused('its jti has already been used')
}
