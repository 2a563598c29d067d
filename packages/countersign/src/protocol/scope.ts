const maxValues = 64
const maxValueLength = 128
const scopeToken = /^[\x21\x23-\x5b\x5d-\x7e]{1,128}$/

/**
 * The values of a space-separated scope string (RFC 6749 §3.3), in order, each once; undefined when it is empty, has a
 * character that no scope has, or more than 64 values of at most 128 characters.
 */
export function parseScope(text: string): string[] | undefined {
  if (text.length > maxValues * (maxValueLength + 1)) return undefined
  const named = text.split(' ')
  const values = named.length === 1 ? named : [...new Set(named)]
  return values.length <= maxValues && values.every((value) => scopeToken.test(value)) ? values : undefined
}
