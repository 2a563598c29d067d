import { type Html, html } from './html.js'
import type { DecodedParts, Line, Member, Message, RecurringValue } from './run-model.js'

/** What rendering a message needs besides the message. */
export interface MessageContext {
  /** Names of the parties. */
  nameOf: (party: string) => string
  /** Whether it takes part in the run, rather than attacking it. */
  isParty: (party: string) => boolean
  /** Marks the values that recur in the run. */
  mark: (text: string) => readonly (Html | string)[]
  /** Level of the heading. */
  level: 3 | 4
  /** Id of the heading above the messages, if it is part of their names. */
  under?: string
  /** What follows the message. */
  foot?: Html
}

/** Returns a function that turns every recurring value in a text into a link to its entry in the list of values. */
export function createMarker(values: readonly RecurringValue[]): MessageContext['mark'] {
  const byText = new Map(values.map((value) => [value.text, value]))
  const longestFirst = values.map(({ text }) => text).sort((one, other) => other.length - one.length)
  if (longestFirst.length === 0) return (text) => [text]
  const escaped = longestFirst.map((text) => text.replaceAll(/[^\w]/g, '\\$&'))
  const pattern = new RegExp(`(${escaped.join('|')})`)
  return (text) =>
    text.split(pattern).map((part, index) => {
      const value = index % 2 === 1 ? byText.get(part) : undefined
      return value ? html`<a class="v" href="#${value.id}" data-v="${value.id}">${shortened(part)}</a>` : part
    })
}

/** Tokens are shown decoded below, so their first and last characters suffice to recognize them. */
export function shortened(text: string): string {
  return /^eyJ[\w-]+\.[\w-]+\.[\w-]+$/.test(text) ? `${text.slice(0, 16)}…${text.slice(-8)}` : text
}

/** Renders a message with everything in it, and its explanations in place. */
export function renderMessage(message: Message, context: MessageContext): Html {
  const { id, number, from, to, title, kind, lines, body, signature, refusal } = message
  const { nameOf, isParty, mark, level, under, foot } = context
  const [start, ...headers] = lines
  const telling = headers.filter(isTelling)
  const others = headers.filter((line) => !isTelling(line))
  const heading = html`<span class="number">${number}</span> <span>${title} <span class="parties">${nameOf(from)} → ${nameOf(to)}</span></span>`
  return html`<article id="${id}" class="message" data-from="${from}" tabindex="-1" aria-labelledby="${under && `${under} `}${id}-title">
${level === 3 ? html`<h3 id="${id}-title">${heading}</h3>` : html`<h4 id="${id}-title">${heading}</h4>`}
${refusal && html`<p class="refusal"><strong>Refused:</strong> ${refusal}</p>`}
${kind === 'request' && html`<p class="signed-by">${signature ? html`${isParty(from) ? `Signed by the ${nameOf(from)}.` : 'Sent by someone else, with a signature.'} The marked lines are covered by the signature: if one of them changes, the request is refused.` : 'Not signed.'}</p>`}
<div class="wire">
${start && renderLine(start, context)}
${telling.map((line) => renderLine(line, context))}
${others.length > 0 ? html`<details class="others"><summary>${others.length === 1 ? '1 other header' : `${others.length} other headers`}</summary>${others.map((line) => renderLine(line, context))}</details>` : undefined}
${body && renderLine(body, context, true)}
</div>
${
  signature &&
  html`<details class="base" open><summary>The signature base: the exact lines that were signed</summary><ol>
${signature.lines.map(({ component, value, explanation }) => html`<li><code><b>"${component}"</b>: ${mark(value)}</code><span class="why">${explanation}</span></li>\n`)}</ol></details>`
}
${foot}
</article>
`
}

function isTelling({ covered, explanation, tokens }: Line): boolean {
  return covered.length > 0 || explanation !== undefined || tokens.length > 0
}

function renderLine(line: Line, { mark }: MessageContext, isBody = false): Html {
  const { name, value, covered, explanation, tokens } = line
  const label = name === '' ? undefined : isBody ? html`<span class="label">${name}</span>` : html`<b>${name}:</b> `
  const signed = covered.length > 0 ? html` <span class="chip">signed: ${covered.join(' ')}</span>` : undefined
  return html`<div class="line${covered.length > 0 ? ' signed' : ''}${isBody ? ' body' : ''}">
${isBody ? html`${label}${signed}<pre><code>${mark(value)}</code></pre>` : html`<code>${label}${mark(value)}</code>${signed}`}
${explanation && html`<p class="why">${mark(explanation)}</p>`}
${tokens.map((token) => renderToken(token, mark))}
</div>
`
}

function renderToken({ kind, compact, header, payload }: DecodedParts, mark: MessageContext['mark']): Html {
  return html`<div class="token" role="group" aria-label="Decoded token: ${kind}">
<p class="kind">${nameOfToken(kind)}, decoded <span class="label">${kind}</span></p>
<dl>${[...header, ...payload].map((member) => renderMember(member, mark))}</dl>
<details><summary>As sent, ${compact.length} characters</summary><code class="compact">${compact.split('.').map((part, index) => html`${index > 0 ? '.' : ''}<span>${part}</span>`)}</code></details>
</div>`
}

function nameOfToken(kind: string): string {
  const name = kind.replaceAll(/^aa-|\+jwt$/g, '')
  return `${name.charAt(0).toUpperCase()}${name.slice(1)} token`
}

function renderMember({ name, value, explanation }: Member, mark: MessageContext['mark']): Html {
  return html`<div><dt>${name}</dt><dd><code>${mark(value)}</code>${explanation && html`<span class="why">${mark(explanation)}</span>`}</dd></div>
`
}
