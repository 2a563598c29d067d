import { readParameters } from 'countersign/editions'
import type { ConsentLink } from '../http/consent-transport.js'
import type { ServerContext } from '../http/context.js'
import { seeOther } from '../http/html-response.js'
import { PageError } from '../http/page-error.js'
import type { Arrival } from '../http/route.js'
import { localPath, openFormVisit, type Visit } from '../http/visit.js'
import { accountDestination, type Destination } from '../sign-in/render-sign-in.js'
import { endSession } from '../sign-in/session.js'
import { type SignInAction, signIn, signInWithCode, signInWithPasskey } from '../sign-in/sign-in-actions.js'
import { allow, deny, extend } from './decide.js'
import {
  claimedAsker,
  linkAt,
  type ReadLink,
  requestDestination,
  requireLink,
  requireStored,
  respondUnlessOpen,
  tokenHashIn,
} from './link.js'

type Action = (context: ServerContext, visit: Visit, link: ConsentLink) => Promise<Response>

/** `action=logout` */
const signOut: Action = async (context, visit) => seeOther(visit.path, await endSession(context, visit))

/** The handlers of the forms on a request's pages, by `action`. */
const actions: ReadonlyMap<string | undefined, Action> = new Map<string, Action>([
  ['login', thenContinue(signIn)],
  ['second-step', thenContinue(signInWithCode)],
  ['passkey', thenContinue(signInWithPasskey)],
  ['logout', signOut],
  ['extend', extend],
])

/** The handlers of decisions, by `consent`. */
const decisions: ReadonlyMap<string, Action> = new Map<string, Action>([
  ['grant', allow],
  ['deny', deny],
])

/** Handles a form on a request's pages: signs in, signs out, or decides (S§9.5). */
export async function submitForm(context: ServerContext, arrival: Arrival, path: string): Promise<Response> {
  let read: ReadLink
  const visit = await openFormVisit(context, arrival, async (form) => {
    read = await context.transports.readLink(form, path)
    return tokenHashIn(read)
  })
  const { form } = visit
  const consent = form.get('consent')
  const action = consent === undefined ? actions.get(form.get('action')) : decisions.get(consent)
  if (!action) throw new PageError('bad_form')
  const link = requireLink(read)
  return action(context, { ...visit, path: link.path }, link)
}

/**
 * Returns the destination for the request behind a link. Requires the request to exist and to be open to this browser; otherwise, returns
 * its page or redirect.
 */
async function destinationOf(context: ServerContext, visit: Visit, link: ConsentLink): Promise<Destination | Response> {
  const stored = await requireStored(context, link, visit)
  return (await respondUnlessOpen(context, visit, stored)) ?? requestDestination(link, stored)
}

/** Returns the destination for a path on this server, as {@link destinationOf} does if the path leads to a request. */
export async function destinationAt(
  context: ServerContext,
  visit: Visit,
  path: string,
): Promise<Destination | Response> {
  const link = await linkAt(context, path)
  if (link) return destinationOf(context, visit, link)
  return pageDestination(context, path)
}

/** Returns the destination for a path on this server that leads to no stored request. */
function pageDestination({ issuer, transports }: ServerContext, path: string): Destination {
  const url = new URL(path, issuer)
  const isConsent = transports.paths.includes(url.pathname)
  const destination = accountDestination(
    isConsent ? localPath(readParameters(url.searchParams).get('return_to')) : path,
  )
  const asker = transports.askerAt(url)
  return { ...destination, asker: asker && claimedAsker(asker) }
}

/** Runs a form's action, then continues to the request behind the form's link, or to the path in the form. */
export function thenContinue(action: SignInAction) {
  return async function actAndContinue(
    context: ServerContext,
    visit: Visit,
    link: ConsentLink | undefined,
  ): Promise<Response> {
    const destination = link
      ? await destinationOf(context, visit, link)
      : pageDestination(context, localPath(visit.form.get('return_to')))
    return destination instanceof Response ? destination : action(context, visit, destination)
  }
}
