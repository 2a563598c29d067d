/** Whether a URL is one of a document or of keys. */
export function isDiscovery(url: string): boolean {
  const { pathname } = new URL(url)
  return pathname.includes('/.well-known/') || pathname.endsWith('/jwks.json')
}
