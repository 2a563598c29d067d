import type { ComponentChildren } from 'preact'
import { Hidden } from './hidden-fields.js'
import { languages } from './messages/languages.js'
import type { Messages } from './messages/messages.js'
import type { LanguageForm, PageFooter } from './models.js'

interface Footer {
  footer: PageFooter
  messages: Messages
  /** The page is about an agent, which can be reported. */
  reports?: boolean | undefined
}

/** Help, report, privacy and the languages: what the server has something behind. */
export function FooterLinks({ footer, messages, reports }: Footer) {
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
      <span id="language">{messages.language}:</span>
      <Hidden name="action" value="language" />
      <Hidden name="return_to" value={form.returnTo} />
      <Hidden name="csrf" value={form.csrf} />
      {others.map(({ lang, dir, languageName }) => (
        <button class="link" type="submit" name="language" value={lang} lang={lang} dir={dir}>
          {languageName}
        </button>
      ))}
    </form>
  )
}
