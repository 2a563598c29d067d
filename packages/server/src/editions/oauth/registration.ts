import { randomBytes } from 'node:crypto'
import { AAuthError } from 'countersign'
import { networkOf } from 'countersign/node'
import type { RegistrationSettings } from '../../config/oauth-settings.js'
import type { ServerContext } from '../../http/context.js'
import type { Arrival } from '../../http/route.js'
import { hashSecret } from '../../secrets/server-keys.js'
import { secondsUntil } from '../../storage/api/throttle-storage.js'
import { type Client, readClientMetadata } from './client-document.js'
import { isJson, isObject, parseJson } from './json.js'
import { selfRegisteredPrefix } from './names.js'
import { isUsableRedirect, maxRedirectUris } from './redirects.js'
import { oauthError } from './refusals.js'

const day = 86_400

const limits = {
  bytes: 16_384,
  redirectUris: 20,
  /** How many clients are stored at once. */
  clients: 10_000,
  /** How many of a user's clients count as in use: those that the user allowed last. */
  clientsPerUser: 100,
  /** How long a client is stored until it redeems a code, in seconds. */
  unused: day,
  /** How long a client is stored after it last redeemed a code or refresh token: longer than a refresh token may be unused. */
  used: 31 * day,
  hour: 3600,
}

/**
 * How many clients may register within an hour. The first ones of each network (IPv4 /24, IPv6 /48) are counted apart from its further ones,
 * so that a neighbor does not use up what others need. There is no limit on all networks together, which an attacker with many networks could
 * use up: the number of stored clients is limited instead.
 */
const rates = {
  first: { site: 2, provider: 60 },
  further: { site: 18, provider: 300 },
}

/** Dynamic client registration (RFC 7591), for clients that have no document. Registered clients are in the database. */
export interface Registration {
  /** Finds a client that registered itself; undefined if there is none with this id, or it has expired. */
  readonly find: (id: string) => Promise<Client | undefined>
  /** Extends the registration of a client that redeems a code or a refresh token. */
  readonly extend: (id: string) => Promise<void>
  /** `POST /oauth/register` */
  readonly register: (arrival: Arrival) => Promise<Response>
}

/** Creates the registration of clients. */
export function createRegistration(
  context: ServerContext,
  { redirectUris: allowed = [] }: RegistrationSettings,
): Registration {
  const { storage, now } = context
  return {
    async find(id) {
      if (!id.startsWith(selfRegisteredPrefix)) return undefined
      const found = await storage.findRegisteredClient(id)
      const read = found && readClientMetadata(id, found.metadata, {}, 'itself')
      if (!read || !('client' in read)) return undefined
      // The operator may have removed a URI since.
      const redirectUris = read.client.redirectUris.filter((uri) => mayBeUsed(uri, allowed))
      return redirectUris.length === 0 ? undefined : { ...read.client, redirectUris }
    },
    async extend(id) {
      if (!id.startsWith(selfRegisteredPrefix)) return
      const found = await storage.findRegisteredClient(id)
      if (found && found.expiresAt < now() + limits.used - day)
        await storage.extendRegisteredClient({ id, lifetime: limits.used })
    },
    async register({ request, received }) {
      if (!isJson(request.headers.get('content-type')))
        throw invalid('The body must be JSON, with the content type application/json.')
      const sent = parseJson(await received.body(limits.bytes))
      const metadata = readRegistration(sent, allowed)
      await requireRates(context, received.remoteAddress)
      const id = selfRegisteredPrefix + newId()
      await storage.registerClient({
        id,
        metadata,
        network: networkName(received.remoteAddress, 'provider'),
        lifetime: limits.unused,
        most: limits.clients,
        mostPerUser: limits.clientsPerUser,
      })
      return Response.json(
        { client_id: id, client_id_issued_at: Math.floor(now()), ...metadata },
        { status: 201, headers: { 'cache-control': 'no-store' } },
      )
    },
  }
}

/** A random id of 80 bits, in letters and digits that can be told apart. */
function newId(): string {
  const alphabet = 'abcdefghijkmnpqrstuvwxyz23456789'
  return Array.from(randomBytes(16), (byte) => alphabet[byte % alphabet.length]).join('')
}

/**
 * Reads the metadata of a client that registers itself. Redirect URIs that it may not use are left out, and so is everything that this
 * server does not use.
 *
 * @throws AAuthError `invalid_redirect_uri` or `invalid_client_metadata`, from `oauthError`
 */
function readRegistration(sent: unknown, allowed: readonly string[]): Record<string, unknown> {
  if (!isObject(sent)) throw invalid('The body must be a JSON object.')
  const { redirect_uris: uris, token_endpoint_auth_method: method = 'none' } = sent
  if (method !== 'none') throw invalid('token_endpoint_auth_method must be none: there are no client secrets.')
  const listed: unknown[] = Array.isArray(uris) ? uris : []
  const usable = [...new Set(listed.slice(0, maxRedirectUris).filter(isUsableRedirect))].filter((uri) =>
    mayBeUsed(uri, allowed),
  )
  if (listed.length > maxRedirectUris || usable.length > limits.redirectUris)
    throw oauthError('invalid_redirect_uri', `redirect_uris may contain at most ${limits.redirectUris} URLs.`)
  if (usable.length === 0) {
    const others = allowed.length === 0 ? '' : `, or ${allowed.join(' or ')}`
    throw oauthError('invalid_redirect_uri', `redirect_uris must contain an http URL on loopback${others}.`)
  }
  const read = readClientMetadata(selfRegisteredPrefix, { ...sent, redirect_uris: usable }, {}, 'itself')
  if ('problem' in read) throw invalid(`The client cannot be registered: ${read.problem}.`)
  return {
    client_name: read.client.name,
    redirect_uris: usable,
    grant_types: ['authorization_code', ...(read.client.refreshes ? ['refresh_token'] : [])],
    response_types: ['code'],
    token_endpoint_auth_method: 'none',
  }
}

function mayBeUsed(uri: string, allowed: readonly string[]): boolean {
  return uri.startsWith('http:') || allowed.includes(uri)
}

function invalid(description: string): AAuthError {
  return oauthError('invalid_client_metadata', description)
}

function tooMany(description: string, retryAfter: number): AAuthError {
  return new AAuthError('too_many_requests', description, { retryAfter })
}

/** @throws AAuthError `too_many_requests` */
async function requireRates(context: ServerContext, ip: string | undefined): Promise<void> {
  const { storage, now } = context
  if (!(await storage.countWithinLimits(limitsOn('first', context, ip)))) return
  const reached = await storage.countWithinLimits(limitsOn('further', context, ip))
  if (reached) throw tooMany('Too many clients register.', secondsUntil(reached.resetAt, now()))
}

function limitsOn(which: keyof typeof rates, { rateFactor }: ServerContext, ip: string | undefined) {
  const { site, provider } = rates[which]
  const limit = (source: string, most: number) => ({
    key: hashSecret(`oauth registrations, ${which} ${source}`),
    window: limits.hour,
    most: most * rateFactor,
  })
  const ofProvider = limit(`from provider ${networkName(ip, 'provider')}`, provider)
  return ip === undefined ? [ofProvider] : [limit(`from ${networkName(ip, 'site')}`, site), ofProvider]
}

/** The network of an address; empty if the address is unknown, as it is to a server that is called without one. */
function networkName(ip: string | undefined, size: 'site' | 'provider'): string {
  return ip === undefined ? '' : networkOf(ip, size)
}
