import { ar, chooseMessages, en, languages, renderSignedOut } from 'countersign-server/pages'
import { describe, expect, it } from 'vitest'
import { frame } from './models.js'
import { pseudo } from './pseudo.js'
import { words } from './reading.js'
import { states, statesIn } from './states.js'

describe('chooseMessages', () => {
  it.each([
    ['nothing', null, null, 'en'],
    ['an empty header', '', '', 'en'],
    ['a language', 'ar', null, 'ar'],
    ['German', 'de-AT', null, 'de'],
    ['French', 'fr', null, 'fr'],
    ['Spanish', 'es-419', null, 'es'],
    ['Japanese', 'ja-JP', null, 'ja'],
    ['a language with a region', 'ar-EG,ar;q=0.9,en;q=0.8', null, 'ar'],
    ['the highest weight, not the first', 'en;q=0.5, ar;q=0.9', null, 'ar'],
    ['the first of equal weight', 'en, ar', null, 'en'],
    ['a language the pages do not have, then one they do', 'xx, ar;q=0.1', null, 'ar'],
    ['a language with weight 0', 'ar;q=0', null, 'en'],
    ['an invalid weight', 'ar;q=x, en;q=0.1', null, 'en'],
    ['any language', '*', null, 'en'],
    ['uppercase letters', 'AR-eg', null, 'ar'],
    ['a choice that overrides the header', 'en', 'ar', 'ar'],
    ['a choice that does not exist', 'ar', 'xx', 'ar'],
    ['a property of every object', 'constructor', '__proto__', 'en'],
    ['a very long header', `${'xx,'.repeat(100_000)}ar`, null, 'en'],
  ])('reads %s', (_, acceptLanguage, cookie, expected) => {
    expect(chooseMessages(acceptLanguage, cookie).lang).toBe(expected)
  })
})

describe('days and times', () => {
  const at = Date.UTC(2026, 0, 3, 14, 5) / 1000
  it.each([
    ['no region', 'en', null, '3 January at 14:05 UTC', 'en-GB'],
    ['the United States', 'en-US,en;q=0.9', null, 'January 3 at 2:05 PM UTC', 'en-US'],
    ['a region after its language', 'en,en-US;q=0.9', null, 'January 3 at 2:05 PM UTC', 'en-US'],
    ['the preferred region', 'en-US;q=0.5, en-GB;q=0.9', null, '3 January at 14:05 UTC', 'en-GB'],
    ['Germany, in English', 'pt-PT, en-DE;q=0.9', null, '3 January at 14:05 UTC', 'en-DE'],
    ['a region of a language the pages do not have', 'pt-PT, en-US;q=0.4', null, 'January 3 at 2:05 PM UTC', 'en-US'],
    ['only the region of another language', 'pt-US', null, '3 January at 14:05 UTC', 'en-GB'],
    ['English chosen explicitly', 'ar-EG, en-US;q=0.4', 'en', 'January 3 at 2:05 PM UTC', 'en-US'],
    ['a script before the region', 'en-latn-us', null, 'January 3 at 2:05 PM UTC', 'en-US'],
    ['subtags after the region', 'en-US-x-twain', null, 'January 3 at 2:05 PM UTC', 'en-US'],
    ['an invalid region', 'en-ZZ', null, '3 January at 14:05 UTC', 'en-GB'],
    ['malformed regions', 'en-USA, en-1234, en-u-ca-islamic, en--US', null, '3 January at 14:05 UTC', 'en-GB'],
    ['a region with weight 0', 'en, en-US;q=0', null, '3 January at 14:05 UTC', 'en-GB'],
  ])('use the format of %s', (_, acceptLanguage, cookie, said, locale) => {
    const messages = chooseMessages(acceptLanguage, cookie)
    expect(messages.lang).toBe('en')
    expect(messages.locale).toBe(locale)
    expect(messages.dayAndTime(at, at).replaceAll(/\s/g, ' ')).toBe(said)
  })

  it('are passed to the script too', () => {
    const html = renderSignedOut({ ...frame, reason: 'signed_out', signInHref: '/' }, chooseMessages('en-US'))
    expect(html).toContain('<html lang="en" dir="ltr">')
    expect(html).toContain('<body data-locale="en-US">')
  })
})

describe.each(Object.values(languages))('$languageName', (messages) => {
  it('avoids protocol terms in every state', () => {
    const said = [...statesIn(messages).values()].map(words).join(' ')
    expect(said).not.toMatch(/\b(scope|token|oauth|grant)s?\b/i)
    expect(said).not.toMatch(/undefined|NaN|\[object/)
  })

  it('has the same elements in every state as English, with its own language and direction', () => {
    const tags = (html: string) => [...html.matchAll(/<([a-z0-9]+)/g)].map(([, name]) => name).sort()
    for (const [name, html] of statesIn(messages)) {
      expect(html).toContain(`<html lang="${messages.lang}" dir="${messages.dir}">`)
      expect(tags(html), name).toEqual(tags(states.get(name) ?? ''))
    }
  })

  if (messages === en) return

  it('leaves no sentence in English', () => {
    const english = new Set(spoken(en))
    const same = spoken(messages).filter((text) => english.has(text) && /[a-z]{2,} [a-z]/i.test(text))
    expect(same).toEqual([])
  })
})

describe('every state', () => {
  /** What is not from the catalog: names, hosts and permissions in their own elements, and the languages' names for themselves. */
  const data =
    /<(bdi|code|time|blockquote)\b.*?<\/\1>|<button class="link"[^>]* lang=.*?<\/button>|<form role="none".*?>/gs

  it('has all its text, labels and titles from the catalog', () => {
    for (const [name, html] of statesIn(pseudo)) {
      const own = html.replaceAll(data, ' ')
      const labels = [...own.matchAll(/ (?:aria-label|placeholder|title|alt|data-stopped)="([^"]*)"/g)].map(
        ([, text]) => text,
      )
      expect([words(own), ...labels].join(' ').match(/[a-z]{2,}/gi) ?? [], name).toEqual([])
    }
  })
})

it.each([
  ['de', 1, '1 Agent verliert den Zugriff.'],
  ['de', 2, '2 Agenten verlieren den Zugriff.'],
  ['fr', 0, '0 agent perd son accès.'],
  ['fr', 2, '2 agents perdent leur accès.'],
  ['es', 1, '1 agente pierde el acceso.'],
  ['fr', 1_000_000, '1\u202f000\u202f000 d’agents perdent leur accès.'],
  ['es', 2, '2 agentes pierden el acceso.'],
  ['es', 1_000_000, '1.000.000 de agentes pierden el acceso.'],
  ['ja', 1, '1 件のエージェントがアクセスできなくなります。'],
])('%s counts %d', (lang, count, said) => {
  expect(languages[lang]?.account.closeRemoves(count)).toBe(said)
})

it.each([
  ['de', '3. Januar um 14:05 UTC', '30 Tage'],
  ['fr', '3 janvier à 14:05 UTC', '30 jours'],
  ['es', '3 de enero a las 14:05 UTC', '30 días'],
  ['ja', '1月3日 14:05 UTC', '30 日'],
])('%s formats days, times and durations', (lang, moment, duration) => {
  const at = Date.UTC(2026, 0, 3, 14, 5) / 1000
  expect(languages[lang]?.dayAndTime(at, at)).toBe(moment)
  expect(languages[lang]?.duration(2_592_000).replace('\u00a0', ' ')).toBe(duration)
})

describe('French', () => {
  it('has a no-break space before each colon, semicolon, question mark and exclamation mark, and inside quotation marks', () => {
    for (const text of spoken(languages.fr)) expect(text).not.toMatch(/(?<![\u00a0\u202f\d])[:;?!»]|«(?!\u00a0)/)
  })
})

it('has no space between Japanese sentences', () => {
  for (const [name, html] of statesIn(languages.ja ?? en))
    expect(html.replaceAll(/<[^>]*>/g, ''), name).not.toMatch(/[。：]\s|\s。/)
})

describe('Arabic', () => {
  it.each([
    [60, 'دقيقة واحدة'],
    [120, 'دقيقتين'],
    [600, '١٠ دقائق'],
    [660, '١١ دقيقة'],
    [7200, 'ساعتين'],
    [2_592_000, '٣٠ يومًا'],
    [8_640_000, '١٠٠ يوم'],
  ])('formats %d seconds as %s', (seconds, expected) => {
    expect(ar.duration(seconds)).toBe(expected)
  })

  it('writes days and times with its own digits', () => {
    expect(ar.dayAndTime(Date.UTC(2025, 4, 3, 14, 32) / 1000, Date.UTC(2026, 0, 1) / 1000)).toMatch(
      /^٣ مايو ٢٠٢٥.{1,4}٢:٣٢ م بتوقيت UTC$/,
    )
  })

  it('uses no other alphabet except in the name of the time zone, and no protocol terms', () => {
    const { lang: _lang, dir: _dir, locale: _locale, ...said } = ar
    const everything = spoken(said)
    expect(everything.length).toBeGreaterThan(200)
    for (const text of everything) {
      expect(text.replace('UTC', '')).not.toMatch(/[a-z]/i)
      expect(text).not.toMatch(/رمز (مميز|وصول)|نطاق/)
    }
  })
})

/** What an email names, and other sentences print. */
const about = { agent: 3, resource: 3, toString: () => '3' }

/** Every text of a catalog, with numbers in its placeholders. */
function spoken(value: unknown): string[] {
  if (typeof value === 'string') return [value]
  if (typeof value === 'function') return [[value(3, 12, about)].flat().join('')]
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(spoken) : []
}

it.each([
  [59, '1 minute'],
  [60, '1 minute'],
  [61, '2 minutes'],
  [3600, '1 hour'],
  [5400, '90 minutes'],
  [172_800, '2 days'],
])('English formats %d seconds as %s', (seconds, expected) => {
  expect(en.duration(seconds)).toBe(expected)
})
