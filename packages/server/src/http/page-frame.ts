import type { ServerContext } from '../context.js'
import { assetPath } from '../pages/assets.js'
import { languages } from '../pages/messages/languages.js'
import type { PageFrame } from '../pages/models.js'
import { csrfOf } from './page-of.js'
import type { Visit } from './visit.js'

/** What every page of this server has; a page that cannot be come back to offers no language, and is made without a visit. */
export function pageFrame(context: ServerContext, visit?: Visit): PageFrame {
  const footer = {
    ...context.footer,
    ...(visit && Object.keys(languages).length > 1
      ? { languages: { action: '/account/language', csrf: csrfOf(context, visit), returnTo: visit.path } }
      : {}),
  }
  return {
    serverName: context.name,
    stylesheet: assetPath('pages.css'),
    icon: assetPath('icon.svg'),
    touchIcon: assetPath('apple-touch-icon.png'),
    script: assetPath('pages.js'),
    footer: Object.keys(footer).length === 0 ? undefined : footer,
    contact: context.contact,
  }
}
