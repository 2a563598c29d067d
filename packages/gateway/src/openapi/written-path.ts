import { percentEncoded } from './percent-encoded.js'

/**
 * The path of a description as a route has it: without a query, encoded as it is sent, and with one parameter in a segment. A route for
 * `/files/{a}-{b}` is one for `/files/{a}`: it holds for more than was described, and never for less.
 */
export function writtenPath(described: string): string {
  const parts = described.replace(/[?#].*$/s, '').split('/')
  return parts.map((part, at) => (part === '*' && at === parts.length - 1 ? part : writtenSegment(part))).join('/')
}

function writtenSegment(part: string): string {
  const [first, ...others] = part.match(/\{[^{}]*\}/g) ?? []
  if (first === undefined) return encoded(part)
  const last = others.at(-1) ?? first
  const after = part.slice(part.lastIndexOf(last) + last.length)
  return `${encoded(part.slice(0, part.indexOf(first)))}${first}${encoded(after)}`
}

function encoded(text: string): string {
  return decoded(text).replaceAll(/[^\w\-.~!$&'()+,=:@]+/g, percentEncoded)
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch (error) {
    if (error instanceof URIError) return text
    throw error
  }
}
