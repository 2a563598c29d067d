import { describe, expect, it } from 'vitest'
import { describeNoCookies, unavailablePage } from '../../../src/agent/web-app/visit.js'

const shared = { id: 'https://calendar.example', about: { name: 'Calendar helper' }, back: '/events' }

describe('the page for a user who cannot be prompted yet', () => {
  it.each<[number, string, string]>([
    [1, 'en', 'Try again in 1 minute.'],
    [60, 'en-GB', 'Try again in 1 minute.'],
    [61, 'en', 'Try again in 2 minutes.'],
    [3600, 'fr', 'Try again in 60 minutes.'],
    [60, 'ar', 'حاول مرة أخرى خلال دقيقة واحدة.'],
    [120, 'ar-EG', 'حاول مرة أخرى خلال دقيقتين.'],
  ])('after %i seconds, in %s: %s', async (seconds, language, words) => {
    const page = unavailablePage({ ...shared, language }, seconds)
    expect([page.status, page.headers.get('retry-after')]).toEqual([503, String(seconds)])
    expect(page.headers.get('cache-control')).toBe('no-store')
    const html = await page.text()
    expect(html).toContain(`<p>${words}</p>`)
    expect(html).toContain('<main data-state="unavailable">')
    expect(html).toContain('<a href="/events">')
    expect(html).toContain('Calendar helper')
  })
})

it('reports in two languages that cookies are required', () => {
  expect(describeNoCookies('en')).toContain('does not send cookies')
  expect(describeNoCookies('ar')).toContain('ملفات تعريف الارتباط')
})
