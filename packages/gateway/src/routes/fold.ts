/** Distinctions that an API makes although many servers do not: the case of letters, and the endings of the last segment. */
export interface Kept {
  case: boolean
  endings: boolean
}

/** Every combination; that of a route is found by {@link keptOf}. */
export const folds: readonly Kept[] = [
  { case: false, endings: false },
  { case: true, endings: false },
  { case: false, endings: true },
  { case: true, endings: true },
]

const script =
  /^index(?:\.|$)|\.(?:php\w*|pht\w*|phar|f?cgi|p[ly]|rb|lua|exe|dll|shtml|as[hmp]x?|aspx|svc|jspx?|jsf|faces|cf[cm]|do|action)$/

/** Whether servers run a decoded segment as a program, and pass it the segments that follow. */
export function isScript(decoded: string): boolean {
  return /index|\.|[^\0-\x7f]/i.test(decoded) && script.test(foldName(decoded))
}

/** Decodes a raw segment, in up to five layers. Invalid sequences stay as they are. */
export function decodeSegment(segment: string): string {
  let decoded = segment
  for (let layer = 0; layer < 5 && decoded.includes('%'); layer++) {
    const next = decodeLayer(decoded)
    if (next === decoded) break
    decoded = next
  }
  return decoded
}

function decodeLayer(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text.replaceAll(/(?:%[0-9a-f]{2})+/gi, (run) => Buffer.from(run.replaceAll('%', ''), 'hex').toString('utf8'))
  }
}

/**
 * The common form of all names that some server treats as equal: compatible letters (NFKC), case, ignorable characters, `+` as a blank, blanks
 * and dots at the ends, and the streams of NTFS (`::$DATA`).
 */
export function foldName(decoded: string, keepsCase = false): string {
  if (/^[a-z0-9_-]*(?:\.[a-z0-9_-]+)*$/.test(decoded)) return decoded
  let name = decoded
  if (/[^\0-\x7f]/.test(name)) {
    name = name.replaceAll(/\p{Default_Ignorable_Code_Point}+/gu, '').normalize('NFKC')
    if (!keepsCase) name = foldCase(name)
  } else if (!keepsCase) name = name.toLowerCase()
  const colon = name.indexOf(':')
  if (colon !== -1 && name.indexOf('$', colon) !== -1) name = name.slice(0, colon)
  if (name.includes('+')) name = name.replaceAll('+', ' ')
  return trimEnd(/^\s/.test(name) ? name.trimStart() : name)
}

/** Upper case first: `ß` and `ẞ` become `ss`, `ς` and `Σ` one letter, `ı` and `İ` become `i`. */
function foldCase(name: string): string {
  let folded = name
  for (let round = 0; round < 2; round++) {
    const before = folded
    folded = folded.toUpperCase().toLowerCase().replaceAll('i\u0307', 'i').replaceAll('ς', 'σ').normalize('NFKC')
    if (folded === before) break
  }
  return folded
}

/** Without blanks, dots and colons at the end. In linear time. */
function trimEnd(name: string): string {
  let end = name.length
  while (end > 0 && /[\s.:]/.test(name[end - 1] as string)) end--
  return name.slice(0, end)
}

/** What is dropped from the end of a path: an index file and empty names, empty names alone, or nothing. */
export const ends = ['index', 'empty', 'nothing'] as const
export type End = (typeof ends)[number]

/** Folds the names of a path. The last one loses its ending (`.json`, `.tar.gz`). */
export function foldNames(decoded: readonly string[], kept: Kept, dropped: End = 'index'): string[] {
  return withoutEnd(
    decoded.map((name) => foldName(name, kept.case)),
    kept,
    dropped,
  )
}

/** Drops the end of a path whose names are folded. */
export function withoutEnd(folded: readonly string[], kept: Kept, dropped: End = 'index'): string[] {
  const names = [...folded]
  for (;;) {
    const last = names.pop()
    if (last === undefined) return names
    const bare = kept.endings ? last : withoutEnding(last)
    if (bare === '' ? dropped !== 'nothing' : dropped === 'index' && !kept.endings && isIndex(bare, last)) continue
    names.push(bare)
    return names
  }
}

/** Folds names as {@link foldName} does, each one once. */
export type FoldOnce = (decoded: string, keepsCase: boolean) => string

/** For all of a request: its names are compared in many forms, and some take long to fold. */
export function createFoldOnce(): FoldOnce {
  const seen = [new Map<string, string>(), new Map<string, string>()] as const
  return (decoded, keepsCase) => {
    const known = seen[keepsCase ? 0 : 1]
    let folded = known.get(decoded)
    if (folded === undefined) {
      folded = foldName(decoded, keepsCase)
      known.set(decoded, folded)
    }
    return folded
  }
}

/**
 * The forms of a path for different servers: some treat an index file as its folder and ignore a slash at the end, some ignore the slash alone,
 * and for some an empty name is a parameter.
 */
export function foldedForms(
  decoded: readonly string[],
  kept: Kept,
  fold: FoldOnce = foldName,
): { end: End; names: string[] }[] {
  const forms: { end: End; names: string[] }[] = []
  const folded = decoded.map((name) => fold(name, kept.case))
  for (const end of ends) {
    const names = withoutEnd(folded, kept, end)
    if (names.length !== forms.at(-1)?.names.length) forms.push({ end, names })
    if (names.length === decoded.length) break
  }
  return forms
}

/** `default` alone is a common id. */
function isIndex(bare: string, name: string): boolean {
  return /^index$/i.test(bare) || (/^default$/i.test(bare) && bare !== name)
}

/** A folded name without its ending: `report` of `report.tar.gz`. */
export function withoutEnding(name: string): string {
  const dot = name.indexOf('.', 1)
  return dot === -1 ? name : trimEnd(name.slice(0, dot))
}
