import type { ServerContext } from '../context.js'
import { PageError } from '../http/page-error.js'
import { displayHost } from '../pages/display-host.js'
import type { Way } from '../sign-in/way.js'
import type { AuthRequest } from '../storage/storage.js'
import type { ConsentLink } from '../transport/consent-transport.js'

/** The link that a query or a form is about; undefined: it is about none. */
export async function findLink(
  { transport }: ServerContext,
  parameters: ReadonlyMap<string, string>,
): Promise<ConsentLink | undefined> {
  const link = await transport.readLink(parameters)
  if (typeof link === 'string') throw new PageError(link)
  return link
}

/** The link that a query or a form is about; what is missing ends on the page that says the link is not known. */
export async function requireLink(
  context: ServerContext,
  parameters: ReadonlyMap<string, string>,
): Promise<ConsentLink> {
  const link = await findLink(context, parameters)
  if (!link) throw new PageError('request_unknown')
  return link
}

/** The stored request that a link leads to. */
export async function requireStored({ storage }: ServerContext, link: ConsentLink): Promise<AuthRequest> {
  const stored = await storage.findAuthRequest(link.tokenHash)
  if (!stored) throw new PageError('request_unknown')
  if (stored.redirectUri !== link.redirectUri) throw new PageError('redirect_mismatch')
  return stored
}

/** Where a request is, and what its forms carry. */
export function linkWay({ path, fields, state }: ConsentLink): Pick<Way, 'path' | 'fields'> {
  return { path, fields: { request: fields, ...(state === undefined ? {} : { state }) } }
}

/** The way to a stored request, for who must sign in first. */
export function requestWay(link: ConsentLink, { agent, resource }: AuthRequest): Required<Way> {
  return { ...linkWay(link), asker: { agentHost: displayHost(agent), resourceHost: displayHost(resource) } }
}
