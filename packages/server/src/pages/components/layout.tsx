import type { ComponentChildren } from 'preact'
import { renderToString } from 'preact-render-to-string'
import { languages } from '../messages/choose-messages.js'
import type { Messages } from '../messages/messages.js'
import type { LanguageForm, PageFooter, PageFrame } from '../models/models.js'
import { Hidden } from './forms.js'

/** What surrounds the content of every page. */
interface Layout {
  frame: PageFrame
  messages: Messages
  /** The title of the page, without the server's name. */
  title: string
  /** Identifies the page for tests and scripts, as `data-state`. */
  state: string
  /** Marks the page as an error page, as `data-error-code`. */
  errorCode?: string | undefined
  /** Style sheet that this kind of page needs in addition to `frame.stylesheet`. */
  stylesheet?: string
  /** Content next to the server's name. */
  account?: ComponentChildren
  /** Content between the header and the page's own content. */
  navigation?: ComponentChildren
  /** Content above the footer links. */
  footer?: ComponentChildren
  /** Whether the page has a link to report an agent. */
  reports?: boolean | undefined
  children: ComponentChildren
}

/** Renders a complete HTML document, which needs only `frame.stylesheet` and works without `frame.script`. */
export function renderLayout(layout: Layout): string {
  const { frame, messages } = layout
  const document = (
    <html lang={messages.lang} dir={messages.dir}>
      <head>
        <meta charset="utf-8" />
        <title>{messages.title(layout.title, frame.serverName)}</title>
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <meta name="robots" content="noindex" />
        <meta name="format-detection" content="telephone=no, email=no, address=no" />
        <meta name="theme-color" content="#f4f3ef" media="(prefers-color-scheme: light)" />
        <meta name="theme-color" content="#0e1217" media="(prefers-color-scheme: dark)" />
        {frame.icon !== undefined && <link rel="icon" type="image/svg+xml" href={frame.icon} />}
        {frame.touchIcon !== undefined && <link rel="apple-touch-icon" href={frame.touchIcon} />}
        <link rel="stylesheet" href={frame.stylesheet} />
        {layout.stylesheet !== undefined && <link rel="stylesheet" href={layout.stylesheet} />}
        {frame.brandStylesheet !== undefined && <link rel="stylesheet" href={frame.brandStylesheet} />}
        {frame.script !== undefined && <script type="module" src={frame.script} />}
      </head>
      <body data-locale={messages.locale}>
        <header class="bar">
          <p class="server">
            {frame.serverLogo !== undefined && <img class="brand" src={frame.serverLogo} alt="" />}
            <span>
              <bdi>{frame.serverName}</bdi>
              {frame.issuerHost !== undefined && frame.issuerHost !== frame.serverName && (
                <bdi class="issuer">{frame.issuerHost}</bdi>
              )}
            </span>
          </p>
          {layout.account}
        </header>
        {layout.navigation}
        <main data-state={layout.state} data-error-code={layout.errorCode}>
          {layout.children}
        </main>
        {(layout.footer || frame.footer) && (
          <footer class="foot">
            {layout.footer}
            {frame.footer && <FooterLinks footer={frame.footer} messages={messages} reports={layout.reports} />}
          </footer>
        )}
      </body>
    </html>
  )

  return `<!DOCTYPE html>${renderToString(document)}`
}

interface Footer {
  footer: PageFooter
  messages: Messages
  /** Whether the page is about an agent, which the user can report. */
  reports?: boolean | undefined
}

/** Links for help, reports and privacy, and the languages: each is shown if the server has something to link to. */
function FooterLinks({ footer, messages, reports }: Footer) {
  return (
    <ul class="ends">
      <FooterLink href={footer.help}>{messages.help}</FooterLink>
      <FooterLink href={reports ? footer.report : undefined}>{messages.report}</FooterLink>
      {footer.languages && (
        <li>
          <LanguageChooser form={footer.languages} messages={messages} />
        </li>
      )}
      <FooterLink href={footer.privacy}>{messages.privacy}</FooterLink>
    </ul>
  )
}

function FooterLink({ href, children }: { href: string | undefined; children: ComponentChildren }) {
  if (href === undefined) return null
  return (
    <li>
      <a href={href}>{children}</a>
    </li>
  )
}

function LanguageChooser({ form, messages }: { form: LanguageForm; messages: Messages }): ComponentChildren {
  const others = Object.values(languages).filter(({ lang }) => lang !== messages.lang)
  return (
    <form method="post" action={form.action} aria-labelledby="language">
      <span id="language">{messages.language + messages.colon}</span>
      <Hidden name="action" value="language" />
      <Hidden name="return_to" value={form.returnTo} />
      <Hidden name="csrf" value={form.csrf} />
      {others.map(({ lang, dir, languageName }) => (
        <button
          class="link"
          type="submit"
          name="language"
          value={lang}
          lang={lang}
          dir={dir === messages.dir ? undefined : dir}
        >
          {languageName}
        </button>
      ))}
    </form>
  )
}
