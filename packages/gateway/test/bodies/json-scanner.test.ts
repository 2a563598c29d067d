import { describe, expect, it } from 'vitest'
import { JsonScanner, longestText } from '../../src/bodies/json-scanner.js'

type Reported = readonly unknown[]

/** Reads texts as chunks. Returns what was reported, each with the depth and whether it is in an item, and whether all of it is JSON. */
function scan(chunks: readonly (string | Uint8Array)[], isNeeded: (isName: boolean) => boolean = () => true) {
  const reported: Reported[] = []
  const report = (...what: Reported) => void reported.push([...what, scanner.depth, scanner.isItem])
  const scanner: JsonScanner = new JsonScanner({
    string: (isName) => isNeeded(isName),
    endString: (text, isName) => report(isName ? 'name' : 'string', text),
    bare: () => report('bare'),
    open: (isArray) => report(isArray ? '[' : '{'),
  })
  for (const chunk of chunks) scanner.push(Buffer.from(chunk as string))
  scanner.end()
  return { reported, isJson: !scanner.isInvalid, depth: scanner.depth }
}

const isJson = (...chunks: (string | Uint8Array)[]) => scan(chunks).isJson

function parses(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

/** Whether a text is a sequence of JSON texts, with whitespace between them or not. */
function isSequence(text: string): boolean {
  if (text.trim() === '' || parses(text)) return true
  return Array.from(text, (_, at) => at + 1).some((at) => parses(text.slice(0, at)) && isSequence(text.slice(at)))
}

describe('a text is JSON exactly if JSON.parse reads it, or each part of it', () => {
  const marks = ['{', '}', '[', ']', ',', ':', '"', '0', '1', '-', '.', 'e', '+', ' ', '\\', 'n']

  it('for all texts of up to three characters', () => {
    const differing: string[] = []
    let texts = ['']
    for (let length = 0; length < 3; length++) {
      texts = texts.flatMap((text) => marks.map((mark) => text + mark))
      differing.push(...texts.filter((text) => isJson(text) !== isSequence(text)))
    }
    expect(differing).toEqual([])
  })

  const valid = [
    '{"a":[1,"x",{"b":null}],"c":{}} [true,false]',
    '[-0.5e+1,1E-2,10,0,-1.25,{"":""}]',
    String.raw`["\"\\\/\b\f\n\r\t","\u00e9\uD83D\ude00"]`,
    '[\t\r\n1 , 2\n]',
    '["é\u007f\u2028"]',
  ]

  it.each(valid)('for %s with any character left out, doubled or replaced', (text) => {
    const changed = Array.from(text, (_, at) => [
      text.slice(0, at) + text.slice(at + 1),
      text.slice(0, at + 1) + text.slice(at),
      ...['\u001f', ' ', 'g', 'A', '/', 'u', '9'].map((other) => text.slice(0, at) + other + text.slice(at + 1)),
    ])
    expect(isJson(text)).toBe(true)
    expect(changed.flat().filter((each) => isJson(each) !== isSequence(each))).toEqual([])
  })

  it.each(valid)('for %s in any two chunks, with the same reports', (text) => {
    const bytes = Buffer.from(text)
    const whole = scan([bytes])
    for (let at = 1; at < bytes.length; at++)
      expect(scan([bytes.subarray(0, at), bytes.subarray(at)]), String(at)).toEqual(whole)
  })
})

it('reports what it reads, in order', () => {
  const [outer, item] = [false, true]
  expect(scan(['{"a":[1,"x",{"b":null}]}[{}]'])).toEqual({
    isJson: true,
    depth: 0,
    reported: [
      ['{', 0, outer],
      ['name', 'a', 1, outer],
      ['[', 1, outer],
      ['bare', 2, outer],
      ['string', 'x', 2, outer],
      ['{', 2, outer],
      ['name', 'b', 3, item],
      ['bare', 3, item],
      ['[', 0, outer],
      ['{', 1, outer],
    ],
  })
})

it('keeps the text only of strings that are needed, and only their start', () => {
  const [long, rest] = ['a'.repeat(longestText - 1), 'b'.repeat(10)]
  const texts = (chunks: string[], isNeeded?: (isName: boolean) => boolean) =>
    scan(chunks, isNeeded).reported.flatMap(([what, text]) => (what === 'name' || what === 'string' ? [text] : []))
  expect(texts([`["${long}${rest}"]`])).toEqual([`${long}b`])
  expect(texts([`["${long}`, rest, `"]`])).toEqual([`${long}b`])
  expect(texts(['{"name":"value"}'], (isName) => isName)).toEqual(['name', undefined])
})

it.each([
  ['a byte order mark before the first text', '\ufeff{}', true],
  ['a byte order mark after it', '{}\ufeff{}', false],
  ['separators before texts', '\u001e{}\n\u001e{}\n', true],
  ['a separator in a text', '[\u001e]', false],
  ['an unfinished array', '[', false],
  ['an unfinished string', '"a', false],
  ['an unfinished literal', 'tru', false],
  ['an unfinished number', '-', false],
])('with %s: JSON %s', (_what, text, valid) => {
  expect(isJson(text)).toBe(valid)
})

const malformed = expect.objectContaining({ code: 'request_malformed' })

it('reads up to 1000 levels', () => {
  const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth)
  expect(isJson(nested(1000))).toBe(true)
  expect(() => isJson(nested(1001))).toThrow(malformed)
})

it.each([
  ['9'.repeat(308), '9'.repeat(309)],
  ['1e307', '1e308'],
  ['10E+306', '10E+307'],
  ['-1.5e307', '-1.5e308'],
  ['1e-999', '1e999'],
])('reads %s, and refuses %s', (number, larger) => {
  expect(isJson(`[${number}]`)).toBe(true)
  expect(() => isJson(`[${larger}]`)).toThrow(malformed)
})
