import type { ServerContext } from '../http/context.js'
import { pageFrame } from '../http/html-response.js'
import { csrfOf } from '../http/viewer-of.js'
import type { SignedInVisit } from '../http/visit.js'
import type { AccountFrame } from '../pages/account-models.js'
import { assetPath } from '../pages/assets.js'
import { cleanText } from '../policy/plain-text.js'

const maxUser = 60

/** What every page of an account has. */
export function accountFrame(context: ServerContext, visit: SignedInVisit): AccountFrame {
  return {
    ...pageFrame(context, visit),
    accountStylesheet: assetPath('account.css'),
    user: cleanText(visit.session.user.username, maxUser),
    csrf: csrfOf(context, visit),
    now: context.now(),
  }
}
