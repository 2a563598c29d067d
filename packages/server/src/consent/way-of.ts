import { readParameters } from 'countersign/wire'
import type { ServerContext } from '../context.js'
import { localPath } from '../http/local-path.js'
import type { Visit } from '../http/visit.js'
import type { SignInAction } from '../sign-in/sign-in-actions.js'
import { accountWay, type Way } from '../sign-in/way.js'
import { findLink, requestWay, requireStored } from './link.js'
import { answerUnlessOpen } from './outcome.js'

/** The way that a form is on. A request must exist, and be open to this browser; else its page or redirect is the answer. */
export async function wayOf(
  context: ServerContext,
  visit: Visit,
  form: ReadonlyMap<string, string>,
): Promise<Way | Response> {
  const link = await findLink(context, form)
  if (!link) return accountWay(localPath(form.get('return_to')))
  const stored = await requireStored(context, link)
  return (await answerUnlessOpen(context, visit, stored)) ?? requestWay(link, stored)
}

/** The way to a path of this server; a request must exist and be open, as for {@link wayOf}. */
export async function wayTo(context: ServerContext, visit: Visit, path: string): Promise<Way | Response> {
  const { pathname, searchParams } = new URL(path, context.issuer)
  return pathname === context.transport.path ? wayOf(context, visit, readParameters(searchParams)) : accountWay(path)
}

/** The action on the way that its form is on. */
export function onTheWay(action: SignInAction) {
  return async function actOnTheWay(context: ServerContext, visit: Visit): Promise<Response> {
    const way = await wayOf(context, visit, visit.form)
    return way instanceof Response ? way : action(context, visit, way)
  }
}
