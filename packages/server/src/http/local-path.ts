import { readParameters } from 'countersign/wire'
import {
  answerUnlessOpen,
  type ConsentLink,
  linkPath,
  requestPath,
  requireLink,
  requireStored,
} from '../consent/outcome.js'
import type { ServerContext } from '../context.js'
import { displayHost } from '../pages/display-host.js'
import type { FormFields } from '../pages/models.js'
import type { AuthRequest } from '../storage/storage.js'
import type { View } from './page-frame.js'
import { pageOf, type Visitor } from './visit.js'

/** Where a person is: at an agent's request, or at a page of their account. */
export type Destination = { kind: 'request'; link: ConsentLink } | { kind: 'account'; returnTo: string }

/** A destination that a person signs in on the way to. */
export type Place = Exclude<Destination, { kind: 'request' }> | RequestPlace

interface RequestPlace {
  kind: 'request'
  link: ConsentLink
  agentHost: string
  resourceHost: string
}

/** The place that a form was shown at. A request must exist, and be open to this browser; else its page or redirect is the answer. */
export async function placeOf(
  context: ServerContext,
  form: ReadonlyMap<string, string>,
  view: View,
): Promise<{ place: Place } | { answered: Response }> {
  if (!form.has('request_token')) return { place: { kind: 'account', returnTo: localPath(form.get('return_to')) } }
  const link = requireLink(form)
  const stored = await requireStored(context, link)
  const answered = await answerUnlessOpen(context, view, stored)
  if (answered) return { answered }
  return { place: requestPlace(link, stored) }
}

/** The place that a path of this server leads to; a request must exist and be open, as for {@link placeOf}. */
export async function placeAt(
  context: ServerContext,
  path: string,
  view: View,
): Promise<{ place: Place } | { answered: Response }> {
  const { pathname, searchParams } = new URL(path, context.issuer)
  if (pathname !== requestPath) return { place: { kind: 'account', returnTo: path } }
  return placeOf(context, readParameters(searchParams), view)
}

/** The path that comes next. */
export function pathOf(place: Destination): string {
  return place.kind === 'request' ? linkPath(place.link) : place.returnTo
}

/** The place of a stored request. */
export function requestPlace(link: ConsentLink, { agent, resource }: AuthRequest): RequestPlace {
  return { kind: 'request', link, agentHost: displayHost(agent), resourceHost: displayHost(resource) }
}

/** Who asks, where somebody asks. */
export function askerOf(place: Place): { agentHost?: string; resourceHost?: string } {
  return place.kind === 'request' ? { agentHost: place.agentHost, resourceHost: place.resourceHost } : {}
}

/** The fields that the forms of a place carry. */
export function fieldsOf(context: ServerContext, visitor: Visitor, place: Destination, action: string): FormFields {
  const csrf = context.secrets.csrfFor(visitor.browser, pageOf(visitor.session))
  if (place.kind === 'account') return { action, csrf, returnTo: place.returnTo }
  const { requestToken, redirectUri, state } = place.link
  return { action, csrf, requestToken, redirectUri, ...(state === undefined || visitor.session ? {} : { state }) }
}

/** A path of this server; anything else leads to the account. */
export function localPath(path: string | undefined): string {
  return path !== undefined && /^\/(?![/\\])[\x21-\x7e]*$/.test(path) && !path.includes('\\') ? path : '/account'
}
