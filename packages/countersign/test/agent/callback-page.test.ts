import { describe, expect, it } from 'vitest'
import { callbackPage } from '../../src/agent/callback-page.js'

const id = 'https://calendar.example'
const outcomes = ['allowed', 'denied', 'failed', 'refused'] as const

function open(outcome: (typeof outcomes)[number], options: Partial<Parameters<typeof callbackPage>[1]> = {}): Response {
  return callbackPage(outcome, { id, about: { name: 'Calendar helper' }, language: null, ...options })
}

/** What the page of an allowed request says, by language. */
const received: Readonly<Record<string, string>> = {
  en: 'The agent received your approval and can continue.',
  de: 'Der Agent hat Ihre Zustimmung erhalten und kann weitermachen.',
  fr: 'L’agent a reçu votre accord et peut continuer.',
  es: 'El agente ha recibido tu autorización y puede continuar.',
  ja: 'エージェントはあなたの許可を受け取り、続行できます。',
  ar: 'وصلت موافقتك إلى الوكيل',
}

/** The text of a page, without tags and styles. */
const words = async (page: Response) =>
  (await page.text()).replaceAll(/<style[\s\S]*?<\/style>|<[^>]+>/g, ' ').replaceAll(/\s+/g, ' ')

describe('the page after a consent', () => {
  it.each(outcomes)('%s: names the agent and its host, what happened, and what happens next', async (outcome) => {
    const page = open(outcome, { detail: 'This was started in another browser.' })
    expect(page.status).toBe({ allowed: 200, denied: 200, failed: 502, refused: 400 }[outcome])
    const text = await words(page)
    expect(text).toContain('Calendar helper calendar.example')
    const isDecided = outcome === 'allowed' || outcome === 'denied'
    const next = isDecided
      ? 'You can close this page and return to where you started.'
      : 'Return to where you started, and try again.'
    expect(text).toContain(next)
    if (outcome === 'refused') expect(text).toContain('This was started in another browser.')
  })

  it.each(outcomes)('%s: exposes its state to programs, contains no script, and loads nothing', async (outcome) => {
    const page = open(outcome)
    const html = await page.clone().text()
    expect(html).toContain(`<main data-state="${outcome}">`)
    expect(html).not.toMatch(/<script|src=|@import|url\(/)
    const [, nonce = ''] = /<style nonce="([\w-]+)">/.exec(html) ?? []
    expect(nonce).toHaveLength(22)
    expect(page.headers.get('content-security-policy')).toBe(
      `default-src 'none'; style-src 'nonce-${nonce}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
    )
    expect(page.headers.get('referrer-policy')).toBe('no-referrer')
    expect(page.headers.get('cache-control')).toBe('no-store')
  })

  it('shows foreign text as text, on one line, and at most 60 characters of a name', async () => {
    const name = `<img src=x onerror=alert(1)>&"'\u202eevil\n\u0000${'n'.repeat(100)}`
    const html = await open('refused', { about: { name }, detail: '<b>"\'&', back: '/a?b="><script>' }).text()
    const shown = `<img src=x onerror=alert(1)>&"'evil ${'n'.repeat(100)}`.slice(0, 59)
    expect(html).toContain(
      `<bdi>${shown.replace('<', '&lt;').replace('>', '&gt;').replace(`&"'`, '&amp;&quot;&#39;')}…</bdi>`,
    )
    expect(html).toContain('<p>&lt;b&gt;&quot;&#39;&amp;</p>')
    expect(html).toContain('href="/a?b=&quot;&gt;&lt;script&gt;"')
  })

  it.each([{}, undefined, { name: '\u200b' }, { name: 7 as never }])(
    'shows the host for an agent named %j',
    async (about) => {
      expect(await words(open('allowed', { about }))).toContain('calendar.example')
    },
  )

  it('links back to the app if its URL is known, instead of giving advice', async () => {
    const page = open('denied', { back: '/events' })
    const html = await page.text()
    expect(html).toContain('<a href="/events"><span>Back to <bdi dir="ltr">calendar.example</bdi></span></a>')
    expect(html).not.toContain('where you started')
  })

  it.each([
    ['ar', 'ar'],
    ['ar-EG,ar;q=0.9,en;q=0.8', 'ar'],
    ['it, ar;q=0.5', 'ar'],
    ['de-AT', 'de'],
    ['fr', 'fr'],
    ['es-MX, en;q=0.5', 'es'],
    ['ja', 'ja'],
    ['EN-gb, ar;q=0.9', 'en'],
    ['en;q=0.1, ar;q=0.2', 'ar'],
    ['ar;q=0, it', 'en'],
    ['it', 'en'],
    ['arabic', 'en'],
    ['*', 'en'],
    ['', 'en'],
    [undefined, 'en'],
    [`${'x,'.repeat(10_000)}ar`, 'en'],
  ])('for a browser that prefers %s is in %s', async (language, lang) => {
    const html = await open('allowed', language === undefined ? {} : { language }).text()
    expect(html).toContain(`<html lang="${lang}" dir="${lang === 'ar' ? 'rtl' : 'ltr'}">`)
    expect(html).toContain(received[lang])
  })
})
