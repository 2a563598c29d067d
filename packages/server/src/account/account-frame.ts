import type { ServerContext } from '../context.js'
import { pageFrame, type View } from '../http/page-frame.js'
import { pageOf } from '../http/visit.js'
import type { AccountFrame } from '../pages/account-models.js'
import { assetPath } from '../pages/assets.js'
import { cleanText } from '../pages/plain-text.js'
import type { Session } from '../storage/storage.js'

/** A page of their own account that a signed-in person looks at. */
export interface AccountView extends View {
  session: Session
  /** What the query asks for. */
  query: URLSearchParams
}

const maxUser = 60

/** What every page of an account has. */
export function accountFrame(context: ServerContext, view: AccountView): AccountFrame {
  return {
    ...pageFrame(context, view),
    accountStylesheet: assetPath('account.css'),
    user: cleanText(view.session.user.username, maxUser),
    csrf: context.secrets.csrfFor(view.visitor.browser, pageOf(view.session)),
    now: context.now(),
  }
}
