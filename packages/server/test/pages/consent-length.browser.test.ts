import { ar, en, languages, type Messages } from 'countersign-server/pages'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hasChromium, openChromium } from '../chromium.js'
import { type PagesOrigin, servePages } from './pages-origin.js'
import { statesIn } from './states.js'

const documents = new Map(Object.values(languages).map((messages) => [messages.lang, statesIn(messages)]))
const documentOf = (path: string) => {
  const [lang = '', name = ''] = path.split('/')
  return documents.get(lang)?.get(name)
}

/** The part of a sentence before its first placeholder. */
const startOf = (sentence: (...values: string[]) => unknown) => [sentence('#', '#')].flat().join('').split('#')[0] ?? ''

/** What each state shows at once, in the language of the page. */
const shown: Record<string, (messages: Messages) => string[]> = {
  usual: (messages) => [
    'calendar-helper.example',
    'cal.example',
    'Calendar Helper',
    'worker-7@calendar-helper.example',
    messages.notChecked.name,
    messages.firstTime,
    messages.ago(40),
    'K7QX',
    messages.risks.change,
    'Create and change events',
    'See your events',
    ...[3600, 86400, 2592000].map(messages.duration),
    messages.untilRemoved,
    messages.whileAway,
    messages.worksOn(600),
    startOf(messages.toldToOpen),
    messages.deny,
    'calendar-helper.example/callback',
    messages.extend,
  ],
  full: (messages) => [startOf(messages.allowedBefore), messages.asksForMore, messages.isNew],
  sensitive: (messages) => [messages.dangers.spend, messages.risks.spend, messages.passwordAgain],
  once: (messages) => [messages.once, 'https://cal.example/files/'],
  changed: (messages) => [messages.changed, messages.changes.keys, 'Calendar Assistant'],
  elsewhere: () => ['mail.example', 'files.example'],
  'sign-in': () => ['Alice Moore, alice'],
  'identity-of-little': (messages) => [messages.withheld, messages.noValue],
  kept: (messages) => [messages.kept],
  'step-up': (messages) => [
    startOf(messages.allowedBefore),
    messages.asksForMore,
    messages.isNew,
    messages.kept,
    'See your events',
    'Share your calendar',
  ],
  loopback: (messages) => [startOf(messages.loopback)],
  'redirect-elsewhere': (messages) => [startOf(messages.elsewhere), 'hub.example/cb'],
  'bearer-loopback': (messages) => [messages.bearer, startOf(messages.anyProgram), messages.askedAgain],
  'registered-by-itself': (messages) => [messages.registeredBy.itself],
  'look-alike': (messages) => [startOf(messages.lookAlike), 'xn--gent-43d.example'],
  imitation: (messages) => [messages.claims.imitation],
  'nothing-said': (messages) => [messages.noName, 'calendar.read'],
  blocks: (messages) => [
    '7KQ2-M4XD-91TB',
    messages.blocks.enrolment,
    'Calendars for teams.',
    'I plan your week.',
    messages.blocks.agentSaysUnchecked,
  ],
}

/** The text of a page that is visible before anything is opened. */
function visibleText(page: Page): Promise<string> {
  return page.evaluate(() => {
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
    let text = ''
    while (texts.nextNode()) if (texts.currentNode.parentElement?.checkVisibility()) text += texts.currentNode.nodeValue
    return text
  })
}

describe.skipIf(!hasChromium()).each(Object.values(languages))('the consent page in $languageName', (messages) => {
  let server: PagesOrigin
  let browser: Browser
  let page: Page

  beforeAll(async () => {
    server = await servePages(documentOf)
    browser = await openChromium()
    page = await browser.newPage({ javaScriptEnabled: false, viewport: { width: 1280, height: 800 } })
  })

  afterAll(async () => {
    await browser?.close()
    await server?.close()
  })

  it.each([
    ['a first request', 'usual'],
    ['a request for more', 'step-up'],
  ])('shows %s for two permissions and both buttons without scrolling at 1280 × 800', async (_what, state) => {
    await page.goto(`${server.origin}/${messages.lang}/consent-${state}`)
    const bottoms = await page.$$eval('.choice button', (buttons) =>
      buttons.map((button) => button.getBoundingClientRect().bottom),
    )
    expect(bottoms).toHaveLength(2)
    expect(Math.max(...bottoms)).toBeLessThanOrEqual(800)
  })

  it('opens with one row of durations and one row of buttons', async () => {
    await page.goto(`${server.origin}/${messages.lang}/consent-usual`)
    for (const selector of ['.options label', '.choice button']) {
      const tops = await page.$$eval(selector, (all) => all.map((each) => each.getBoundingClientRect().top))
      expect(new Set(tops).size, selector).toBe(1)
    }
  })

  it.each(['usual', 'no-redirect', 'set-up-first'])('%s leaves space above and below the buttons', async (state) => {
    await page.goto(`${server.origin}/${messages.lang}/consent-${state}`)
    const [above, buttons, below] = await page.$$eval('main p, main .choice', (all) => {
      const visible = all.filter((each) => each.checkVisibility())
      const at = visible.findIndex((each) => each.matches('.choice'))
      return visible.slice(at - 1, at + 2).map((each) => each.getBoundingClientRect().toJSON())
    })
    expect(buttons.top - above.bottom).toBeGreaterThanOrEqual(8)
    expect(below.top - buttons.bottom).toBeGreaterThanOrEqual(8)
  })

  // What is collapsed, and in which order, does not depend on the language.
  if (messages !== en && messages !== ar) return

  it.each(Object.keys(shown))('%s collapses nothing that the decision depends on', async (state) => {
    await page.goto(`${server.origin}/${messages.lang}/consent-${state}`)
    const text = await visibleText(page)
    for (const words of shown[state]?.(messages) ?? []) expect(text).toContain(words)
    expect(await page.locator('details .box, details .able').count()).toBe(0)
  })

  it('collapses what the agent cannot do, and technical names', async () => {
    await page.goto(`${server.origin}/${messages.lang}/consent-usual`)
    const collapsed = [
      messages.notSeePassword,
      messages.notElsewhere,
      'calendar.write',
      'kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k',
    ]
    const before = await visibleText(page)
    for (const words of collapsed) expect(before).not.toContain(words)
    await page.locator('summary').first().click()
    const after = await visibleText(page)
    for (const words of collapsed) expect(after).toContain(words)
  })

  it.each([
    ['sensitive', '.able'],
    ['look-alike', '.asking .host'],
    ['loopback', '.choice'],
  ])('%s has its caution above what it is about', async (state, selector) => {
    await page.goto(`${server.origin}/${messages.lang}/consent-${state}`)
    const caution = await page.locator('.box.caution').boundingBox()
    const subject = await page.locator(selector).last().boundingBox()
    expect((caution?.y ?? Number.NaN) + (caution?.height ?? 0)).toBeLessThanOrEqual(subject?.y ?? Number.NaN)
  })
})
