import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { cleanName, cleanText, lookAlikeHost } from '../../src/lib/plain-text.js'

describe('cleanText', () => {
  it.each([
    ['plain words', 'Calendar Helper', 'Calendar Helper'],
    ['right-to-left override', 'safe\u202Eelgoog', 'safeelgoog'],
    ['bidirectional isolates and marks', '\u2066a\u2069\u200Eb\u200F\u061Cc', 'abc'],
    ['zero-width characters', 'Goo\u200Bg\u200Cl\u200De\u2060\uFEFF', 'Google'],
    ['control characters', 'a\u0000b\u001B[31mc\u007Fd\u009Be', 'ab[31mcde'],
    ['line breaks, tabs and wide spaces', ' a\r\n\tb\u2028c\u2029d\u00A0\u3000e ', 'a b c d e'],
    ['invisible letters', 'a\u3164\u115F\u1160\uFFA0\u2800\u034F\u00ADb', 'ab'],
    ['tag characters and variation selectors', 'a\u{E0041}\u{E0042}\uFE0F\u{E0100}b', 'ab'],
    ['private use, unassigned and lone surrogates', 'a\uE000\u{F0000}\uFFFF\uD800b', 'ab'],
    ['300 combining marks', `Z${'\u0335'.repeat(300)}o`, 'Z\u0335\u0335o'],
    ['different combining marks', 'x\u0336\u0489\u20DD\u0316y', 'x\u0336\u0489y'],
    ['an accent as a separate code point', 'Cafe\u0301', 'Café'],
    ['other scripts', 'Κάλεντρα हिन्दी עִבְרִית ไทยน้ำ 日历', 'Κάλεντρα हिन्दी עִבְרִית ไทยน้ำ 日历'.normalize('NFC')],
    ['markup, which must be escaped rather than stripped', '<script>"\'&{{7*7}}', '<script>"\'&{{7*7}}'],
    ['nothing visible', '\u200B \u202E\n', ''],
  ])('cleans %s', (_, value, expected) => {
    expect(cleanText(value, 200)).toBe(expected)
  })

  it('truncates 10,000 characters at the limit, including an ellipsis', () => {
    expect(cleanText('a'.repeat(10_000), 60)).toBe(`${'a'.repeat(59)}…`)
    expect(cleanText('a'.repeat(60), 60)).toBe('a'.repeat(60))
    expect(cleanText('a'.repeat(5000), 6000)).toHaveLength(4000)
  })

  it('counts code points and never splits one', () => {
    expect(cleanText('😀'.repeat(61), 60)).toBe(`${'😀'.repeat(59)}…`)
    expect(cleanText('😀'.repeat(60), 60)).toBe('😀'.repeat(60))
  })

  it('treats the next line character as whitespace', () => {
    expect(cleanText('one\u0085two\u0085', 60)).toBe('one two')
  })

  it('leaves no space before the ellipsis', () => {
    expect(cleanText('one two three', 5)).toBe('one…')
  })

  it('returns an empty text for a limit of zero', () => {
    expect(cleanText('a', 0)).toBe('')
    expect(cleanText('ab', 1)).toBe('…')
  })

  it('never exceeds the limit, never leaves an invisible character and is idempotent', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), fc.integer({ min: 1, max: 80 }), (value, limit) => {
        const clean = cleanText(value, limit)
        expect(Array.from(clean).length).toBeLessThanOrEqual(limit)
        expect(clean).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\p{Default_Ignorable_Code_Point}]|\s\s|[\p{Mn}\p{Me}]{3}/u)
        expect(cleanText(clean, limit)).toBe(clean)
      }),
      { numRuns: 2000 },
    )
  })
})

describe('lookAlikeHost', () => {
  it.each([
    ['xn--gent-43d.example', true],
    ['www.xn--gent-43d.example', true],
    ['agent.xn--p1ai', true],
    ['XN--GENT-43D.example', true],
    ['xn--gent-43d.example:8443', true],
    ['xn--gent-43d.example/path', true],
    ['agent.example', false],
    ['notxn--a.example', false],
    ['agent.example/.xn--gent-43d', false],
    ['127.0.0.1:4000', false],
    ['', false],
  ])('%s: %s', (host, expected) => {
    expect(lookAlikeHost(host)).toBe(expected)
  })
})

describe('cleanName', () => {
  it.each([
    ['Calendar” Verified by Home “', 'Calendar Verified by Home'],
    ['"Calendar"', 'Calendar'],
    ['«Calendar»', 'Calendar'],
    ['‹Calendar›', 'Calendar'],
    ['「Calendar」', 'Calendar'],
    ['„Calendar‟', 'Calendar'],
    ['＂Calendar＂', 'Calendar'],
    ['‘Calendar’', 'Calendar'],
    ['`Calendar´', 'Calendar'],
    ['Calendar″', 'Calendar'],
    ['❝Calendar❞', 'Calendar'],
    ['Alice’s Notes', 'Alice’s Notes'],
    ["O'Brien", "O'Brien"],
    ["'Calendar'", 'Calendar'],
    ['""', ''],
    ["rock 'n' roll", 'rock n roll'],
    [`${'“'.repeat(100)}Calendar`, 'Calendar'],
  ])('%j becomes %j', (value, expected) => {
    expect(cleanName(value)).toBe(expected)
  })

  it('leaves no mark that could close a quotation, returns at most 60 characters, and is idempotent', () => {
    const signs = fc.constantFrom(...Array.from('“”«»"\'’‘‹›„＂a\u200b '))
    const text = fc.oneof(
      fc.array(signs, { maxLength: 90 }).map((all) => all.join('')),
      fc.string({ unit: 'binary' }),
    )
    fc.assert(
      fc.property(text, (value) => {
        const name = cleanName(value)
        expect(name).not.toMatch(/[“”«»"‹›„＂]/)
        expect(Array.from(name).length).toBeLessThanOrEqual(60)
        expect(cleanName(name)).toBe(name)
      }),
    )
  })
})

describe('V10: a text of 64 KB is processed quickly', () => {
  it.each<[string, (text: string) => unknown]>([
    ['cleanText', (text) => cleanText(text, 200)],
    ['cleanName', cleanName],
    ['lookAlikeHost', lookAlikeHost],
  ])('%s', (_, read) => {
    for (const piece of ['\u0301\u0323', '\ufdfa', '\u{1f1e6}', '.', ' ', '\t', '-', 'a.']) {
      const text = piece.repeat(65_536 / piece.length)
      const before = process.cpuUsage()
      read(text)
      expect(process.cpuUsage(before).user / 1000, JSON.stringify(piece)).toBeLessThan(250)
    }
  })
})
