const cacheControl = 'private, no-store'
const signatureKey = 'Signature-Key'

/**
 * `Cache-Control` of an answer to a signed request: what was set, where no shared cache may keep that either, else
 * `private, no-store`. Signed requests carry no `Authorization`, which would keep shared caches off (RFC 9111 §3.5).
 */
export function privateCacheControl(set: string): string {
  return set !== '' && isPrivate(set) ? set : cacheControl
}

/** `Vary` of an answer to a signed request, which depends on who signed it. */
export function varyBySigner(set: string): string {
  if (set === '') return signatureKey
  const names = set.split(',').map((name) => name.trim())
  if (names.includes('*') || names.some((name) => name.toLowerCase() === signatureKey.toLowerCase())) return set
  return [...names.filter((name) => name !== ''), signatureKey].join(', ')
}

// Not `private="field"`, which lets shared caches keep the rest (RFC 9111 §5.2.2.7), nor words inside of quotes.
function isPrivate(set: string): boolean {
  const unquoted = set.replaceAll(/"(?:[^"\\]|\\.)*"/g, '~')
  if (unquoted.includes('"')) return false
  return unquoted.split(',').some((directive) => /^[ \t]*(?:private|no-store)[ \t]*$/i.test(directive))
}
