/**
 * Whether a browser says that a page of the agent led the person here (W22): by a `Referer` of the agent's origin, which
 * a link in a message has none of. Where the identifier has a path, the page must lie at or under it, since others may
 * share the host. What else a browser says of how it got here must fit: a person was taken here, and saw nothing else
 * before, such as this server's sign-in page.
 */
export function comesFromAgent({ headers }: Request, agent: string): boolean {
  const referer = headers.get('referer') ?? ''
  if (!/^[\x21-\x7e]+$/.test(referer) || !URL.canParse(referer)) return false
  const { origin, pathname } = new URL(referer)
  const own = new URL(agent)
  const isOwnPath = own.pathname === '/' || pathname === own.pathname || pathname.startsWith(`${own.pathname}/`)
  return origin === own.origin && isOwnPath && isNavigation(headers)
}

/** What browsers tell of a navigation that a page of another origin caused; all of them, or none. */
const navigation: readonly (readonly [header: string, value: RegExp])[] = [
  ['sec-fetch-site', /^(?:cross|same)-site$/],
  ['sec-fetch-mode', /^navigate$/],
  ['sec-fetch-dest', /^document$/],
  ['sec-purpose', /^$/],
  ['purpose', /^$/],
]

function isNavigation(headers: Headers): boolean {
  return navigation.every(([name, value]) => {
    const said = headers.get(name)
    return said === null || value.test(said)
  })
}
