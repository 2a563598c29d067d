import type { Child } from 'hono/jsx'
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
  const links = [
    [messages.help, footer.help],
    [messages.report, reports ? footer.report : undefined],
    [messages.privacy, footer.privacy],
  ].filter((link): link is [string, string] => link[1] !== undefined)
  return (
    <ul class="ends">
      {links.map(([words, href]) => (
        <li>
          <a href={href}>{words}</a>
        </li>
      ))}
      {footer.languages && (
        <li>
          <LanguageChooser form={footer.languages} messages={messages} />
        </li>
      )}
    </ul>
  )
}

function LanguageChooser({ form, messages }: { form: LanguageForm; messages: Messages }): Child {
  const others = Object.values(languages).filter(({ lang }) => lang !== messages.lang)
  return (
    <form method="post" action={form.action} aria-label={messages.language}>
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
