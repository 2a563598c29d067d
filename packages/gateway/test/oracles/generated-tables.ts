import type { Level, Route } from 'countersign-gateway'
import fc from 'fast-check'

const literals = [
  'admin',
  'users',
  'a',
  'me',
  'public',
  'doc',
  'Admin',
  'wp-json',
  'index.php',
  'admin.php',
  'x.json',
  'index.html',
]
const endings = ['.pdf', '.json', '-x']

type Derivation =
  | { how: 'below'; segment: string }
  | { how: 'parameter' }
  | { how: 'affix'; before: string; after: string }
  | { how: 'ending'; ending: string }
  | { how: 'everything' }
  | { how: 'open' }
  | { how: 'openParent' }
  | { how: 'sibling'; segment: string }
  | { how: 'same' }

/** What a table may declare about how the API interprets a path. */
type PathSettings = Pick<Route, 'case' | 'endings' | 'pathParameters' | 'encoded'>

/** How a route is derived from an earlier one. */
export interface DerivedRow {
  /** The earlier route that it is derived from, modulo the number of routes. */
  from: number
  derivation: Derivation
  method: string
  need: Pick<Route, 'require' | 'scope'>
  settings: PathSettings
}

/** A segment without a parameter. */
export const literalSegment = fc.constantFrom(...literals)
const segment = fc.oneof(
  { weight: 3, arbitrary: literalSegment },
  { weight: 2, arbitrary: fc.constant('{id}') },
  { weight: 1, arbitrary: fc.constantFrom('{id}.pdf', 'pub-{id}', '{id}-x') },
)

const derivation: fc.Arbitrary<Derivation> = fc.oneof(
  { weight: 5, arbitrary: segment.map((text) => ({ how: 'below' as const, segment: text })) },
  { weight: 2, arbitrary: fc.constant({ how: 'parameter' as const }) },
  {
    weight: 1,
    arbitrary: fc.record({
      how: fc.constant('affix' as const),
      before: fc.constantFrom('', 'pub-', 'sec'),
      after: fc.constantFrom('', ...endings),
    }),
  },
  { weight: 1, arbitrary: fc.record({ how: fc.constant('ending' as const), ending: fc.constantFrom(...endings) }) },
  { weight: 3, arbitrary: fc.constant({ how: 'everything' as const }) },
  { weight: 2, arbitrary: fc.constant({ how: 'open' as const }) },
  { weight: 2, arbitrary: fc.constant({ how: 'openParent' as const }) },
  { weight: 2, arbitrary: literalSegment.map((text) => ({ how: 'sibling' as const, segment: text })) },
  { weight: 2, arbitrary: fc.constant({ how: 'same' as const }) },
)

const authorization = (scope: string) => ({ require: 'authorization' as const, scope })

export const derivedRow: fc.Arbitrary<DerivedRow> = fc.record({
  from: fc.nat({ max: 5 }),
  derivation,
  method: fc.constantFrom('GET', '*', 'GET', 'DELETE', 'POST', '*', 'HEAD'),
  need: fc.constantFrom(
    { require: 'none' as Level },
    authorization('admin'),
    { require: 'none' as Level },
    authorization('read'),
    { require: 'signature' as Level },
    { require: 'identity' as Level },
    authorization('read admin'),
  ),
  settings: fc.record({
    case: fc.constantFrom(undefined, undefined, 'kept' as const),
    endings: fc.constantFrom(undefined, undefined, 'kept' as const),
    pathParameters: fc.constantFrom(undefined, undefined, undefined, true as const),
    encoded: fc.constantFrom(
      undefined,
      undefined,
      undefined,
      undefined,
      ['%2F' as const],
      ['%23' as const, '%25' as const],
    ),
  }),
})

/** The table of the routes, in order; if two match the same requests, only the first. */
export function routesOf(rows: readonly DerivedRow[]): Route[] {
  const paths: string[][] = [[]]
  const routes = new Map<string, Route>()
  for (const { from, derivation: derived, method, need, settings } of rows) {
    const parts = derivedPath(paths[from % paths.length] as string[], derived)
    paths.push(parts)
    const path = `/${parts.join('/')}`
    const same = [...routes.values()].find((route) => route.path === path)
    const requests = `${method} ${path}`
    if (!routes.has(requests)) routes.set(requests, { method, path, ...need, ...settingsOf(path, same ?? settings) })
  }
  return [...routes.values()]
}

/** Settings belong to a path: all of its routes have the same settings. */
function settingsOf(
  path: string,
  { case: letters, endings: suffixes, pathParameters, encoded }: PathSettings,
): PathSettings {
  return {
    ...(letters && { case: letters }),
    ...(suffixes && { endings: suffixes }),
    ...(pathParameters && { pathParameters }),
    ...(encoded && path.includes('{') && { encoded }),
  }
}

function derivedPath(from: readonly string[], derived: Derivation): string[] {
  const path = from.filter((part) => part !== '*')
  const parent = path.slice(0, -1)
  const last = path.at(-1) ?? 'users'
  switch (derived.how) {
    case 'below':
      return [...path, derived.segment]
    case 'parameter':
      return [...parent, '{id}']
    case 'affix':
      return [...parent, `${derived.before}{id}${derived.after}`]
    case 'ending':
      return [...parent, `${last}${derived.ending}`]
    case 'everything':
      return ['*']
    case 'open':
      return [...path, '*']
    case 'openParent':
      return [...parent, '*']
    case 'sibling':
      return [...parent, derived.segment]
    case 'same':
      return [...from]
  }
}
