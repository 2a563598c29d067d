import { createContext, runInContext } from 'node:vm'
import { AAuthError } from 'countersign/resource'
import { expect, it } from 'vitest'
import { parse as parseYaml } from 'yaml'
import { createBodyWatch } from '../../src/bodies/body-watch.js'
import { checkedRequest } from './checked-request.js'

const checked = checkedRequest([
  { method: 'DELETE', path: '/x', require: 'identity' },
  { method: '*', path: '/secret', require: 'identity' },
])

function isRefused(type: string, body: Buffer): boolean {
  try {
    const watch = createBodyWatch({ 'content-type': type }, checked)
    watch.push(body)
    watch.end()
    return false
  } catch (error) {
    if (!(error instanceof AAuthError)) throw error
    return true
  }
}

/** A generator of numbers below a limit, with a fixed seed. */
function createRandom(seed: number): (limit: number) => number {
  let state = seed
  return (limit) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * limit)
  }
}

const random = createRandom(24)
const pick = <Item>(items: readonly Item[]): Item => items[random(items.length)] as Item
const hex = (letter: string) => letter.charCodeAt(0).toString(16)

/** Whether the next body is valid JSON. */
let isValid = false

/** A name, perhaps with one letter in another spelling. */
function name(): string {
  const text = Array.from(pick(['_method', 'verb', 'url', 'a', 'X-Original-URL']))
  if (!isValid && random(4) === 0) {
    const at = random(text.length)
    const letter = text[at] as string
    text[at] = pick([`\\u00${hex(letter)}`, `\\x${hex(letter)}`, `\\${letter}`, `\\\n${letter}`, `\\u{${hex(letter)}}`])
  }
  const mark = isValid ? '"' : pick(['"', '"', "'", ''])
  return `${mark}${text.join('')}${mark}`
}

const gap = () =>
  isValid ? pick(['', ' ', '\n']) : pick(['', '', '', ' ', '\n', '/*,*/', '//:\n', '\u2028', '\ufeff'])

function value(depth: number): string {
  if (depth < 4 && random(2) === 0) return random(2) === 0 ? object(depth + 1) : `[${list(value, depth + 1)}]`
  if (isValid) return pick(['"DELETE"', '"/secret"', '1', 'null'])
  return pick(['"DELETE"', "'DELETE'", '"/secret"', '`/secret`', '1', '1e999', '.5', 'null', '"\\"', '"{"', 'DELETE'])
}

function list(item: (depth: number) => string, depth: number): string {
  const items = Array.from({ length: random(4) }, () => item(depth))
  return isValid ? items.join() : items.join(pick([',', ',', ',\n', ';'])) + pick(['', '', ','])
}

const object = (depth: number): string =>
  `{${gap()}${list(() => `${name()}${gap()}:${gap()}${value(depth)}${gap()}`, depth)}}`

const before = [
  '',
  '',
  '',
  ' ',
  '\ufeff',
  '/*{*/',
  '//[\n',
  '\u3000',
  '\u2028',
  '(',
  ';',
  '\n//\r\n',
  '/**//**/',
  '#[\n',
  '# {\n',
  '<!--[\n',
]

const context = createContext({})

const parsers: Record<string, (body: Buffer) => unknown> = {
  json: (body) => JSON.parse(body.toString().trim()),
  utf16: (body) => JSON.parse(body.toString('utf16le')),
  bigEndian: (body) => JSON.parse(Buffer.from(body).swap16().toString('utf16le')),
  javaScript: (body) => runInContext(`(${body.toString().replace(/^[\s;(]+/, '')})`, context),
  yaml: (body) =>
    /^(?:\s*#.*\n)*\s*\{/.test(body.toString()) ? parseYaml(body.toString(), { logLevel: 'silent' }) : undefined,
}

const isDecisive = (member: string, text: unknown) =>
  /^(?:_method|x-original-url)$/i.test(member) || (/^verb$/i.test(member) && text === 'DELETE')

/** Whether a value has a member that specifies another request. */
function specifiesRequest(parsed: unknown, isOutermost = true, isItem = false): boolean {
  if (parsed === null || typeof parsed !== 'object') return false
  return Object.entries(parsed).some(
    ([member, inner]) =>
      (isOutermost && !Array.isArray(parsed) && isDecisive(member, inner)) ||
      (isItem && !Array.isArray(parsed) && member === 'url' && inner === '/secret') ||
      specifiesRequest(inner, false, Array.isArray(parsed)),
  )
}

function readBy(parse: (body: Buffer) => unknown, body: Buffer): unknown {
  try {
    return parse(body)
  } catch {
    return undefined
  }
}

// G49
it('refuses whatever a parser reads as an object with another method or path', { timeout: 60_000 }, () => {
  const found = new Map(Object.keys(parsers).map((parser) => [parser, 0]))
  for (let times = 0; times < 6000; times++) {
    isValid = random(2) === 0
    const text = `${isValid ? '' : pick(before)}${random(4) === 0 ? `[${list(value, 1)}]` : object(0)}`
    const narrow = Buffer.from(text)
    const wide = Buffer.from(text, 'utf16le')
    const body = pick([narrow, narrow, narrow, wide, Buffer.from(wide).swap16()])
    for (const [parser, parse] of Object.entries(parsers)) {
      if (!specifiesRequest(readBy(parse, body))) continue
      found.set(parser, (found.get(parser) ?? 0) + 1)
      for (const type of ['text/plain', '', 'application/json'])
        if (!isRefused(type, body)) expect.fail(`${parser} reads ${JSON.stringify(text)} as ${type || 'no type'}`)
      const isStrict = parser !== 'javaScript' && parser !== 'yaml'
      if (isStrict && !isRefused('image/png', body)) expect.fail(`${parser} reads ${JSON.stringify(text)} as an image`)
    }
  }
  for (const [parser, count] of found) expect(count, parser).toBeGreaterThan(20)
})
