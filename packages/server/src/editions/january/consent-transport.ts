import type { Call } from 'countersign/editions'
import { requestCode } from 'countersign/tokens'
import type { ConsentLink, ConsentTransport, RequestBlocks } from '../../http/consent-transport.js'
import { hashSecret, type MintedSecrets } from '../../secrets/server-keys.js'
import { consentRedirect, isOnOwnHost } from '../consent-redirect.js'

/** The edition's name in stored requests and grants. */
export const januaryName = 'january'

/** What this edition keeps with a request. */
export type JanuaryDetails = { call?: Call | undefined; device?: RequestBlocks['ownDevice'] }

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
    callOf: ({ details }) => (details as JanuaryDetails | null)?.call,
    blocksOf: ({ details }) => ({ ownDevice: (details as JanuaryDetails | null)?.device }),
    reachesOnlyAgent: isOnOwnHost,
    addressOf(request, decision) {
      const outcome = decision.allowed
        ? { code: secrets.codeOf(request.id) }
        : { error: 'access_denied' as const, description: decision.why }
      return consentRedirect(request, issuer, outcome)
    },
  }
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
