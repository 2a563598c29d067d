const quote = 0x22
const backslash = 0x5c
const colon = 0x3a

/**
 * Whether an object anywhere in a JSON text has a member twice: parsers keep the first, the last or none (RFC 8259 §4).
 *
 * @param value what the text parses to
 */
export function hasDuplicateMembers(text: string, value: unknown): boolean {
  return countColons(text) !== countMembers(value)
}

// One for each member of the text: strings are passed over.
function countColons(text: string): number {
  let colons = 0
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === colon) colons++
    else if (code === quote) i = endOfString(text, i + 1)
  }
  return colons
}

function endOfString(text: string, start: number): number {
  let end = start
  for (let code = text.charCodeAt(end); code !== quote; code = text.charCodeAt(end)) end += code === backslash ? 2 : 1
  return end
}

// With a list of its own, since tokens may hold values of any depth.
function countMembers(value: unknown): number {
  let members = 0
  const open: unknown[] = [value]
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (typeof next !== 'object' || next === null) continue
    const inside: unknown[] = Object.values(next)
    if (!Array.isArray(next)) members += inside.length
    for (const one of inside) if (typeof one === 'object') open.push(one)
  }
  return members
}
