import { readParameters } from 'countersign/editions'
import type { ConsentLink, LinkProblem } from '../http/consent-transport.js'
import type { ServerContext } from '../http/context.js'
import { PageError } from '../http/page-error.js'
import type { Visit } from '../http/visit.js'
import { displayHost } from '../pages/components/marks.js'
import { hashSecret } from '../secrets/minted-secrets.js'
import type { Way } from '../sign-in/sign-in-page-at.js'
import type { AuthRequest, NewHandle } from '../storage/api/storage.js'

/** The link that a query or a form is about; undefined: it is about none. */
export async function findLink(
  { transport }: ServerContext,
  parameters: ReadonlyMap<string, string>,
): Promise<ConsentLink | undefined> {
  return followed(await transport.readLink(parameters))
}

/** The link that a path of this server is; undefined: it is another page. */
export async function linkAt(context: ServerContext, path: string): Promise<ConsentLink | undefined> {
  const { pathname, searchParams } = new URL(path, context.issuer)
  return pathname === context.transport.path ? findLink(context, readParameters(searchParams)) : undefined
}

/** What a transport read of a query or a form. */
export type ReadLink = ConsentLink | LinkProblem | undefined

function followed(read: ReadLink): ConsentLink | undefined {
  if (typeof read === 'string') throw new PageError(read)
  return read
}

/** The link that a query or a form is about; what is missing ends on the page that says the link is not known. */
export function requireLink(read: ReadLink): ConsentLink {
  const link = followed(read)
  if (!link) throw new PageError('request_unknown')
  return link
}

/** The request that a visit is about, to be read with the session; undefined: a link that is not followed. */
export function tokenHashIn(read: ReadLink): string | undefined {
  return typeof read === 'object' ? read.tokenHash : undefined
}

/** The stored request that a link leads to, as it is now, or as it was read for a visit. */
export async function requireStored(
  { storage }: ServerContext,
  link: ConsentLink,
  visit?: Pick<Visit, 'about'>,
): Promise<AuthRequest> {
  const about = visit?.about?.tokenHash === link.tokenHash ? visit.about : undefined
  const stored = about ? about.request : await storage.findAuthRequest(link.tokenHash)
  if (!stored) throw new PageError('request_unknown')
  if (stored.redirectUri !== link.redirectUri) throw new PageError('redirect_mismatch')
  return stored
}

/** Where a request is, and what its forms carry. */
export function linkWay({ path, fields, state, tokenHash }: ConsentLink): Pick<Way, 'path' | 'tokenHash' | 'fields'> {
  return { path, tokenHash, fields: { request: fields, ...(state === undefined ? {} : { state }) } }
}

/** The way to a stored request, for who must sign in first. */
export function requestWay(link: ConsentLink, { agent, resource }: AuthRequest): Way & Required<Pick<Way, 'asker'>> {
  return { asker: { agentHost: displayHost(agent), resourceHost: displayHost(resource) }, ...linkWay(link) }
}

/** What an Allow of a request gives out, to be kept as its hash; undefined: the transport needs nothing. */
export function newHandle({ transport, lifetimes }: ServerContext, requestId: string): NewHandle | undefined {
  const handle = transport.handleOf(requestId)
  return handle === undefined ? undefined : { handleHash: hashSecret(handle), handleLifetime: lifetimes.code }
}
