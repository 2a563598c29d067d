import type { ServerContext } from '../context.js'
import { assetPath } from '../pages/assets.js'
import { chooseMessages } from '../pages/messages/choose-messages.js'
import { languages } from '../pages/messages/languages.js'
import type { Messages } from '../pages/messages/messages.js'
import type { PageFrame } from '../pages/models.js'
import type { Cookies } from './cookies.js'
import { identifyVisitor, pageOf, type Visitor } from './visit.js'

/** Who looks at a page, and in which language. */
export interface View {
  visitor: Visitor
  messages: Messages
  /** Path and query of the page, to come back to. */
  path: string
}

/** Reads who looks from a request. */
export async function viewOf(context: ServerContext, cookies: Cookies, request: Request): Promise<View> {
  const { pathname, search } = new URL(request.url)
  return {
    visitor: await identifyVisitor(context, cookies, request),
    messages: messagesFor(cookies, request),
    path: pathname + search,
  }
}

/** The language a person picked, or the browser prefers. */
export function messagesFor(cookies: Cookies, request: Request): Messages {
  return chooseMessages(request.headers.get('accept-language'), cookies.readLanguage(request))
}

/** What every page of this server has; a page shown by a form's POST offers no language, since it cannot be come back to. */
export function pageFrame(context: ServerContext, view?: View): PageFrame {
  const footer = {
    ...context.footer,
    ...(view && Object.keys(languages).length > 1
      ? {
          languages: {
            action: '/account/language',
            csrf: context.secrets.csrfFor(view.visitor.browser, pageOf(view.visitor.session)),
            returnTo: view.path,
          },
        }
      : {}),
  }
  return {
    serverName: context.name,
    stylesheet: assetPath('pages.css'),
    icon: assetPath('icon.svg'),
    touchIcon: assetPath('apple-touch-icon.png'),
    script: assetPath('pages.js'),
    ...(Object.keys(footer).length === 0 ? {} : { footer }),
    ...(context.contact ? { contact: context.contact } : {}),
  }
}
