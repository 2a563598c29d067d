interface Level {
  /** Of an object; undefined in a list. */
  names: Set<string> | undefined
  /** The name of the member, or the place in the list. */
  at: string | number
}

/** Which members of objects in a JSON text are there twice, each as `routes[0].path`: parsers keep one of them without a word. */
export function repeatedMembers(text: string): string[] {
  const open: Level[] = []
  const found: string[] = []
  let string = ''
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\],:]/g)) {
    const level = open.at(-1)
    if (token === '{') open.push({ names: new Set(), at: '' })
    else if (token === '[') open.push({ names: undefined, at: 0 })
    else if (token === '}' || token === ']') open.pop()
    else if (token === ',' && typeof level?.at === 'number') level.at += 1
    else if (token === ':' && level?.names) {
      level.at = JSON.parse(string) as string
      if (level.names.has(level.at)) found.push(placeOf(open))
      level.names.add(level.at)
    } else string = token
  }
  return found
}

function placeOf(open: readonly Level[]): string {
  return open
    .map(({ at }) => (typeof at === 'number' ? `[${at}]` : `.${at}`))
    .join('')
    .replace(/^\./, '')
}
