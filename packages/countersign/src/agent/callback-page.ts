import * as platform from '#crypto'
import type { AgentDescription } from '../editions/agent-protocol.js'
import { plainLine } from '../lib/plain-line.js'
import { type CallbackMessages, type CallbackOutcome, chooseCallbackMessages } from './callback-messages.js'

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
h1 { font-size: clamp(1.375rem, 1.1rem + 1.4vw, 1.75rem); line-height: 1.25; word-break: auto-phrase; }
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
