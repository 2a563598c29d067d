import * as platform from '#crypto'
import type { AgentDescription, CallbackProblem } from '../editions/agent-protocol.js'
import { chooseLanguage } from '../lib/choose-language.js'
import { plainLine } from '../lib/plain-line.js'

export interface CallbackPageOptions {
  /** The agent's identifier. */
  id: string
  about: AgentDescription | undefined
  /** The `Accept-Language` header of the callback request. */
  language: string | null
  /** Why a response was refused, in the browser's language. */
  detail?: string | undefined
  /** A path at the agent where the user can continue. */
  back?: string | undefined
}

interface Look {
  status: number
  /** On 24 by 24. */
  drawing: string
}

/** The content of an agent's page, in one language. */
interface AgentPage extends Look, Pick<CallbackMessages, 'lang' | 'dir' | 'back'> {
  /** The state of the page, exposed as `data-state` for programs. */
  state: string
  title: string
  texts: readonly string[]
  /** The next step, shown if there is no link back. */
  next: string
}

const looks: Readonly<Record<CallbackOutcome, Look>> = {
  allowed: { status: 200, drawing: 'M5 12.5l4.7 4.7L19 7.5' },
  denied: { status: 200, drawing: 'M6 6l12 12M18 6 6 18' },
  failed: { status: 502, drawing: 'M12 5v9M12 18.5v.1' },
  refused: { status: 400, drawing: 'M12 5v9M12 18.5v.1' },
}

const style = `
:root { color-scheme: light dark; background: light-dark(#f4f3ef, #0e1217); color: light-dark(#17202b, #e8ebf0); font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
* { box-sizing: border-box; margin: 0; }
body { max-inline-size: 37rem; margin-inline: auto; padding: clamp(1.5rem, 9vh, 6rem) 1rem 3rem; }
main { display: grid; gap: 1rem; padding: clamp(1.25rem, 5vw, 2.25rem); border: 1px solid #8884; border-radius: 16px; background: light-dark(#fff, #171c24); }
.agent { display: flex; align-items: center; gap: .875rem; padding-block-end: 1.25rem; border-block-end: 1px solid #8884; }
.mark { flex: none; display: grid; place-items: center; inline-size: 3rem; block-size: 3rem; border-radius: 12px; background: light-dark(#fdf2dc, #2d2414); color: light-dark(#7a4300, #f2cb82); }
[data-state=allowed] .mark { background: light-dark(#e3f1ee, #16312e); color: light-dark(#0b5f57, #74d3c3); }
svg { inline-size: 1.5rem; fill: none; stroke: currentColor; stroke-width: 2.2; stroke-linecap: round; stroke-linejoin: round; }
.agent b, .agent bdi { display: block; }
.agent b + bdi { color: light-dark(#55606e, #a6b0bd); font-size: .875rem; }
h1 { font-size: clamp(1.375rem, 1.1rem + 1.4vw, 1.75rem); line-height: 1.25; }
a { display: inline-grid; align-items: center; min-block-size: 2.75rem; padding: .25rem 1.125rem; border: 1px solid #7d8591; border-radius: 10px; color: inherit; font-weight: 600; }
:focus-visible { outline: 3px solid light-dark(#1a5fd6, #8bb6ff); outline-offset: 2px; }
`

/** The page that the user sees after the decision. It loads no other resources and sends no `Referer`, which would contain the code. */
export function callbackPage(outcome: CallbackOutcome, options: CallbackPageOptions): Response {
  const { titles, texts, close, again, ...messages } = chooseCallbackMessages(options.language)
  const text = outcome === 'refused' ? options.detail : texts[outcome]
  return agentPage(
    {
      ...messages,
      ...looks[outcome],
      state: outcome,
      title: titles[outcome],
      texts: text ? [text] : [],
      next: outcome === 'allowed' || outcome === 'denied' ? close : again,
    },
    options,
  )
}

/** A page that names its agent and loads no other resources. */
export function agentPage(page: AgentPage, { id, about, back }: CallbackPageOptions): Response {
  const { lang, dir, state, status, drawing, title, texts, next } = page
  const nonce = platform.serializeBase64url(platform.randomBytes(16))
  const host = escapeHtml(id.replace(/^https?:\/\//, ''))
  const name = escapeHtml(plainLine(String(about?.name ?? ''), 60))
  const way =
    back === undefined
      ? escapeHtml(next)
      : `<a href="${escapeHtml(back)}"><span>${page.back.replace('{host}', `<bdi dir="ltr">${host}</bdi>`)}</span></a>`
  const html = `<!DOCTYPE html>
<html lang="${lang}" dir="${dir}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} – ${host}</title>
<style nonce="${nonce}">${style}</style>
</head>
<body><main data-state="${state}">
<div class="agent"><span class="mark"><svg viewBox="0 0 24 24" aria-hidden="true"><path d="${drawing}"/></svg></span><div>${name && `<b><bdi>${name}</bdi></b>`}<bdi dir="ltr">${host}</bdi></div></div>
<h1>${title}</h1>
${texts.map((text) => `<p>${escapeHtml(text)}</p>\n`).join('')}<p>${way}</p>
</main></body>
</html>
`
  return new Response(html, {
    status,
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': `default-src 'none'; style-src 'nonce-${nonce}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
      'referrer-policy': 'no-referrer',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
    },
  })
}

const entities: Readonly<Record<string, string>> = { '&': 'amp', '<': 'lt', '>': 'gt', '"': 'quot', "'": '#39' }

/** Escapes text for HTML, also inside an attribute's quotes. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&${entities[character]};`)
}

/** The outcome of a consent, as shown on the agent's callback page. */
export type CallbackOutcome = 'allowed' | 'denied' | 'failed' | 'refused'

/** Why a response was refused. */
export type CallbackRefusal = CallbackProblem | 'other_user'

interface CallbackMessages {
  lang: 'en' | 'ar'
  dir: 'ltr' | 'rtl'
  titles: Readonly<Record<CallbackOutcome, string>>
  /** What happened. For refused responses, the text is in `refusals`. */
  texts: Readonly<Record<Exclude<CallbackOutcome, 'refused'>, string>>
  refusals: Readonly<Record<CallbackRefusal, string>>
  /** The next step if there is no link back: close the page, or start again. */
  close: string
  again: string
  /** The label of a link to the agent's own page; `{host}` is its host. */
  back: string
}

const warning =
  'If someone sent you the link that led here, they may be trying to get access to your data. They did not get it. ' +
  'If you allowed something, revoke it at the server where you allowed it.'

const en: CallbackMessages = {
  lang: 'en',
  dir: 'ltr',
  titles: {
    allowed: 'You’re done',
    denied: 'Nothing was allowed',
    failed: 'It didn’t work',
    refused: 'Please start again',
  },
  texts: {
    allowed: 'The agent received your approval and can continue.',
    denied: 'You denied this request, so it gave the agent no access.',
    failed: 'You decided, but the agent could not complete the request.',
  },
  refusals: {
    unknown: 'No request is waiting for this response. It was already used, or it has expired.',
    no_owner: `The agent does not recognize this browser, so the response was not used. ${warning}`,
    other_owner: `This request was started in another browser, so the response was not used. ${warning}`,
    other_server: 'This response came from an unexpected server.',
    malformed: 'This response has missing, duplicate or conflicting parameters.',
    other_user:
      'This agent acts for someone else, so your approval was not stored. Revoke it at the server where you gave it.',
  },
  close: 'You can close this page and return to where you started.',
  again: 'Return to where you started, and try again.',
  back: 'Back to {host}',
}

const arWarning =
  'إذا أرسل إليك أحد الرابط الذي أوصلك إلى هنا، فربما يريد الوصول من خلالك إلى ما يخصك. لم يحصل على شيء. ' +
  'وإذا كنت قد سمحت بشيء، فألغِه في الخادم الذي سمحت به فيه.'

const ar: CallbackMessages = {
  lang: 'ar',
  dir: 'rtl',
  titles: { allowed: 'تم الأمر', denied: 'لم يُسمح بشيء', failed: 'لم ينجح الأمر', refused: 'ابدأ من جديد' },
  texts: {
    allowed: 'وصلت موافقتك إلى الوكيل، وسيتابع عمله.',
    denied: 'أُبلغ الوكيل بأنك رفضت.',
    failed: 'اتخذت قرارك، لكن الوكيل لم يتمكن من إكمال الأمر.',
  },
  refusals: {
    unknown: 'لا شيء هنا ينتظر هذه الإجابة. إما أنها استُخدمت من قبل، أو انتهى وقتها.',
    no_owner: `لا يعرف الوكيل هذا المتصفح، لذلك لم تُستخدم الإجابة. ${arWarning}`,
    other_owner: `بدأ هذا في متصفح آخر، لذلك لم تُستخدم الإجابة. ${arWarning}`,
    other_server: 'لم تأتِ هذه الإجابة من الخادم الذي سُئل.',
    malformed: 'في هذه الإجابة أجزاء ناقصة أو مكررة أو متعارضة.',
    other_user: 'يعمل هذا الوكيل لشخص آخر، لذلك لم يُحفظ ما سمحت به. ألغِه في الخادم الذي سمحت به فيه.',
  },
  close: 'يمكنك إغلاق هذه الصفحة والعودة إلى البرنامج أو التطبيق الذي بدأت منه.',
  again: 'عُد إلى البرنامج أو التطبيق الذي بدأت منه وحاول مرة أخرى.',
  back: 'العودة إلى {host}',
}

/** Returns the messages in whichever of the two languages the browser prefers. */
export function chooseCallbackMessages(acceptLanguage: string | null): CallbackMessages {
  return chooseLanguage(acceptLanguage, [en, ar])
}
