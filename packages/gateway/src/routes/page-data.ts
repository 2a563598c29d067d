/** Last names by which frameworks serve the data of the page whose path is before them. */
const dataNames =
  /^(?:__data\.json|__route\.js|_payload\.js(?:on)?|_(?:root)?\.data|q-(?:loader-)?data\.json|index\.pagecontext\.json)$/i

/**
 * The paths of the pages that frameworks run for a path that is one of their data: `__data.json` of SvelteKit, `_payload.json` of Nuxt,
 * `_.data` of React Router, `q-data.json` of Qwik, `/_next/data/{build}/….json` and `.segments/` of Next.js, and `/page-data/` of Gatsby.
 */
export function pagesOf(names: readonly string[]): string[][] {
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
