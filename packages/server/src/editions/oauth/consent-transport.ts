import { timingSafeEqual } from 'node:crypto'
import type { ConsentLink, ConsentTransport, LinkedAsker } from '../../http/consent-transport.js'
import { isLoopback } from '../../lib/policy.js'
import { canonicalResource } from '../../lib/resource-id.js'
import { hashSecret, type MintedSecrets } from '../../secrets/server-keys.js'
import type { AuthRequest } from '../../storage/api/storage.js'
import { consentRedirect, isOnOwnHost } from '../consent-redirect.js'
import { isClientName, oauthName, paths } from './names.js'
import { asciiOf } from './refusals.js'

/** Hashes a secret so that it can never be found as a secret of another edition. */
export function hashOAuthSecret(kind: 'request' | 'code' | 'refresh', secret: string): string {
  return hashSecret(`${oauthName} ${kind}\n${secret}`)
}

/** How long the code for a web page can be redeemed, in seconds. A code for loopback can be pasted elsewhere, so it lasts only as usual. */
const webCodeLifetime = 300

function isWebPage(redirectUri: string): boolean {
  return redirectUri.startsWith('https:') && !isLoopback(redirectUri)
}

/** Redirects to a client. Its `state` comes back as it was encoded in the request, whatever bytes it stands for. */
export function clientRedirect(
  { redirectUri, state }: Pick<AuthRequest, 'redirectUri' | 'state'>,
  issuer: string,
  outcome: Parameters<typeof consentRedirect>[2],
): string {
  const url = new URL(consentRedirect({ redirectUri, state: null }, issuer, outcome))
  if (state !== null) url.search += `&state=${state}`
  return url.href
}

/** The transport in which the user arrives from the authorization endpoint, and returns to the client with a code. */
export function createOAuthTransport(issuer: string, secrets: MintedSecrets): ConsentTransport {
  return {
    path: paths.consent,
    async readLink(parameters) {
      const ticket = parameters.get('authorization')
      if (ticket === undefined) return undefined
      return ticket.length > 256 ? 'request_unknown' : linkTo(ticket)
    },
    handleHashOf: (request) => hashOAuthSecret('code', codeOf(secrets, request)),
    handleLifetimeOf: ({ redirectUri }) =>
      redirectUri !== null && isWebPage(redirectUri) ? webCodeLifetime : undefined,
    isAlive: ({ codeRedeemable }) => codeRedeemable,
    reachesOnlyAgent: isOnOwnHost,
    addressOf(request, decision) {
      const outcome = decision.allowed
        ? { code: codeOf(secrets, request) }
        : { error: 'access_denied', description: asciiOf(decision.why) }
      return clientRedirect(request, issuer, outcome)
    },
    askerAt: (url) => (url.pathname === paths.authorize ? askerOf(url) : undefined),
  }
}

/**
 * Who an authorization request says it comes from, and for which resource, for the sign-in page. Nothing about it is verified, so only the
 * origin of the client counts. A client that has a name instead is left out. If the request has no usable client or resource, or two of
 * them, so is everything.
 */
function askerOf({ searchParams }: URL): LinkedAsker {
  const [client, ...otherClients] = searchParams.getAll('client_id')
  const [named, ...otherResources] = searchParams.getAll('resource')
  const resource = named === undefined ? undefined : canonicalResource(named)
  const agent = client === undefined ? undefined : originOf(client)
  const isUsable = agent !== undefined || (client !== undefined && isClientName(client))
  const isComplete = isUsable && resource !== undefined && otherClients.length + otherResources.length === 0
  return isComplete ? { agent, resource } : { agent: undefined, resource: undefined }
}

function originOf(text: string): string | undefined {
  if (!/^https?:\/\//.test(text) || !URL.canParse(text)) return undefined
  const { origin, username, password } = new URL(text)
  return username === '' && password === '' ? origin : undefined
}

/**
 * Returns the code for a request, which is always the same. It contains the request's id, so that {@link isCodeOf} needs no storage, and
 * differs from what another edition derives from the same id.
 */
function codeOf(secrets: MintedSecrets, { id, agent }: Pick<AuthRequest, 'id' | 'agent'>): string {
  return `${secrets.codeOf(`${oauthName} ${id} ${agent}`)}.${id}`
}

/** Whether this server derived a code for a client. Only the storage knows whether it can still be redeemed. */
export function isCodeOf(secrets: MintedSecrets, code: string, clientId: string): boolean {
  const [, id = ''] = code.split('.')
  const [expected, actual] = [Buffer.from(codeOf(secrets, { id, agent: clientId })), Buffer.from(code)]
  return expected.length === actual.length && timingSafeEqual(expected, actual)
}

/** Returns the link to a stored request's consent page. */
export function linkTo(ticket: string): ConsentLink {
  const fields = { authorization: ticket }
  return {
    edition: oauthName,
    tokenHash: hashOAuthSecret('request', ticket),
    redirectUri: undefined,
    // Stored with the request.
    state: undefined,
    path: `${paths.consent}?${new URLSearchParams(fields).toString()}`,
    fields,
    displayCode: undefined,
  }
}
