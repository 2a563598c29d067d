import type { Context } from 'hono'
import type { ConsentLink } from '../http/consent-transport.js'
import type { ServerContext } from '../http/context.js'
import { seeOther } from '../http/html-response.js'
import { PageError } from '../http/page-error.js'
import { type Arrival, openFormVisit, type Visit } from '../http/visit.js'
import { endSession } from '../sign-in/session.js'
import { signIn, signInWithPasskey } from '../sign-in/sign-in-actions.js'
import { allow, deny, extend } from './decide.js'
import { type ReadLink, requireLink, tokenHashIn } from './link.js'
import { onTheWay } from './way-of.js'

type Action = (context: ServerContext, visit: Visit, link: ConsentLink) => Promise<Response>

/** `action=logout` */
const signOut: Action = async (context, visit) => seeOther(visit.path, await endSession(context, visit))

/** What the forms of a request do, by `action`. */
const actions: ReadonlyMap<string, Action> = new Map<string, Action>([
  ['login', onTheWay(signIn)],
  ['passkey', onTheWay(signInWithPasskey)],
  ['logout', signOut],
  ['extend', extend],
])

/** What the decision does, by `consent`. */
const decisions: ReadonlyMap<string, Action> = new Map<string, Action>([
  ['grant', allow],
  ['deny', deny],
])

/** A form of a request's pages: signs in, signs out, or decides (S§9.5). */
export async function submitForm(context: ServerContext, c: Context<Arrival>): Promise<Response> {
  let read: ReadLink
  const visit = await openFormVisit(context, c, async (form) => {
    read = await context.transport.readLink(form)
    return tokenHashIn(read)
  })
  const { form } = visit
  const consent = form.get('consent')
  const action = consent === undefined ? actions.get(form.get('action') ?? '') : decisions.get(consent)
  if (!action) throw new PageError('bad_form')
  const link = requireLink(read)
  return action(context, { ...visit, path: link.path }, link)
}
