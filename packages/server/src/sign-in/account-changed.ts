import type { ServerContext } from '../http/context.js'
import { PageError } from '../http/page-error.js'
import type { Visit } from '../http/visit.js'
import { fieldsOf, type Way } from './way.js'

/** A form that was made for somebody else in the same browser: go on as who is signed in now, or sign in as another. */
export function accountChanged(context: ServerContext, visit: Visit, { path, fields }: Omit<Way, 'asker'>): PageError {
  return new PageError('account_changed', {
    retry: path,
    user: visit.session?.user.username,
    switchAccount: fieldsOf(context, visit, { action: path, fields }),
  })
}
