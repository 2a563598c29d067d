import { assetPath } from '../pages/assets.js'
import { languages } from '../pages/messages/languages.js'
import type { PageFrame } from '../pages/models.js'
import type { ServerContext } from './context.js'
import { csrfOf } from './viewer-of.js'
import type { Visit } from './visit.js'

/** What every page of this server has; a page that cannot be come back to offers no language, and is made without a visit. */
export function pageFrame(context: ServerContext, visit?: Visit): PageFrame {
  const language = visit && { action: '/account/language', csrf: csrfOf(context, visit), returnTo: visit.path }
  const footer = { ...context.footer, languages: Object.keys(languages).length > 1 ? language : undefined }
  return {
    serverName: context.name,
    stylesheet: assetPath('pages.css'),
    icon: assetPath('icon.svg'),
    touchIcon: assetPath('apple-touch-icon.png'),
    script: assetPath('pages.js'),
    footer: Object.values(footer).every((end) => end === undefined) ? undefined : footer,
    contact: context.contact,
  }
}
