import { escapeHtml } from '../agent/callback-page.js'
import { plainLine } from '../lib/plain-line.js'
import type { ChatMessages } from './chat-messages.js'
import type { ChatUser } from './pending-chats.js'

/** The agent, as its pages name it. */
export interface ShownAgent {
  id: string
  name: string | undefined
}

const style =
  ':root{color-scheme:light dark;font:1rem/1.5 system-ui,sans-serif;overflow-wrap:anywhere}' +
  'body{max-inline-size:34rem;margin:auto;padding:clamp(1.5rem,9vh,6rem) 1rem}h1{line-height:1.25}' +
  'b.digits{display:block;font:700 2.5rem/1.5 ui-monospace,monospace;letter-spacing:.15em}' +
  'button{min-block-size:2.75rem;padding:.25rem 1.125rem;font:inherit;font-weight:600;border-radius:10px}'

function page(status: number, state: string, { lang, dir }: ChatMessages, title: string, body: string): Response {
  const html = `<!DOCTYPE html>
<html lang="${lang}" dir="${dir}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<style>${style}</style>
</head>
<body><main data-state="${state}">
<h1>${title}</h1>
${body}</main></body>
</html>
`
  return new Response(html, {
    status,
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy':
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'",
      // Without a Referer, the auth server always shows its page, even to a user who has allowed the same before. With `no-referrer`, browsers
      // would send the form with `Origin: null`.
      'referrer-policy': 'same-origin',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
    },
  })
}

function shown(text: string): string {
  return `<b><bdi>${escapeHtml(plainLine(text, 60))}</bdi></b>`
}

function agentOf({ id, name }: ShownAgent): string {
  const host = shown(id.replace(/^https?:\/\//, ''))
  return name === undefined ? host : `${shown(name)} (${host})`
}

/** Asks the browser's user whether they are the chat user who started this, before the browser is sent to the auth server. */
export function questionPage(messages: ChatMessages, agent: ShownAgent, user: ChatUser, ticket: string): Response {
  const [name, place] = [shown(user.name), shown(user.place)]
  return page(
    200,
    'question',
    messages,
    messages.question,
    `<p>${messages.acts(agentOf(agent), name, place)}</p>
<p>${messages.onlyYou(name, place)}</p>
<form method="post" action="/connect"><input type="hidden" name="ticket" value="${ticket}"><button>${messages.yes}</button></form>
`,
  )
}

/** Shows the digits to the user who has just decided. */
export function digitsPage(messages: ChatMessages, agent: ShownAgent, user: ChatUser, digits: string): Response {
  const [name, place] = [shown(user.name), shown(user.place)]
  return page(
    200,
    'digits',
    messages,
    messages.oneMore,
    `<p>${messages.connects(agentOf(agent), name, place)}</p>
<p><b class="digits" dir="ltr">${digits}</b></p>
<p>${messages.typeThem(place)}</p>
`,
  )
}

/** Explains why there is nothing to continue with. */
export function closedPage(messages: ChatMessages, status: number, why: keyof ChatMessages['closed']): Response {
  return page(status, 'closed', messages, messages.startAgain, `<p>${messages.closed[why]}</p>\n`)
}
