import type { ServerContext } from '../http/context.js'
import { csrfOf } from '../http/viewer-of.js'
import type { Visit } from '../http/visit.js'
import { signInPath } from '../pages/account-paths.js'
import type { FormFields } from '../pages/models.js'

/** Where a person goes when they have signed in, and what the forms on the way there carry; whoever sends them knows. */
export interface Way {
  /** The path that comes next. */
  path: string
  /** Who asks, where an agent does. */
  asker?: { agentHost: string; resourceHost: string }
  /** The request that it leads to, by the hash of its token. */
  tokenHash?: string | undefined
  fields: Omit<FormFields, 'action' | 'csrf'>
}

/** The way to a page of the account. */
export function accountWay(path: string): Way {
  return { path, fields: { returnTo: path } }
}

/** The sign-in page on a way: an agent's request shows it in its own place. */
export function signInPathOf({ path, asker }: Way): string {
  return asker ? path : signInPath(path)
}

/** The fields of a form that is posted to the page at `action`. */
export function fieldsOf(
  context: ServerContext,
  visit: Pick<Visit, 'browser' | 'session'>,
  { action, fields }: { action: string; fields: Way['fields'] },
): FormFields {
  const { state, ...rest } = fields
  const csrf = csrfOf(context, visit)
  return { action: pathnameOf(action), csrf, ...rest, state: visit.session ? undefined : state }
}

function pathnameOf(path: string): string {
  return path.split('?', 1)[0] ?? path
}
