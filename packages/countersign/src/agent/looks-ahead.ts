/** What browsers say who look ahead. */
const fields = ['sec-purpose', 'purpose', 'x-moz', 'x-purpose']

/** Whether a browser only loads a page before anybody asks for it. */
export function looksAhead(header: (name: string) => string | null | undefined): boolean {
  return fields.some((name) => /\b(?:prefetch|preview)\b/i.test(header(name) ?? ''))
}
