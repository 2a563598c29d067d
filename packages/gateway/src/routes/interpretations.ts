import { isScript } from './fold.js'
import type { ParsedPath } from './path-grammar.js'

/** Names of a path, and whether it goes on with any others, as patterns do. */
export interface Names {
  names: readonly string[]
  open: boolean
}

/**
 * The decoded paths that some server takes a path for: itself, without or with the parameters of its last segment, with the encoded
 * octets decoded; the page that it is data of; and of a script before further segments, the script alone, what follows it, and the path
 * without it.
 */
export function interpretations(
  { decoded, encoded, hasParameters }: Omit<ParsedPath, 'segments'>,
  open = false,
): Names[] {
  const read = optedReadings(decoded, { encoded, hasParameters })
  read.push(...read.flatMap((names) => [...pagesOf(names)]))
  return read.flatMap((names) => [{ names, open }, ...aroundScripts(names, open)])
}

/**
 * The paths, otherwise as sent, that servers take a path for which has parameters or encoded octets: with and without them. None for
 * another path, which has one spelling.
 */
export function spelledReadings({ segments, decoded, encoded, hasParameters }: ParsedPath): (readonly string[])[] {
  if (!hasParameters && !encoded) return []
  const spelled = encoded ? segments.with(encoded.at, decoded[encoded.at] as string) : segments
  return optedReadings(spelled, { encoded, hasParameters })
}

/** A path itself, without its parameters, and split or cut at its encoded octets. */
function optedReadings(
  names: readonly string[],
  { encoded, hasParameters }: Pick<ParsedPath, 'encoded' | 'hasParameters'>,
): (readonly string[])[] {
  const read = [names]
  if (hasParameters) read.push(names.with(-1, (names.at(-1) as string).replace(/;.*$/s, '')))
  for (const each of encoded ? [...read] : []) {
    const text = each.join('/')
    read.push(text.split('/'))
    if (text.includes(';')) read.push(text.split('/').map((name) => name.replace(/;.*$/s, '')))
    if (text.includes('#')) read.push((text.split('#', 1)[0] as string).split('/'))
  }
  return read
}

function aroundScripts(names: readonly string[], open: boolean): Names[] {
  const read: Names[] = []
  for (const [at, name] of names.entries()) {
    if ((at === names.length - 1 && !open) || !isScript(name)) continue
    read.push({ names: names.slice(0, at + 1), open: false }, { names: names.slice(at + 1), open })
    read.push({ names: names.toSpliced(at, 1), open })
  }
  return read
}

/** Last names by which frameworks serve the data of the page whose path is before them. */
const dataNames =
  /^(?:__data\.json|__route\.js|_payload\.js(?:on)?|_(?:root)?\.data|q-(?:loader-)?data\.json|index\.pagecontext\.json)$/i

/**
 * The paths of the pages that frameworks run for a path that is one of their data: `__data.json` of SvelteKit, `_payload.json` of Nuxt,
 * `_.data` of React Router, `q-data.json` of Qwik, `/_next/data/{build}/….json` and `.segments/` of Next.js, and `/page-data/` of Gatsby.
 */
function pagesOf(names: readonly string[]): string[][] {
  const last = names.at(-1) ?? ''
  const pages: string[][] = []
  if (last.includes('.') && /data|payload|route|pagecontext/i.test(last)) {
    if (dataNames.test(last)) pages.push(names.slice(0, -1))
    const html = /^(.*)\.html__data\.json$/i.exec(last)?.[1]
    if (html !== undefined) pages.push(names.with(-1, html))
  }
  for (let at = 0; at < names.length - 1; at++) {
    const name = names[at] as string
    if (/^_next$/i.test(name) && /^data$/i.test(names[at + 1] as string) && at + 3 < names.length)
      pages.push(withoutFile([...names.slice(0, at), ...names.slice(at + 3)]))
    else if (/^page-data$/i.test(name) && /^page-data\.json$/i.test(last))
      pages.push(withoutFile([...names.slice(0, at), ...names.slice(at + 1, -1)]))
    else if (/\.segments$/i.test(name)) pages.push(withoutFile([...names.slice(0, at), name.slice(0, -9)]))
  }
  return pages
}

/** The path of a page by that of its file. */
function withoutFile(names: string[]): string[] {
  const last = (names.at(-1) ?? '').replace(/\.json$/i, '')
  return last === 'index' ? names.slice(0, -1) : names.with(-1, last)
}
