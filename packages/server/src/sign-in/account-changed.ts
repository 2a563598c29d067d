import { requestPath } from '../consent/outcome.js'
import type { ServerContext } from '../context.js'
import { type Destination, fieldsOf, pathOf } from '../http/local-path.js'
import { PageError } from '../http/page-error.js'
import type { Visitor } from '../http/visit.js'
import { accountPaths } from '../pages/account-paths.js'

/** A form that was made for somebody else in the same browser: go on as who is signed in now, or sign in as another. */
export function accountChanged(context: ServerContext, visitor: Visitor, at: Destination): PageError {
  const user = visitor.session?.user.username
  return new PageError('account_changed', {
    retry: pathOf(at),
    ...(user === undefined ? {} : { user }),
    switchAccount: fieldsOf(context, visitor, at, at.kind === 'request' ? requestPath : accountPaths.actions),
  })
}
