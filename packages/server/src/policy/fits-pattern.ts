/**
 * Whether a text fits a pattern, in which `*` stands for any characters but those of `stop`. Takes time in proportion to
 * the text, whatever the pattern.
 */
export function fitsPattern(text: string, pattern: string, stop = ''): boolean {
  const [head = '', ...rest] = pattern.split('*')
  const tail = rest.pop()
  if (tail === undefined) return text === pattern
  const end = text.length - tail.length
  if (end < head.length || !text.startsWith(head) || !text.endsWith(tail)) return false
  const crosses = (from: number, to: number) => {
    for (let at = from; at < to; at++) if (stop.includes(text[at] ?? '')) return true
    return false
  }
  let from = head.length
  // The first place for a part is as good as any later one: what lies between is then part of a longer `*`.
  for (const part of rest) {
    const at = text.indexOf(part, from)
    if (at === -1 || at + part.length > end || crosses(from, at)) return false
    from = at + part.length
  }
  return !crosses(from, end)
}
