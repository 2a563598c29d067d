import * as platform from '#crypto'
import type { CallbackProblem } from '../editions/agent-protocol.js'
import { serializeBase64url } from '../lib/base64url.js'

/** How a consent ended, as the person sees it on the agent's callback page. */
export type CallbackOutcome = 'allowed' | 'denied' | 'failed' | 'refused'

const texts: Readonly<Record<CallbackOutcome, { status: number; title: string; text: string }>> = {
  allowed: {
    status: 200,
    title: 'It worked',
    text: 'The agent has what it needs and goes on. You can close this window.',
  },
  denied: {
    status: 200,
    title: 'Nothing was allowed',
    text: 'The agent was told that you said no. You can close this window.',
  },
  failed: {
    status: 502,
    title: 'It did not work',
    text: 'You decided, but the agent could not finish. Go back to it and try again.',
  },
  refused: { status: 400, title: 'This page does not fit', text: 'Go back to the agent and start again.' },
}

const warning =
  'If somebody sent you the link that led here, they may want to get at what is yours through you. They got nothing. ' +
  'If you allowed something, take it back at the server where you allowed it.'

/** What happened to an answer that was refused. */
export const refusalTexts: Readonly<Record<CallbackProblem, string>> = {
  unknown: 'Nothing here waits for this answer. It was used already, or its time is over.',
  no_owner: `The agent does not know this browser, so the answer was not used. ${warning}`,
  other_owner: `This was started in another browser, so the answer was not used. ${warning}`,
  other_server: 'This answer does not come from the server that was asked.',
  malformed: 'This answer is not complete, or has a part twice.',
}

/** What somebody is told who decided for an agent that acts for another person. */
export const otherPersonText =
  'This agent acts for somebody else, so what you allowed was not kept: take it back at the server where you allowed it.'

/** The page a person lands on after the decision. It loads nothing and sends no `Referer`, which would hold the code. */
export function callbackPage(outcome: CallbackOutcome, detail?: string): Response {
  const { status, title, text } = texts[outcome]
  const nonce = serializeBase64url(platform.randomBytes(16))
  const explained = detail === undefined ? '' : `<p>${detail}</p>`
  const html = `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<style nonce="${nonce}">
:root { color-scheme: light dark; --paper: #f4f3ef; --sheet: #fff; --ink: #17202b; --line: #e2dfd7; }
@media (prefers-color-scheme: dark) { :root { --paper: #0e1217; --sheet: #171c24; --ink: #e8ebf0; --line: #2b333f; } }
body { margin: 0; padding: 12vh 1rem 1rem; background: var(--paper); color: var(--ink); font: 1.0625rem/1.5 system-ui, sans-serif; }
main { box-sizing: border-box; max-inline-size: 35rem; margin-inline: auto; padding: 1.75rem; border: 1px solid var(--line); border-radius: 16px; background: var(--sheet); overflow-wrap: anywhere; }
h1 { margin-block: 0 .75rem; font-size: 1.75rem; line-height: 1.2; }
p { margin-block: .75rem 0; }
</style>
</head>
<body><main data-state="${outcome}"><h1>${title}</h1>${explained}<p>${text}</p></main></body>
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
