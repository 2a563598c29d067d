import { readParameters } from 'countersign/wire'
import type { ConsentLink } from '../http/consent-transport.js'
import type { ServerContext } from '../http/context.js'
import { localPath } from '../http/local-path.js'
import type { Visit } from '../http/visit.js'
import type { SignInAction } from '../sign-in/sign-in-actions.js'
import { accountWay, type Way } from '../sign-in/way.js'
import { linkAt, requestWay, requireStored } from './link.js'
import { answerUnlessOpen } from './outcome.js'

/** The way to the request of a link. It must exist, and be open to this browser; else its page or redirect is the answer. */
async function wayBy(context: ServerContext, visit: Visit, link: ConsentLink): Promise<Way | Response> {
  const stored = await requireStored(context, link, visit)
  return (await answerUnlessOpen(context, visit, stored)) ?? requestWay(link, stored)
}

/** The way to a path of this server, as {@link wayBy} where a request is there. */
export async function wayTo(context: ServerContext, visit: Visit, path: string): Promise<Way | Response> {
  const link = await linkAt(context, path)
  if (link) return wayBy(context, visit, link)
  const { pathname, searchParams } = new URL(path, context.issuer)
  return accountWay(
    pathname === context.transport.path ? localPath(readParameters(searchParams).get('return_to')) : path,
  )
}

/** The action of a form, on the way to the request of its link, or where it says. */
export function onTheWay(action: SignInAction) {
  return async function actOnTheWay(
    context: ServerContext,
    visit: Visit,
    link: ConsentLink | undefined,
  ): Promise<Response> {
    const way = link ? await wayBy(context, visit, link) : accountWay(localPath(visit.form.get('return_to')))
    return way instanceof Response ? way : action(context, visit, way)
  }
}
