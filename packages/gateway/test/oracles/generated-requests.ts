import type { Route } from 'countersign-gateway'
import fc from 'fast-check'
import { literalSegment } from './generated-tables.js'
import type { TriedRequest } from './router-under-test.js'

/** A request as changes to a path that matches a route. */
export interface PlannedRequest {
  /** The route that its path matches, modulo the number of routes. */
  row: number
  /** Index of the route that another part of it is taken from. */
  other: number
  values: readonly string[]
  /** How many segments `*` stands for. */
  rest: number
  method: string
  mutations: readonly Mutation[]
}

type Mutation =
  | { how: 'insert'; at: number; offset: number; text: string }
  | { how: 'append'; at: number; text: string }
  | { how: 'prepend'; at: number; text: string }
  | { how: 'segment'; at: number; text: string }
  | { how: 'empty'; at: number }
  | { how: 'otherPath'; by: string }
  | { how: 'behindOther'; by: string }
  | { how: 'case'; at: number; offset: number }
  | { how: 'encode'; at: number; offset: number; layers: number }
  | { how: 'wide'; at: number; offset: number }
  | { how: 'whole'; text: string }
  | { how: 'long'; length: number }
  | { how: 'absolute' }

/** Text that some server drops, decodes, splits at or truncates at. */
// biome-ignore format: a list of many short texts
const pieces = [
  ';', '%3F', '%23', '/', '.', ';x', '%2F', '%20', '%5C', '%00', '%0A', '%09', '%0D', '%25', '%3B', '%2E', '%252F',
  '%253F', '%2523', '%253B', '%252e', '::$DATA', ':$i30', ':x', '.json', '.pdf', '.html', '.php', '-x', '(1)',
  "('a')", '%C2%AD', '%E2%80%8B', '%EF%BB%BF', '%CC%81', '%C2%A0', '%E3%80%80', '%EF%BC%8F', '%EF%BC%9F',
  '%EF%BC%9B', '%EF%BC%83', '%EF%BC%8E', '%E2%81%84', '%C2%85', '%E2%80%A8', '+', '~', ',', '=', '&', '!', '@', '|',
  '[]', '*', '$', '%', '%u002f', '%c0%af', '%ff', '#', '?', '\\', ' ', '..', '%2e%2e', '..;', ';a=b', '.%20', '. .',
  '_', '%5F', '^', '`', '"', '%22', '%7B', '%7C',
]

// biome-ignore format: a list of many short texts
const insertedSegments = [
  '', '.', '..', 'index.php', 'x.php', 'index.php;x', 'INDEX.PHP', 'index.html', 'default.aspx', 'a.cgi', 'app.php5',
  'x.php%20', ';x', '..;', '.;', '%2e', '%2e%2e', '..%2f', 'a;x=1', 'cgi-bin', 'x.php.', 'index.phtml', 'index.do',
  'index', '%C2%AD', '%20', 'a%3F', 'a%23', 'a%2F..',
]

// biome-ignore format: a list of many short texts
const joints = [
  '?', '?/', '?r=', '?r=/', '?rest_route=/', '?_url=/', '?q=', '?s=', '?url=', '?route=', '?path=', '?x=1&/', '?//',
  '?%2F', '?a=b?/', ';/', '%3F/', '%23/', '/../', '/%2e%2e/', '/..;/', '/.;/', '//', '%2F', '%5C', '%2F..%2F',
  '/index.php/', '/x.php/', '/a/../', '#/', '%00/', '%0A/', '%253F/', '%3B/', ';x/', '/%20/', ':', '::$DATA/',
  '%EF%BC%9F/', '%EF%BC%8F', '.', '/',
]

const index = fc.nat({ max: 7 })
const offset = fc.nat({ max: 12 })
const piece = fc.constantFrom(...pieces)

const mutation: fc.Arbitrary<Mutation> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ how: fc.constant('append' as const), at: index, text: piece }) },
  { weight: 2, arbitrary: fc.record({ how: fc.constant('prepend' as const), at: index, text: piece }) },
  { weight: 2, arbitrary: fc.record({ how: fc.constant('insert' as const), at: index, offset, text: piece }) },
  {
    weight: 3,
    arbitrary: fc.record({
      how: fc.constant('segment' as const),
      at: index,
      text: fc.constantFrom(...insertedSegments),
    }),
  },
  { weight: 1, arbitrary: fc.record({ how: fc.constant('empty' as const), at: index }) },
  { weight: 3, arbitrary: fc.record({ how: fc.constant('otherPath' as const), by: fc.constantFrom(...joints) }) },
  { weight: 2, arbitrary: fc.record({ how: fc.constant('behindOther' as const), by: fc.constantFrom(...joints) }) },
  { weight: 2, arbitrary: fc.record({ how: fc.constant('case' as const), at: index, offset }) },
  {
    weight: 1,
    arbitrary: fc.record({
      how: fc.constant('encode' as const),
      at: index,
      offset,
      layers: fc.integer({ min: 1, max: 3 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ how: fc.constant('wide' as const), at: index, offset }) },
  {
    weight: 1,
    arbitrary: fc
      .array(fc.oneof(piece, literalSegment, fc.constantFrom('/', 'a', '7')), { minLength: 1, maxLength: 6 })
      .map((parts) => ({ how: 'whole' as const, text: parts.join('') })),
  },
  { weight: 1, arbitrary: fc.record({ how: fc.constant('long' as const), length: fc.constantFrom(100, 300, 4000) }) },
  { weight: 1, arbitrary: fc.constant({ how: 'absolute' as const }) },
)

export const plannedRequest: fc.Arbitrary<PlannedRequest> = fc.record({
  row: index,
  other: index,
  values: fc.array(
    fc.constantFrom('7', 'me', 'admin', 'a', 'x.pdf', 'Z', 'users', '7.json', 'pub-7', 'index.php', '7-x'),
    {
      minLength: 4,
      maxLength: 4,
    },
  ),
  rest: fc.nat({ max: 2 }),
  method: fc.constantFrom('GET', 'DELETE', 'POST', 'HEAD', 'PUT', 'OPTIONS'),
  mutations: fc.array(mutation, { maxLength: 3 }),
})

/** The request of a plan, for a table. */
export function requestOf(
  { row, other, values, rest, method, mutations }: PlannedRequest,
  routes: readonly Route[],
): TriedRequest {
  const own = routes[row % routes.length] as Route
  const named = own.method === '*' || method === 'OPTIONS' || method === 'PUT' ? method : own.method
  const otherPath = pathOf(routes[other % routes.length] as Route, { values: values.toReversed(), rest })
  let target = pathOf(own, { values, rest })
  for (const each of mutations) target = mutated(target, each, otherPath)
  return { method: named, target }
}

/** A path that matches a pattern. */
function pathOf({ path }: Route, { values, rest }: Pick<PlannedRequest, 'values' | 'rest'>): string {
  let used = 0
  return path
    .replaceAll(/\{[^{}]*\}/g, () => values[used++ % values.length] as string)
    .replace(/\*$/, () => values.slice(0, rest).join('/'))
}

function mutated(target: string, mutation: Mutation, other: string): string {
  switch (mutation.how) {
    case 'otherPath':
      return `${target}${mutation.by}${other.slice(1)}`
    case 'behindOther':
      return `${other}${mutation.by}${target.slice(1)}`
    case 'whole':
      return `/${mutation.text}`
    case 'long':
      return `${target}${'a'.repeat(mutation.length)}`
    case 'absolute':
      return `http://api.example${target}`
    default:
      return withSegment(target, mutation)
  }
}

/** Changes one segment, counted from the last. */
function withSegment(target: string, mutation: Extract<Mutation, { at: number }>): string {
  const segments = target.split('/')
  const at = segments.length - 1 - (mutation.at % segments.length)
  const old = segments[at] as string
  if (mutation.how === 'empty') return segments.with(at, '').join('/') || '/'
  if (mutation.how === 'segment')
    return [...segments.slice(0, at + 1), mutation.text, ...segments.slice(at + 1)].join('/')
  return segments.with(at, changedSegment(old, mutation)).join('/')
}

function changedSegment(
  old: string,
  mutation: Exclude<Extract<Mutation, { at: number }>, { how: 'segment' | 'empty' }>,
): string {
  if (mutation.how === 'append') return old + mutation.text
  if (mutation.how === 'prepend') return mutation.text + old
  const offset = mutation.offset % (old.length + 1)
  const [before, letter, after] = [old.slice(0, offset), old[offset] ?? '', old.slice(offset + 1)]
  if (mutation.how === 'insert') return before + mutation.text + letter + after
  if (letter === '') return mutation.how === 'case' ? old.toUpperCase() : old
  if (mutation.how === 'case')
    return before + (letter === letter.toUpperCase() ? letter.toLowerCase() : letter.toUpperCase()) + after
  if (mutation.how === 'wide') return before + encodeURIComponent(lookAlike(letter)) + after
  let encoded = encodedByte(letter)
  for (let layer = 1; layer < mutation.layers; layer++) encoded = encoded.replaceAll('%', '%25')
  return before + encoded + after
}

const encodedByte = (letter: string) => `%${letter.charCodeAt(0).toString(16).padStart(2, '0')}`

/** A letter that some case-insensitive comparison or normalization treats as this one. */
function lookAlike(letter: string): string {
  const folded: Record<string, string> = { s: 'ſ', k: 'K', i: 'ı', I: 'İ' }
  return folded[letter] ?? String.fromCharCode((letter.charCodeAt(0) & 0x7f) + 0xfee0)
}
