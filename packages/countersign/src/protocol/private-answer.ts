/** `Cache-Control` of what is for one alone, and is kept nowhere. */
export const keptNowhere = 'private, no-store'
const signatureKey = 'Signature-Key'
const targeted =
  /^(?:(?:.+-)?cdn-cache-control|surrogate-control|edge-control|x-accel-expires|x-litespeed-.+|x-reverse-proxy-ttl)$/i

/**
 * `Cache-Control` of an answer to a signed request: what was set, where no shared cache may keep that either, else
 * `private, no-store`. Signed requests carry no `Authorization`, which would keep shared caches off (RFC 9111 §3.5).
 */
export function privateCacheControl(set: string): string {
  return set !== '' && isPrivate(set) ? set : keptNowhere
}

/** `Vary` of an answer to a signed request, which depends on who signed it. */
export function varyBySigner(set: string): string {
  if (set === '') return signatureKey
  const names = set.split(',').map((name) => name.trim())
  if (names.includes('*') || names.some((name) => name.toLowerCase() === signatureKey.toLowerCase())) return set
  return [...names.filter((name) => name !== ''), signatureKey].join(', ')
}

/**
 * Whether a field tells some caches alone what to do, and they read nothing else then: `CDN-Cache-Control` (RFC 9213),
 * that of a vendor, such as `Cloudflare-CDN-Cache-Control`, and older ones such as `Edge-Control` (Akamai), `Surrogate-Control` (Fastly),
 * `X-LiteSpeed-Cache-Control` and `X-Accel-Expires` (nginx).
 */
export function isTargeted(name: string): boolean {
  return targeted.test(name)
}

/** Whether such a field of an answer to a signed request lets no cache keep it. What does not is left out. */
export function mayTarget(name: string, set: string): boolean {
  return name.toLowerCase() === 'x-accel-expires' ? set.trim() === '0' : isPrivate(set)
}

// Not `private="field"`, which lets shared caches keep the rest (RFC 9111 §5.2.2.7), nor words inside of quotes. Nor `no-store`
// beside `must-understand`: whoever knows that one ignores it (RFC 9111 §5.2.2.3).
function isPrivate(set: string): boolean {
  const unquoted = set.replaceAll(/"(?:[^"\\]|\\.)*"/g, '~')
  if (unquoted.includes('"')) return false
  const directives = unquoted.split(',').map((directive) => directive.replaceAll(/^[ \t]+|[ \t]+$/g, '').toLowerCase())
  if (directives.includes('private')) return true
  return directives.includes('no-store') && !directives.some((directive) => /^must-understand\b/.test(directive))
}
