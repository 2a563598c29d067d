import type { ServerContext } from '../context.js'
import type { FormFields } from '../pages/models.js'
import { displayHost } from './consent-model.js'
import type { View } from './page-frame.js'
import { answerUnlessOpen, type ConsentLink, linkPath, requireLink, requireStored } from './pending-page.js'
import { pageOf, type Visitor } from './visitor.js'

/** Where a person signs in: on the way to an agent's request, or to a page of their account. */
export type Place =
  | { kind: 'request'; link: ConsentLink; agentHost: string; resourceHost: string }
  | { kind: 'account'; returnTo: string }

/** The place that a form was shown at. A request must exist, and be open to this browser; else its page or redirect is the answer. */
export async function placeOf(
  context: ServerContext,
  form: ReadonlyMap<string, string>,
  view: View,
): Promise<{ place: Place } | { answered: Response }> {
  if (!form.has('request_token')) return { place: { kind: 'account', returnTo: localPath(form.get('return_to')) } }
  const link = requireLink(form)
  const stored = await requireStored(context, link)
  const answered = answerUnlessOpen(context, view, stored)
  if (answered) return { answered }
  const { agent, resource } = stored
  return { place: { kind: 'request', link, agentHost: displayHost(agent), resourceHost: displayHost(resource) } }
}

/** The path that comes next. */
export function pathOf(place: Place): string {
  return place.kind === 'request' ? linkPath(place.link) : place.returnTo
}

/** Who asks, where somebody asks. */
export function askerOf(place: Place): { agentHost?: string; resourceHost?: string } {
  return place.kind === 'request' ? { agentHost: place.agentHost, resourceHost: place.resourceHost } : {}
}

/** The fields that the forms of a place carry. */
export function fieldsOf(context: ServerContext, visitor: Visitor, place: Place, action: string): FormFields {
  const csrf = context.secrets.csrfFor(visitor.browser, pageOf(visitor.session))
  if (place.kind === 'account') return { action, csrf, returnTo: place.returnTo }
  const { requestToken, redirectUri, state } = place.link
  return { action, csrf, requestToken, redirectUri, ...(state === undefined || visitor.session ? {} : { state }) }
}

/** A path of this server; anything else leads to the account. */
export function localPath(path: string | undefined): string {
  return path !== undefined && /^\/(?![/\\])[\x21-\x7e]*$/.test(path) && !path.includes('\\') ? path : '/account'
}
