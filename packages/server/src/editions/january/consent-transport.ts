import { requestCode } from 'countersign/tokens'
import type { ConsentLink, ConsentTransport } from '../../http/consent-transport.js'
import { hashSecret, type MintedSecrets } from '../../secrets/server-keys.js'
import type { AuthRequest } from '../../storage/api/storage.js'

/** The edition's name in stored requests and grants. */
export const januaryName = 'january'

/** The path of the consent pages. */
export const consentPath = '/agent/auth'
const maxState = 2048

/** The transport in which the user arrives through the agent's link, and returns to the agent with a code (S§9.5). */
export function createConsentTransport(issuer: string, secrets: MintedSecrets): ConsentTransport {
  return {
    path: consentPath,
    async readLink(parameters) {
      const requestToken = parameters.get('request_token')
      // A missing redirect URI is treated like a wrong one: the check that the request is known comes first.
      const redirectUri = parameters.get('redirect_uri') ?? ''
      const state = parameters.get('state')
      if (requestToken === undefined) return undefined
      if (requestToken.length > 256) return 'request_unknown'
      if (state !== undefined && state.length > maxState) return 'bad_form'
      return linkOf({ requestToken, redirectUri, state })
    },
    handleHashOf: ({ id }) => hashSecret(secrets.codeOf(id)),
    isAlive: ({ codeRedeemable }) => codeRedeemable,
    reachesOnlyAgent: isOnOwnHost,
    addressOf(request, decision) {
      const outcome = decision.allowed
        ? { code: secrets.codeOf(request.id) }
        : { error: 'access_denied' as const, description: decision.why }
      return consentRedirect(request, issuer, outcome)
    },
  }
}

// On loopback, any program on the device can receive the response; on another host, someone else would get the code (W22).
function isOnOwnHost({ redirectUri, agent }: AuthRequest): boolean {
  if (redirectUri === null) return false
  const { protocol, host } = new URL(redirectUri)
  return protocol === 'https:' && host === new URL(agent).host
}

interface LinkParts {
  requestToken: string
  redirectUri: string
  state: string | undefined
}

async function linkOf({ requestToken, redirectUri, state }: LinkParts): Promise<ConsentLink> {
  const fields = { request_token: requestToken, redirect_uri: redirectUri }
  const query = new URLSearchParams(fields)
  if (state !== undefined) query.set('state', state)
  return {
    edition: januaryName,
    tokenHash: hashSecret(requestToken),
    redirectUri,
    state,
    path: `${consentPath}?${query.toString()}`,
    fields,
    displayCode: await requestCode(requestToken),
  }
}

/** The only place that builds a redirect to an agent. Its input is the stored request, whose redirect URI was verified (W12). */
export function consentRedirect(
  request: AuthRequest,
  issuer: string,
  outcome: { code: string } | { error: 'access_denied'; description: string },
): string {
  if (request.redirectUri === null) throw new TypeError('a request without a redirect URI has no redirect response')
  const url = new URL(request.redirectUri)
  const answer = new URLSearchParams('code' in outcome ? { code: outcome.code } : { error: outcome.error })
  if (request.state !== null) answer.set('state', request.state)
  answer.set('iss', issuer)
  if ('description' in outcome) answer.set('error_description', outcome.description)
  url.search = [...keptParameters(url.search, answer), answer.toString()].join('&')
  return url.href
}

/** The parameters in the agent's own query, in their original encoding (RFC 6749 §4.1.2), except those that the response sets. */
function keptParameters(search: string, answer: URLSearchParams): string[] {
  const pairs = search.slice(1).split('&')
  return pairs.filter((pair) => pair !== '' && ![...new URLSearchParams(pair).keys()].some((name) => answer.has(name)))
}
