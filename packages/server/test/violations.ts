import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { Page } from 'playwright-core'
import { has } from '../../../test/needs.js'

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** HTML_CodeSniffer and IBM's accessibility-checker-engine, which `npm ci --prefix accessibility` installs. */
const installed = new URL('../../../accessibility/node_modules/', import.meta.url)
const others = {
  HTMLCS: new URL('html_codesniffer/build/HTMLCS.js', installed),
  ace: new URL('accessibility-checker-engine/ace.js', installed),
}

/** What these two report although it is no problem: a rule, and the only elements for which its reports are ignored. */
const accepted: readonly [rule: string, elements: string][] = [
  // HTML_CodeSniffer warns of every image with an empty `alt`. The name of the server or agent is next to these.
  ['1_1_1.H67.2', 'img:is(.brand, .logo)'],
  // It reports the hidden username, which password managers read, with a label and, as an error, without one.
  ['1_3_1.F68.HiddenAttr', 'input[autocomplete=username][hidden]'],
  // It does not know the value for codes, which HTML defines.
  ['1_3_5.H98', 'input[autocomplete=one-time-code]'],
  // It takes several links for navigation. These are what to do next, or are in a sentence.
  ['1_3_1.H48', '.actions, .steps, p:has(> .v)'],
  // It takes a paragraph that is all emphasis for a heading. This one is a sentence, and others follow it in most cases.
  ['1_3_1.H42', '.asking > p:has(> strong)'],
  // It cannot tell the background of what is positioned: text that only screen readers read, and controls that axe-core checks.
  ['1_4_3.G18.Abs', ':is(.unseen, .hidden, .skip, .readings), :is(.unseen, .hidden, .readings) *'],
  // It warns that these may be wider than the window. Tests see that the pages fit 320 px.
  ['G206: Preformatted text', 'html:has(pre)'],
  ['G206: This element has "position: fixed"', '.found'],
  // Nothing that has the focus is under the bar at the edge of the window: a test tabs through the page.
  ['element_tabbable_unobscured', 'html:has(.found) *'],
  // The background of the diagram is its lanes, which its text names.
  ['img_alt_background', '.arrows'],
  // The engine asks four questions about every stylesheet. Forced colors, text of 200% and the focus have their own tests, and a color
  // that is the only sign of a link is reported by axe-core.
  ['style_color_misuse', 'link, style'],
  ['style_highcontrast_visible', 'link, style'],
  ['style_viewport_resizable', 'link, style'],
  ['style_focus_visible', 'a, button, summary, input'],
  // It wants a fieldset around any two text fields. A username and a password are no group; the heading names their form.
  ['input_fields_grouped', 'input'],
  // It does not know that HTML allows `div` in `dl`. axe-core checks these lists.
  ['list_structure_proper', 'dl:has(> div > dt)'],
  // The sentence before these links says that they open in a new tab.
  ['a_target_warning', '.links a'],
  // What an API or agent says has no address to cite; the sentence before it names the speaker.
  ['blockquote_cite_exists', 'blockquote'],
  // An initial in a tile.
  ['text_block_heading', '.pair[aria-hidden=true]'],
  // An agent and its API, below the heading that asks about them.
  ['text_block_heading', '.lead:has(> .host + .host)'],
  // It asks about words that could mean a place or a size. "Below" is said of what follows in reading order; the others are no places.
  ["text_sensory_misuse: Confirm the word(s) 'below'", 'p, span'],
  ["text_sensory_misuse: Confirm the word(s) 'right'", 'h1'],
  ["text_sensory_misuse: Confirm the word(s) 'left'", 'p:has(> time)'],
  ["text_sensory_misuse: Confirm the user instruction is still understandable without the word(s) 'little'", 'p'],
  ["text_sensory_misuse: Confirm the user instruction is still understandable without the word(s) 'extra'", 'div'],
]

// Passing checks are not reported, and nothing is preloaded for them.
const run = (options: string) =>
  `axe.run({ resultTypes: ['violations'], selectors: false, preload: false, ${options} }).then(({ violations }) =>
    violations.map(({ id, nodes }) => id + ': ' + nodes.map(({ html }) => html).join(' ')))`
const all = run(`rules: { 'target-size': { enabled: true }, 'color-contrast-enhanced': { enabled: false } }`)
const runs = { all, axe: all, colours: run(`runOnly: ['color-contrast', 'link-in-text-block']`) }

/** Loads axe-core into every document that this page opens from now on: Chromium then compiles it only once. */
export function loadAxe(page: Page): Promise<unknown> {
  return page.addInitScript(axe)
}

/** Loads all engines into every document that this page opens from now on. */
export async function loadEngines(page: Page): Promise<void> {
  await loadAxe(page)
  if (!has('accessibility engines')) return
  // An added script shares no variables.
  for (const [name, file] of Object.entries(others))
    await page.addInitScript(`${readFileSync(file, 'utf8')}\nglobalThis.${name} = ${name}`)
}

/**
 * What axe-core, HTML_CodeSniffer and accessibility-checker-engine report on the document that a page shows; call `loadEngines` first, or
 * `loadAxe` for the rules `axe`. A color scheme changes only colors, so a second scheme is checked for colors alone, by axe-core.
 */
export async function violations(page: Page, rules: keyof typeof runs): Promise<string[]> {
  const found = await page.evaluate<string[]>(runs[rules])
  return rules === 'all' && has('accessibility engines') ? [...found, ...(await reports(page))] : found
}

interface Engines {
  HTMLCS: {
    process(standard: string, content: Document, done: () => void): void
    getMessages(): { type: number; code: string; msg: string; element: Node }[]
  }
  ace: {
    Checker: new () => {
      check(
        content: Document,
        rulesets: string[],
      ): Promise<{
        results: { ruleId: string; value: [string, string]; message: string; node: Node }[]
      }>
    }
  }
}

/** What the two other engines report. */
function reports(page: Page): Promise<string[]> {
  return page.evaluate(async (ignored) => {
    // They know only English, and pages have the same elements in every language.
    if (!document.documentElement.lang.startsWith('en')) return []
    const { HTMLCS, ace } = window as unknown as Engines
    await new Promise<void>((resolve) => HTMLCS.process('WCAG2AA', document, resolve))
    // Errors and warnings. Notices say what a person should check, on every page.
    const sniffed = HTMLCS.getMessages().filter(({ type }) => type < 3)
    const { results } = await new ace.Checker().check(document, ['WCAG_2_2'])
    const checked = results.filter(({ value }) => value[1] !== 'PASS')
    return [
      ...sniffed.map(({ code, msg, element }) => ({ rule: code, says: msg, at: element })),
      ...checked.map(({ ruleId, message, node }) => ({ rule: ruleId, says: message, at: node })),
    ]
      .map(({ at, ...report }) => ({ ...report, at: at instanceof Element ? at : document.documentElement }))
      .filter(
        ({ rule, says, at }) =>
          !ignored.some(([name, elements]) => `${rule}: ${says}`.includes(name) && at.matches(elements)),
      )
      .map(({ rule, says, at }) => `${rule}: ${says} ${at.outerHTML.slice(0, 200)}`)
  }, accepted)
}
