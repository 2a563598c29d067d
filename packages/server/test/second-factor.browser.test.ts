import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { codeAt, secretOn, setUpPath } from './accounts/authenticator.js'
import { type BrowserStage, newPage, openBrowserStage, stateOf, typeIn } from './accounts/browser-stage.js'
import { people } from './attacks/stage.js'
import { hasChromium, openChromium } from './chromium.js'

describe.skipIf(!hasChromium())('two-step sign-in in Chromium, at two instances, without JavaScript', () => {
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

  const scriptless = () => newPage(browser, { javaScriptEnabled: false })

  async function enter(page: Page, fields: Record<string, string>): Promise<void> {
    for (const [name, value] of Object.entries(fields)) await page.locator(`input[name=${name}]`).fill(value)
    await Promise.all([page.waitForEvent('load'), page.keyboard.press('Enter')])
  }

  it('is set up with an app, asked for on the way to a request, proves an Allow, and is turned off', async () => {
    const complaints: string[] = []
    const own = await scriptless()
    own.on('console', (message) => {
      if (message.text().includes('Content Security Policy')) complaints.push(message.text())
    })
    await own.goto(`${stage.authServer}/account/sign-in?return_to=${encodeURIComponent('/account/security')}`)
    await typeIn(own, people.alice)
    await own.getByRole('link', { name: 'Set up two-step sign-in' }).click()
    expect(await stateOf(own)).toBe('set-up-factor')
    expect(new URL(own.url()).pathname).toBe(setUpPath)
    expect(await own.getByRole('img', { name: 'QR code' }).boundingBox()).toMatchObject({ width: 208, height: 208 })
    const secret = secretOn(await own.content())
    const next = () => {
      stage.clock.now += 30
      return codeAt(secret, stage.clock.now)
    }
    await enter(own, { code: '000000' })
    expect(await own.locator('main').getAttribute('data-error-code')).toBe('wrong_code')
    await enter(own, { code: next() })
    expect(await stateOf(own)).toBe('recovery-codes')
    const recovery = await own.locator('.codes code').first().textContent()
    await own.getByRole('link', { name: 'I’ve saved them' }).click()
    expect(await stateOf(own)).toBe('security')

    const other = await scriptless()
    await other.goto((await stage.ask({ scope: 'data.delete' })).url)
    await typeIn(other, people.alice)
    expect(await stateOf(other)).toBe('second-step')
    await enter(other, { code: next() })
    expect(await stateOf(other)).toBe('consent-first-time')

    stage.clock.now += 1
    await other.goto((await stage.ask({ scope: 'data.delete' })).url)
    await other.locator('input[name=password]').fill(people.alice.password)
    await other.locator('input[name=code]').fill(recovery ?? '')
    await other.getByRole('button', { name: 'Allow', exact: true }).click()
    await other.waitForURL(/\/callback\?.*code=/)

    await own.goto(`${stage.authServer}/account/security`)
    expect(await own.locator('main').textContent()).toContain('9 recovery codes are left.')
    await own.getByRole('link', { name: 'Turn off two-step sign-in' }).click()
    await own.getByRole('button', { name: 'Turn off two-step sign-in' }).click()
    expect(await own.locator('main').textContent()).toContain('Two-step sign-in is off.')
    expect(complaints).toEqual([])
  })
})
