import * as platform from '#crypto'
import type { AgentDescription } from '../editions/agent-protocol.js'
import { serializeBase64url } from '../lib/base64url.js'
import { plainLine } from '../lib/plain-line.js'
import { type CallbackMessages, type CallbackOutcome, chooseCallbackMessages } from './callback-messages.js'

export interface CallbackPageOptions {
  /** The agent's identifier. */
  id: string
  about: AgentDescription | undefined
  /** `Accept-Language` of the visit that is answered. */
  language: string | null
  /** Why an answer was refused, in that language. */
  detail?: string | undefined
  /** A path at the agent where the person can go on. */
  back?: string | undefined
}

interface Look {
  status: number
  /** On 24 by 24. */
  drawing: string
}

/** What a page of an agent says, in one language. */
export interface AgentPage extends Look, Pick<CallbackMessages, 'lang' | 'dir' | 'back'> {
  /** Where programs find it. */
  state: string
  title: string
  texts: readonly string[]
  /** What happens next, where there is no way back to show. */
  next: string
}

const looks: Readonly<Record<CallbackOutcome, Look>> = {
  allowed: { status: 200, drawing: 'M5 12.5l4.7 4.7L19 7.5' },
  denied: { status: 200, drawing: 'M6 6l12 12M18 6 6 18' },
  failed: { status: 502, drawing: 'M12 5v9M12 18.5v.1' },
  refused: { status: 400, drawing: 'M12 5v9M12 18.5v.1' },
}

const style = `
:root { color-scheme: light dark; --paper: #f4f3ef; --sheet: #fff; --ink: #17202b; --soft: #55606e; --line: #e2dfd7; --edge: #7d8591; --seal: #0b5f57; --seal-soft: #e3f1ee; --amber: #7a4300; --amber-soft: #fdf2dc; --focus: #1a5fd6; }
@media (prefers-color-scheme: dark) { :root { --paper: #0e1217; --sheet: #171c24; --ink: #e8ebf0; --soft: #a6b0bd; --line: #2b333f; --edge: #7c8795; --seal: #74d3c3; --seal-soft: #16312e; --amber: #f2cb82; --amber-soft: #2d2414; --focus: #8bb6ff; } }
* { box-sizing: border-box; margin: 0; }
body { max-inline-size: 37rem; margin-inline: auto; padding: clamp(1.5rem, 9vh, 6rem) 1rem 3rem; background: var(--paper); color: var(--ink); font: 1rem/1.5 -apple-system, BlinkMacSystemFont, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", "Liberation Sans", Arial, system-ui, sans-serif; overflow-wrap: anywhere; }
main { padding: clamp(1.25rem, 5vw, 2.25rem); border: 1px solid var(--line); border-radius: 16px; background: var(--sheet); }
main > * + * { margin-block-start: 1rem; }
.agent { display: flex; align-items: center; gap: .875rem; padding-block-end: 1.25rem; border-block-end: 1px solid var(--line); }
.mark { flex: none; display: grid; place-items: center; inline-size: 3rem; block-size: 3rem; border-radius: 12px; background: var(--amber-soft); color: var(--amber); }
[data-state=allowed] .mark { background: var(--seal-soft); color: var(--seal); }
svg { inline-size: 1.5rem; block-size: 1.5rem; fill: none; stroke: currentColor; stroke-width: 2.2; stroke-linecap: round; stroke-linejoin: round; }
.agent b, .agent bdi { display: block; }
.agent b, .agent bdi:only-child { font-weight: 650; }
.agent b + bdi { color: var(--soft); font-size: .875rem; }
h1 { font-size: clamp(1.375rem, 1.1rem + 1.4vw, 1.75rem); line-height: 1.25; text-wrap: balance; }
p { text-wrap: pretty; }
a { display: inline-grid; align-items: center; min-block-size: 2.75rem; padding: .25rem 1.125rem; border: 1px solid var(--edge); border-radius: 10px; color: inherit; font-weight: 600; text-decoration: none; }
a:hover { text-decoration: underline; }
:focus-visible { outline: 3px solid var(--focus); outline-offset: 2px; }
`

/** The page a person lands on after the decision. It loads nothing and sends no `Referer`, which would hold the code. */
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

/** A page of an agent, which names it, and loads nothing. */
export function agentPage(page: AgentPage, { id, about, back }: CallbackPageOptions): Response {
  const { lang, dir, state, status, drawing, title, texts, next } = page
  const nonce = serializeBase64url(platform.randomBytes(16))
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

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&${entities[character]};`)
}
