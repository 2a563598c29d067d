/** Host, and path where an identifier has one: `https://host/~evil` must not read as `host` (W10). One that is no URL: as it is. */
export function displayHost(identifier: string): string {
  return identifier.replace(/^https?:\/\//, '')
}

/** Host and path of a redirect URI. */
export function displayRedirect(redirectUri: string): string {
  const { protocol, host, pathname } = new URL(redirectUri)
  return (host === '' ? protocol : host) + (pathname === '/' ? '' : pathname)
}
