import { parsePathPattern } from '../routes/path-pattern.js'

/** How a spelling differs from the path of a route. */
export const spellingKinds = {
  case: 'ignores the case of letters',
  slash: 'ignores a slash at the end',
  end: 'ignores dots and blanks at the end',
  ending: 'ignores endings such as .json',
  index: 'ignores index files',
  prefix: 'compares the start of a path as text',
  data: 'serves the data of a page at another path',
  parameters: 'ignores ;… in the last segment',
  cut: 'ends a path at ; or an encoded ? or #',
  encoded: 'decodes %2F before it matches a path',
  doubly: 'decodes a path twice',
  letters: 'takes encoded or compatible letters for plain ones',
  segments: 'ignores empty segments, or resolves encoded dots',
  script: 'runs a path below a script',
  stream: 'ignores ::$DATA',
  slashed: 'takes a key or value with a slash for the path',
  frontController: 'takes any key or value of the query for the path',
} as const

export type SpellingKind = keyof typeof spellingKinds

/** Another spelling of a target. */
export interface Spelling {
  kind: SpellingKind
  target: string
}

/** The path that a route is probed by. @param values of parameters by their names, and of `*` */
export function examplePath(pattern: string, values: ReadonlyMap<string, string>): string {
  const filled = pattern.replaceAll(/\{([^{}]*)\}/g, (_, name: string) => values.get(name) ?? '1')
  return parsePathPattern(pattern).open ? filled.replace(/\*$/, values.get('*') ?? 'x') : filled
}

/** The spellings of a path that servers may run as the path itself. */
export function spellingsOf(path: string): Spelling[] {
  const at = path.lastIndexOf('/') + 1
  const [parent, last] = [path.slice(0, at), path.slice(at)]
  const bare = path.slice(1)
  const letter = /[a-z](?=[^/]*$)/i.exec(path)
  const replaced = (make: (letter: string) => string) =>
    letter ? [path.slice(0, letter.index) + make(letter[0]) + path.slice(letter.index + 1)] : []
  const targets: Readonly<Record<SpellingKind, readonly string[]>> = {
    case: [path.toUpperCase(), path.toLowerCase()],
    slash: [`${path}/`],
    end: [`${path}.`, `${path}%20`, `${path}+`],
    ending: [`${path}.json`, `${path}.tar.gz`, `${path}.data`, `${path}.rsc`, `${path}.x/y`],
    index: [`${path}/index.html`, `${path}/index.php`, `${path}/index`],
    prefix: [`${path}~`, `${path}-x`, `${path}x/y`],
    data: [`${path}/__data.json`, `${path}/_payload.json`, `${path}/_.data`, `${path}/q-data.json`],
    parameters: [`${path};x`, `${path};x=1`],
    cut: [`${path};/x`, `${path}%3Fx`, `${path}%3F/x`, `${path}%23/x`, `${path}%3Bx`],
    encoded: parent === '/' ? [] : [`${parent.slice(0, -1)}%2F${last}`],
    doubly: replaced((text) => `%25${hex(text)}`),
    letters: [...replaced((text) => `%${hex(text)}`), ...replaced(wide), ...replaced((text) => `${text}%C2%AD`)],
    segments: [`/${path}`, `/x/..${path}`, `/x/%2e%2e${path}`, `/%2e${path}`, `/x/..;${path}`],
    script: [`/index.php${path}`, `/x/index.php${path}`, `${path}/index.php/x`, `/index${path}`],
    stream: [`${path}::$DATA`],
    slashed: [`/?${path}`, `/?r=${path}`, `/?rest_route=${path}`, `/index.php?${path}`],
    frontController: [`/?${bare}`, ...['r', 'q', 's', 'route', 'url'].map((key) => `/?${key}=${bare}`)],
  }
  const spellings = Object.entries(targets) as [SpellingKind, readonly string[]][]
  return last === ''
    ? []
    : spellings.flatMap(([kind, made]) => made.filter((target) => target !== path).map((target) => ({ kind, target })))
}

function hex(letter: string): string {
  return letter.charCodeAt(0).toString(16)
}

/** A full-width letter, which NFKC makes the plain one. */
function wide(letter: string): string {
  return encodeURIComponent(String.fromCharCode(letter.charCodeAt(0) + 0xfee0))
}
