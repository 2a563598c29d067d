import type { ServerContext } from '../context.js'
import { accountPaths } from '../pages/account-paths.js'
import { PageError } from './page-error.js'
import { requestPath } from './pending-page.js'
import { type Destination, fieldsOf, pathOf } from './place.js'
import type { Visitor } from './visitor.js'

/** A form that was made for somebody else in the same browser: go on as who is signed in now, or sign in as another. */
export function accountChanged(context: ServerContext, visitor: Visitor, at: Destination): PageError {
  const user = visitor.session?.user.username
  return new PageError('account_changed', {
    retry: pathOf(at),
    ...(user === undefined ? {} : { user }),
    switchAccount: fieldsOf(context, visitor, at, at.kind === 'request' ? requestPath : accountPaths.actions),
  })
}
