import { timingSafeEqual } from 'node:crypto'
import type { ConsentLink, ConsentTransport } from '../../http/consent-transport.js'
import { hashSecret, type MintedSecrets } from '../../secrets/server-keys.js'
import type { AuthRequest } from '../../storage/api/storage.js'
import { oauthName, paths } from './names.js'
import { isLoopbackRedirect } from './redirects.js'

/** Hashes a secret so that it can never be found as a secret of another edition. */
export function hashOAuthSecret(kind: 'request' | 'code' | 'refresh', secret: string): string {
  return hashSecret(`${oauthName} ${kind}\n${secret}`)
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
    isAlive: ({ codeRedeemable }) => codeRedeemable,
    reachesOnlyAgent: isOnOwnHost,
    addressOf: (request, decision) =>
      redirectTo(request, issuer, decision.allowed ? { code: codeOf(secrets, request) } : denied(decision.why)),
  }
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

/** Whether the response reaches only the client's own host: not a program on the device, and no other host. */
function isOnOwnHost({ redirectUri, agent }: AuthRequest): boolean {
  if (redirectUri === null || isLoopbackRedirect(redirectUri) || !agent.startsWith('https://')) return false
  const { protocol, host } = new URL(redirectUri)
  return protocol === 'https:' && host === new URL(agent).host
}

type RedirectError = 'access_denied' | 'invalid_request' | 'unsupported_response_type' | 'invalid_target'

/** An error that the client learns through the redirect. */
interface RedirectedError {
  error: RedirectError
  description: string
}

function denied(description: string): RedirectedError {
  return { error: 'access_denied', description }
}

/**
 * Returns the redirect to a client, with `state` exactly as it was sent and `iss` in every case (RFC 9207). The redirect URI was
 * verified when the request was stored.
 */
export function redirectTo(
  { redirectUri, state }: Pick<AuthRequest, 'redirectUri' | 'state'>,
  issuer: string,
  outcome: { code: string } | RedirectedError,
): string {
  if (redirectUri === null) throw new TypeError('a request without a redirect URI has no redirect response')
  const answer = new URLSearchParams('code' in outcome ? { code: outcome.code } : { error: outcome.error })
  if (state !== null) answer.set('state', state)
  answer.set('iss', issuer)
  if ('description' in outcome) answer.set('error_description', outcome.description.replaceAll(/[^\x20-\x7e]/g, '?'))
  return `${redirectUri}${redirectUri.includes('?') ? '&' : '?'}${answer.toString()}`
}
