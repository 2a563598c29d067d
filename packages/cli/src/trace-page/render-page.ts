import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { Html, html } from './html.js'
import { createMarker, type MessageContext, renderMessage, shortened } from './render-message.js'
import type { Attempt, Lane, Message, RecurringValue, RunModel } from './run-model.js'

function readAsset(name: string): string {
  return readFileSync(new URL(`../../assets/${name}`, import.meta.url), 'utf8')
}

/** Renders a run as one HTML document that loads nothing. It is complete without its script, which only hides and highlights. */
export function renderPage(run: RunModel): string {
  const style = readAsset('trace-page.css')
  const script = readAsset('trace-page.js')
  const hashOf = (text: string) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`
  const policy = `default-src 'none'; style-src ${hashOf(style)}; script-src ${hashOf(script)}; base-uri 'none'; form-action 'none'`
  const { title, edition, lead, lanes, sentences, trust, replay, messages, attempts, values, notice } = run
  const names = new Map<string, string>(lanes.map(({ party, name }) => [party, name]))
  const context: MessageContext = {
    nameOf: (party) => names.get(party) ?? 'someone else',
    isParty: (party) => names.has(party),
    mark: createMarker(values),
    level: 3,
  }
  return html`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>${title} – ${edition}</title>
<style>${new Html(style)}</style>
</head>
<body>
<a class="skip" href="#main">Skip to the content</a>
<header class="top">
<p class="edition">${edition}</p>
<h1>${title}</h1>
<p class="lead">${lead}</p>
<p class="notice">${notice}</p>
<div class="readings" role="group" aria-label="Reading" hidden>
<button type="button" data-reading="simple" aria-pressed="true">Simple</button>
<button type="button" data-reading="wire" aria-pressed="false">Wire</button>
</div>
</header>
<main id="main">
${sentences.length > 0 ? renderSimple({ sentences, trust, replay, values }, context, lanes) : undefined}
${renderWire({ messages, lanes }, context)}
${attempts.length > 0 ? renderAttempts(attempts, context) : undefined}
${values.length > 0 ? renderValues(values) : undefined}
<div class="found" role="status"></div>
</main>
<script>${new Html(script)}</script>
</body>
</html>
`.markup
}

function renderSimple(
  { sentences, trust, replay, values }: Pick<RunModel, 'sentences' | 'trust' | 'replay' | 'values'>,
  { nameOf }: MessageContext,
  lanes: readonly Lane[],
): Html {
  const key = values.find(({ label }) => label.startsWith('thumbprint'))
  return html`<section id="simple" aria-labelledby="simple-title">
<h2 id="simple-title">${sentences.length === 9 ? 'Nine sentences' : 'What happened'}</h2>
<div class="diagram story" data-lanes="${lanes.length}">
${renderHeads(lanes)}
<ol class="arrows">
${sentences.map(
  ({ text, message }, index) => html`<li>
${renderArrow(message, lanes, html`<span class="number">${index + 1}</span>`)}
<p>${text} <a class="more" href="#${message.id}">Message ${message.number}<span class="hidden">: ${nameOf(message.from)} to ${nameOf(message.to)}, ${message.title}</span></a></p>
</li>
`,
)}</ol>
</div>
<div class="answers">
<section aria-labelledby="stolen-title" class="card">
<h2 id="stolen-title">Why a stolen token is worthless</h2>
<p class="point">The token contains the agent’s public key. The API accepts the token only in a request that is signed with the matching private key, and that key never leaves the agent.</p>
<p>A thief may copy the token, and even a whole request. Without the private key, they can sign nothing new, and what was signed cannot be changed. ${replay}</p>
${key && html`<p>In this run, the agent’s key has the thumbprint <a class="v" href="#${key.id}" data-v="${key.id}">${key.text}</a>. It is in ${messageLinks(key.messages)}: from the agent’s published key to the token that the API accepted.</p>`}
</section>
<section aria-labelledby="trust-title" class="card">
<h2 id="trust-title">Who trusts whom</h2>
<dl class="trust">
${trust.map(({ who, whom, why }) => html`<div><dt>${who} <span aria-hidden="true">→</span><span class="hidden"> trusts </span> ${whom}</dt><dd>${why}</dd></div>\n`)}</dl>
</section>
</div>
</section>
`
}

function renderHeads(lanes: readonly Lane[]): Html {
  return html`<ul class="heads">
${lanes.map(({ party, name, origin }) => html`<li data-party="${party}"><b>${name}</b>${origin !== undefined && html`<span>${origin.replace(/^https?:\/\//, '')}</span>`}</li>\n`)}</ul>`
}

/** The arrow itself is drawn by the style sheet, between the lanes with these numbers. */
function renderArrow({ from, to, kind }: Message, lanes: readonly Lane[], label: Html): Html {
  const [start, end] = [from, to].map((party) => lanes.findIndex((lane) => lane.party === party) + 1) as [
    number,
    number,
  ]
  const span = `${Math.min(start, end)}-${Math.max(start, end)}`
  return html`<span class="track" data-span="${span}" data-from="${from}"><span class="text">${label}</span><span class="arrow ${start < end ? 'right' : 'left'} ${kind}" aria-hidden="true"></span></span>`
}

function renderWire({ messages, lanes }: Pick<RunModel, 'messages' | 'lanes'>, context: MessageContext): Html {
  const { nameOf } = context
  return html`<section id="wire" aria-labelledby="wire-title">
<h2 id="wire-title">Every message</h2>
<div class="columns">
<nav class="diagram" data-lanes="${lanes.length}" aria-label="Messages in the order in which they were sent">
${renderHeads(lanes)}
<ol class="arrows">
${messages.map((message) => {
  const { id, number, from, to, title, isDiscovery, refusal, signature } = message
  const state = refusal === undefined ? (signature ? ', signed' : '') : ', refused'
  const label = html`<span class="number">${number}</span> ${title}<span class="hidden">, ${nameOf(from)} to ${nameOf(to)}${state}</span>`
  const kind = `${isDiscovery ? 'discovery' : ''}${refusal === undefined ? '' : ' refused'}`
  return html`<li class="${kind.trim()}"><a href="#${id}">${renderArrow(message, lanes, label)}</a></li>\n`
})}</ol>
</nav>
<div class="messages">
${messages.map((message) => renderMessage(message, { ...context, foot: renderSteps(message, messages) }))}</div>
</div>
</section>
`
}

function renderSteps({ number }: Message, messages: readonly Message[]): Html {
  const [before, after] = [messages[number - 2], messages[number]]
  return html`<p class="steps">
${before && html`<a href="#${before.id}">← Message ${before.number}</a>`}
${after && html`<a href="#${after.id}">Message ${after.number} →</a>`}
<a href="#wire">Diagram</a>
</p>`
}

function renderAttempts(attempts: readonly Attempt[], context: MessageContext): Html {
  return html`<section id="what-if" aria-labelledby="what-if-title">
<h2 id="what-if-title">What if …</h2>
<p>Each of these was tried while this page was made. The refusals are what the software responded.</p>
<ul class="attempts">
${attempts.map(
  ({ title, story, lesson, messages, status, refusal }, index) => html`<li class="card">
<h3 id="attempt-${index + 1}">${title}</h3>
<p>${story}</p>
<p class="refusal"><strong>${status}</strong> ${refusal}</p>
<p>${lesson}</p>
<details><summary>The two messages<span class="hidden">: ${title}</span></summary>${messages.map((message) => renderMessage(message, { ...context, level: 4, under: `attempt-${index + 1}` }))}</details>
</li>
`,
)}</ul>
</section>
`
}

function renderValues(values: readonly RecurringValue[]): Html {
  return html`<section id="values" aria-labelledby="values-title">
<h2 id="values-title">Values that recur</h2>
<p>The same value in several messages connects them. Select one to highlight it wherever it occurs.</p>
<ul class="values">
${values.map(({ id, label, text, messages }) => html`<li id="${id}"><b>${label}</b> <a class="v" href="#${id}" data-v="${id}">${shortened(text)}</a> <span>in ${messageLinks(messages)}</span></li>\n`)}</ul>
</section>
`
}

function messageLinks(numbers: readonly number[]): Html {
  const links = numbers.map(
    (number, index) =>
      html`${index === 0 ? '' : index === numbers.length - 1 ? ' and ' : ', '}<a href="#m${number}">${number}</a>`,
  )
  return html`messages ${links}`
}
