const scopeToken = /^[\x21\x23-\x5b\x5d-\x7e]{1,128}$/

/**
 * The values of a space-separated scope string (RFC 6749 §3.3), in order, each once; undefined when it is empty, has a
 * character that no scope has, or more than 64 values.
 */
export function parseScope(text: string): string[] | undefined {
  const values = [...new Set(text.split(' '))]
  return values.length <= 64 && values.every((value) => scopeToken.test(value)) ? values : undefined
}
