import type { ServerContext } from '../context.js'
import { requestPath } from '../http/local-path.js'
import { PageError } from '../http/page-error.js'
import { displayHost } from '../pages/display-host.js'
import { hashSecret } from '../secrets/minted-secrets.js'
import type { Way } from '../sign-in/way.js'
import type { AuthRequest } from '../storage/storage.js'

/** What the consent URL carries. */
export interface ConsentLink {
  requestToken: string
  tokenHash: string
  redirectUri: string
  state: string | undefined
}

/** A stored request, with the redirect URI that its link repeats. */
export type AskedRequest = AuthRequest & { redirectUri: string }

const maxState = 2048

/** Reads the link from the query or from a form; what is missing ends on the page that says the link is not known. */
export function requireLink(parameters: ReadonlyMap<string, string>): ConsentLink {
  const requestToken = parameters.get('request_token')
  // None is like one that differs: whether the request is known comes first.
  const redirectUri = parameters.get('redirect_uri') ?? ''
  const state = parameters.get('state')
  if (requestToken === undefined || requestToken.length > 256) throw new PageError('request_unknown')
  if (state !== undefined && state.length > maxState) throw new PageError('bad_form')
  return { requestToken, redirectUri, state, tokenHash: hashSecret(requestToken) }
}

/** The stored request that a link leads to. */
export async function requireStored({ storage }: ServerContext, link: ConsentLink): Promise<AskedRequest> {
  const stored = await storage.findAuthRequest(link.tokenHash)
  if (!stored || stored.redirectUri === null) throw new PageError('request_unknown')
  if (stored.redirectUri !== link.redirectUri) throw new PageError('redirect_mismatch')
  return { ...stored, redirectUri: stored.redirectUri }
}

/** The path that shows this request, to come back to after signing in. */
export function linkPath({ requestToken, redirectUri, state }: ConsentLink): string {
  const query = new URLSearchParams({ request_token: requestToken, redirect_uri: redirectUri })
  if (state !== undefined) query.set('state', state)
  return `${requestPath}?${query.toString()}`
}

/** Where a request is, and what its forms carry. */
export function linkWay(link: ConsentLink): Pick<Way, 'path' | 'fields'> {
  const { requestToken, redirectUri, state } = link
  return { path: linkPath(link), fields: { requestToken, redirectUri, state } }
}

/** The way to a stored request, for who must sign in first. */
export function requestWay(link: ConsentLink, { agent, resource }: AuthRequest): Required<Way> {
  return { ...linkWay(link), asker: { agentHost: displayHost(agent), resourceHost: displayHost(resource) } }
}
