import type { ReceivedMessage } from 'countersign'
import { receiveRequest } from 'countersign/wire'
import type { ServerContext } from '../context.js'
import type { Cookies } from '../http/cookies.js'
import { PageError } from '../http/page-error.js'
import { messagesFor, type View } from '../http/page-frame.js'
import { readSubmission } from '../http/submission.js'
import { type Action, signIn, signInWithPasskey, signOutOfRequest } from '../sign-in/sign-in-actions.js'
import { decide, extend } from './decide.js'
import { linkPath, requireLink } from './outcome.js'

/** What the forms of a request do, by `action`. */
const actions: ReadonlyMap<string, Action> = new Map([
  ['login', signIn],
  ['passkey', signInWithPasskey],
  ['logout', signOutOfRequest],
  ['extend', extend],
])

/** What the decision does, by `consent`. */
const decisions: ReadonlyMap<string, Action> = new Map([
  ['grant', decide],
  ['deny', decide],
])

/** `POST /agent/auth`: signs in, signs out, or decides (S§9.5). */
export async function submitForm(
  context: ServerContext,
  cookies: Cookies,
  request: Request,
  received: ReceivedMessage = receiveRequest(request),
): Promise<Response> {
  const submission = await readSubmission(context, cookies, request, received)
  const { form, visitor } = submission
  const consent = form.get('consent')
  const action = consent === undefined ? actions.get(form.get('action') ?? '') : decisions.get(consent)
  if (!action) throw new PageError('bad_form')
  const view: View = { visitor, messages: messagesFor(cookies, request), path: linkPath(requireLink(form)) }
  return action(context, cookies, submission, view)
}
