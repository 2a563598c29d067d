import { renderLayout } from './components/layout.js'
import { Host, Icon } from './components/marks.js'
import { en } from './messages/en/en.js'
import type { Messages } from './messages/messages.js'
import type { ReturnToAppPage } from './models/models.js'

/** Schemes that run or display something in the browser instead of opening an app. */
const NOT_AN_APP = /^(?:javascript|data|vbscript|blob|file|filesystem|about|view-source):/i

/**
 * Renders the page that leads back to an agent that is an app on the user's device, `data-state="return-to-app"`. Browsers open an app only
 * after a user action, so the page has a link instead of a redirect, or neither if the agent polls for the outcome.
 *
 * @returns A complete HTML document.
 * @throws {TypeError} If `href` is not an absolute URL, or has a scheme that the browser itself would run.
 */
export function renderReturnToApp(model: ReturnToAppPage, messages: Messages = en): string {
  const { href } = model
  if (href !== undefined && (!/^[a-z][a-z0-9+.-]*:/i.test(href) || NOT_AN_APP.test(href)))
    throw new TypeError('href must be the URL of an app')
  const allowed = model.outcome === 'allowed'
  return renderLayout({
    frame: model,
    messages,
    title: messages.returnToApp,
    state: 'return-to-app',
    children: (
      <>
        <span class="mark" aria-hidden="true">
          <Icon name={allowed ? 'yes' : 'no'} />
        </span>
        <h1>{messages.returnToApp}</h1>
        <p class="lead">{(allowed ? messages.appAllowed : messages.appDenied)(<Host>{model.agentHost}</Host>)}</p>
        <p>{messages.appNext}</p>
        {href !== undefined && (
          <p class="actions">
            <a class="button" href={href}>
              {messages.returnToApp}
            </a>
          </p>
        )}
      </>
    ),
  })
}
