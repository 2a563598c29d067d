import { expect } from 'vitest'

/** The text of a page as a user reads it, with one space for any markup or white space. */
export function words(html: string): string {
  const body = html.slice(html.indexOf('<body'))
  return body
    .replaceAll('<wbr/>', '')
    .replace(/<[^>]*>/g, ' ')
    .replace(/&quot;/g, '"')
    .replace(/&#39;/g, "'")
    .replace(/&lt;/g, '<')
    .replace(/&gt;/g, '>')
    .replace(/&amp;/g, '&')
    .replace(/\s+/g, ' ')
    .replace(/ (?=[.,?”)]|’s\b)/g, '')
    .replace(/(?<=[“(]) /g, '')
}

/** Expects the pieces to follow each other in the text. */
export function expectOrder(text: string, pieces: string[]): void {
  let from = 0
  for (const piece of pieces) {
    const at = text.indexOf(piece, from)
    expect(at, `"${piece}" after position ${from}`).toBeGreaterThanOrEqual(0)
    from = at + piece.length
  }
}

/** The forms of a page: the attributes of each and its controls in order. */
export function formsOf(html: string) {
  return [...html.matchAll(/<form([^>]*)>(.*?)<\/form>/gs)].map(([, attributes = '', content = '']) => ({
    attributes,
    hidden: Object.fromEntries(
      [...content.matchAll(/<input type="hidden" name="([^"]*)" value(?:="([^"]*)")?/g)].map(([, name, value = '']) => [
        name,
        value,
      ]),
    ),
    controls: [...content.matchAll(/<(?:input(?! type="hidden")|button)[^>]*>/g)].map(([tag]) => tag),
  }))
}

/** Expects a value to be plain text in a document, and readable. */
export function expectInert(html: string, payload: string): void {
  expect(html).not.toMatch(
    /<script(?! type="module" src="\/assets\/)|<img(?! class="logo" src="\/agents\/| class="brand" src="\/assets\/)|<b>/,
  )
  const tags = html.match(/<[a-z](?:[^>"]|"[^"]*")*>/g) ?? []
  expect(tags.filter((tag) => / on[a-z]+=/.test(tag.replace(/"[^"]*"/g, '""')))).toEqual([])
  expect(words(html)).toContain(payload)
}

/** Values that would be markup if they were not escaped. */
export const payloads = [
  '<script>alert(1)</script>',
  '"><img src=x onerror=alert(1)>',
  "' onfocus='alert(1)",
  '{{7*7}}',
  '</title><b>',
]
