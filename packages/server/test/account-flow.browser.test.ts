import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type BrowserStage, guard, newPage, openBrowserStage, stateOf, typeIn } from './accounts/browser-stage.js'
import { people } from './attacks/stage.js'
import { hasChromium, openChromium } from './chromium.js'
import { takeScreenshot } from './screenshot.js'
import { loadAxe, loadEngines, violations } from './violations.js'

describe.skipIf(!hasChromium())('accounts in Chromium', () => {
  let browser: Browser
  let stage: BrowserStage

  beforeAll(async () => {
    browser = await openChromium()
    stage = await openBrowserStage()
  })

  afterAll(async () => {
    await browser?.close()
    await stage?.close()
  })

  const open = (page: Page, path: string) => page.goto(stage.authServer + path)

  async function signedIn(who: keyof typeof people, options: BrowserContextOptions = {}): Promise<Page> {
    const page = await newPage(browser, options)
    await open(page, '/account/sign-in')
    await typeIn(page, people[who])
    return page
  }

  /** Clicks and waits for the page that loads. */
  const follow = (page: Page, selector: string) =>
    Promise.all([page.waitForEvent('load'), page.locator(selector).first().click()])

  async function allow(page: Page, duration = 'until-removed'): Promise<void> {
    await page.locator(`input[value="${duration}"]`).check()
    await page.locator('button[value=grant]').scrollIntoViewIfNeeded()
    await page.waitForTimeout(guard)
    await page.locator('button[value=grant]').click()
    await page.waitForURL('**/callback?**')
  }

  async function allowFor(page: Page, agent = stage.agent, scope = 'data.read data.write'): Promise<void> {
    await page.goto((await stage.ask({ scope }, agent)).url)
    await allow(page)
  }

  const granted = async (who: keyof typeof people) => {
    const userId = (await stage.storage.findCredential(who))?.user.id
    return stage.storage.listGrants({ userId, live: true })
  }

  it('navigates back to the result of a form without prompting to resubmit it', async () => {
    const page = await signedIn('alice')
    await allowFor(page)
    await open(page, '/account')
    await follow(page, '.entry a[href$="/remove"]')
    await follow(page, 'main button[type=submit]')
    expect(await stateOf(page)).toBe('agents-removed')
    await follow(page, '.tabs a[href$="/activity"]')
    await page.goBack()
    expect(await stateOf(page)).toBe('agents-removed')
    await page.reload()
    expect(await stateOf(page)).toBe('agents-removed')
  })

  it('lets two users in two browsers decide at the same time, each on their own request', async () => {
    const [alice, bob] = [await signedIn('alice'), await signedIn('bob')]
    await Promise.all([allowFor(alice, stage.agent), allowFor(bob, stage.otherAgent)])
    for (const [page, own, other] of [
      [alice, stage.agent, stage.otherAgent],
      [bob, stage.otherAgent, stage.agent],
    ] as const) {
      await open(page, '/account')
      const text = await page.locator('main').textContent()
      expect(text).toContain(new URL(own.id).host)
      expect(text).not.toContain(new URL(other.id).host)
    }
  })

  it('applies a revocation made in one browser to both browsers of the user', async () => {
    const [first, second] = [await signedIn('bob'), await signedIn('bob')]
    await allowFor(first, stage.agent)
    await open(second, '/account')
    await open(first, '/account/remove-all')
    await follow(first, 'main form.decision button')
    expect(await stateOf(first)).toBe('agents-removed')
    await second.reload()
    expect(await stateOf(second)).toBe('agents-empty')
  })

  it('C12: does not count a click on Allow within 500 ms after the page appears', async () => {
    const page = await signedIn('alice', { viewport: { width: 800, height: 2000 } })
    const before = await granted('alice')
    await page.addInitScript(() => {
      document.addEventListener('DOMContentLoaded', () => {
        document.querySelector<HTMLButtonElement>('button[value=grant]')?.click()
      })
    })
    await page.goto((await stage.ask({ scope: 'data.write' })).url)
    await page.waitForTimeout(100)
    expect(await stateOf(page)).toMatch(/^consent-/)
    expect(await granted('alice')).toEqual(before)
    await page.waitForTimeout(guard)
    await page.locator('button[value=grant]').click()
    await page.waitForURL('**/callback?**')
  })

  it('extends a request in place: selections are kept, and Allow works after the original expiry', async () => {
    const page = await signedIn('alice')
    await page.goto((await stage.ask()).url)
    await page.locator('input[value="until-removed"]').check()
    stage.clock.now += 500
    const address = page.url()
    const ends = () => page.locator('.deadline time').first().getAttribute('datetime')
    const before = await ends()
    await page.locator('form[data-extend] button').click()
    await expect.poll(ends).not.toBe(before)
    expect(Date.parse((await ends()) ?? '') - Date.parse(before ?? '')).toBe(600_000)
    expect(page.url()).toBe(address)
    expect(await page.locator('input[value="until-removed"]').isChecked()).toBe(true)
    stage.clock.now += 500
    await page.locator('button[value=grant]').scrollIntoViewIfNeeded()
    await page.waitForTimeout(guard)
    await page.locator('button[value=grant]').click()
    await page.waitForURL('**/callback?code=**')
  })

  it('warns before a request expires, and lets it be extended at least ten times without JavaScript', async () => {
    const page = await signedIn('alice', { javaScriptEnabled: false })
    await page.goto((await stage.ask()).url)
    stage.clock.now += 450
    await page.reload()
    expect(await page.locator('.deadline .caution').count()).toBe(1)
    for (let times = 0; times < 10; times++) {
      await follow(page, 'form[data-extend] button')
      stage.clock.now += 550
      await page.reload()
      expect(await stateOf(page)).toBe('consent-known')
    }
    stage.clock.now += 1200
    await page.reload()
    expect(await stateOf(page)).toBe('request_expired')
  })

  it('changes the language in place, from left-to-right to right-to-left and back', async () => {
    const page = await signedIn('alice')
    const { url } = await stage.ask()
    await page.goto(url)
    const direction = () => page.locator('html').getAttribute('dir')
    expect(await direction()).toBe('ltr')
    await follow(page, 'button[name=language][value=ar]')
    expect(page.url()).toBe(url)
    expect(await direction()).toBe('rtl')
    for (const path of ['/account', '/account/security', '/nowhere']) {
      await open(page, path)
      expect(await direction()).toBe('rtl')
    }
    await open(page, '/account/activity')
    await follow(page, 'button[name=language][value=en]')
    expect(await direction()).toBe('ltr')
  })

  it('shows the consent page in the browser’s language', async () => {
    const page = await newPage(browser, { locale: 'ar-EG' })
    await open(page, '/account/sign-in')
    expect(await page.locator('html').getAttribute('dir')).toBe('rtl')
  })

  it('C20: shows nothing of an account through the back button after sign-out', async () => {
    const page = await signedIn('alice')
    await open(page, '/account/activity')
    await open(page, '/account')
    await follow(page, 'header form button')
    expect(await stateOf(page)).toBe('signed-out')
    for (let back = 0; back < 2; back++) {
      await page.goBack()
      expect(await stateOf(page)).toBe('sign-in')
      expect(await page.locator('body').textContent()).not.toContain('alice')
    }
  })

  it('works with the keyboard alone: an agent is found and its access revoked', async () => {
    const page = await signedIn('bob')
    await allowFor(page, stage.otherAgent)
    await open(page, '/account')
    const tabTo = async (selector: string) => {
      for (let presses = 0; presses < 30; presses++) {
        await page.keyboard.press('Tab')
        if (await page.evaluate((wanted) => document.activeElement?.matches(wanted), selector)) {
          const outline = await page.evaluate(
            () => getComputedStyle(document.activeElement ?? document.body).outlineStyle,
          )
          expect(outline).not.toBe('none')
          return
        }
      }
      throw new Error(`Tab never reached ${selector}`)
    }
    const press = () => Promise.all([page.waitForEvent('load'), page.keyboard.press('Enter')])
    await tabTo('.entry a[href$="/remove"]')
    await press()
    expect(await stateOf(page)).toBe('remove-agent')
    await tabTo('main form.decision button')
    await press()
    expect(await stateOf(page)).toBe('agents-removed')
    expect(await granted('bob')).toEqual([])
  })

  describe('as served', () => {
    const accountPages = [
      ['my-agents', '/account'],
      ['remove-all', '/account/remove-all'],
      ['activity', '/account/activity'],
      ['security', '/account/security'],
      ['password', '/account/password'],
      ['yours', '/account/yours'],
      ['close', '/account/close'],
      ['not-found', '/account/agents/none'],
    ] as const

    async function look(page: Page, name: string): Promise<string[]> {
      const picture = (variant: string) => takeScreenshot(page, `served-${name}.${variant}`)
      await page.setViewportSize({ width: 800, height: 900 })
      await page.emulateMedia({ colorScheme: 'dark' })
      await picture('dark')
      const dark = name.endsWith('.rtl') ? [] : await violations(page, 'colours')
      await page.emulateMedia({ colorScheme: 'light' })
      await picture('light')
      const light = await violations(page, 'all')
      await page.setViewportSize({ width: 320, height: 640 })
      await picture('320')
      const sideways = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)
      return [...new Set([...dark, ...light, ...(sideways > 0 ? [`${sideways} px too wide`] : [])])].map(
        (what) => `${name}: ${what}`,
      )
    }

    /** Takes a user through the pages. */
    async function walk(options: BrowserContextOptions, suffix: string): Promise<string[]> {
      const page = await newPage(browser, { bypassCSP: true, reducedMotion: 'reduce', ...options })
      // Those other than axe-core know only English.
      await (suffix === '' ? loadEngines(page) : loadAxe(page))
      const found: string[] = []
      const see = async (name: string) => void found.push(...(await look(page, name + suffix)))
      await open(page, '/account/sign-in')
      await see('sign-in')
      await open(page, '/account/sign-up')
      await see('sign-up')
      await page.goto((await stage.ask()).url)
      await see('request-sign-in')
      await typeIn(page, { username: 'alice', password: 'wrong' })
      await see('wrong-password')
      await typeIn(page, people.alice)
      await see('consent')
      await page.goto((await stage.ask({ scope: 'data.read data.delete' }, stage.otherAgent)).url)
      await see('consent-sensitive')
      stage.clock.now += 700
      await page.goto((await stage.ask({ scope: 'data.read data.delete' }, stage.otherAgent)).url)
      await see('consent-password')
      await allowFor(page)
      for (const [name, path] of accountPages) {
        await open(page, path)
        await see(name)
      }
      await open(page, '/account')
      await follow(page, '.entry a:not([href$="/remove"])')
      await see('agent')
      await open(page, '/account')
      await follow(page, '.entry a[href$="/remove"]')
      await see('remove-agent')
      await follow(page, 'main form.decision button')
      await see('removed')
      await follow(page, 'header form button')
      await see('signed-out')
      return found
    }

    it('have no accessibility findings in light and dark mode, and fit 320 px', async () => {
      expect(await walk({}, '')).toEqual([])
    })

    it('have no axe-core findings when laid out right to left', async () => {
      expect(await walk({ locale: 'ar' }, '.rtl')).toEqual([])
    })
  })
})
