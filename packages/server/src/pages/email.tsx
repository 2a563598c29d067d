import { renderToString } from 'preact-render-to-string'
import { en } from './messages/en/en.js'
import type { Messages } from './messages/messages.js'
import type { EmailAbout } from './messages/parts/phrase.js'

export interface EmailModel {
  kind: keyof Messages['recovery']['emails']
  serverName: string
  issuer: string
  /** The username, cleaned. */
  user: string
  /** What the email names, cleaned. @default nothing */
  about?: EmailAbout | undefined
  /** The URL that the email is about. */
  href: string
}

/**
 * Renders an email to a user, as plain text and as HTML with the same content. The HTML loads nothing.
 *
 * @returns The subject and both versions of the message.
 */
export function renderEmail(
  model: EmailModel,
  messages: Messages = en,
): { subject: string; text: string; html: string } {
  const { serverName, issuer, href, about = { agent: '', resource: '' } } = model
  const text = messages.recovery.emails[model.kind]
  const subject = text.subject(serverName)
  const before = text.before(serverName, model.user, about)
  const html = (
    <html lang={messages.lang} dir={messages.dir}>
      <head>
        <meta charset="utf-8" />
        <meta name="color-scheme" content="light dark" />
        <title>{subject}</title>
      </head>
      <body style="font-family: sans-serif; font-size: 16px; line-height: 1.5; max-width: 35em; margin: 1.5em">
        {before.map((paragraph) => (
          <p>{paragraph}</p>
        ))}
        <p>
          <a href={href}>{text.action}</a>
        </p>
        {text.after.map((paragraph) => (
          <p>{paragraph}</p>
        ))}
        <p>
          {serverName}
          <br />
          <span dir="ltr">{issuer}</span>
        </p>
      </body>
    </html>
  )
  return {
    subject,
    text: `${[...before, href, ...text.after, `${serverName}\n${issuer}`].join('\n\n')}\n`,
    html: `<!doctype html>${renderToString(html)}`,
  }
}
