import { parseBase64url, serializeBase64url, utf8 } from '../../lib/base64url.js'

/**
 * An id of an event as clients of a session get it: of no use in another session, where servers keep the events of all together
 * (attacks M23).
 */
export async function shownEventId(id: string, secret: string): Promise<string> {
  const mac = await crypto.subtle.sign('HMAC', await keyOf(secret), utf8(id))
  return `${id}.${serializeBase64url(new Uint8Array(mac))}`
}

/** The server's own id; undefined for one that the session did not get. */
export async function ownEventId(shown: string, secret: string): Promise<string | undefined> {
  const at = shown.lastIndexOf('.')
  const mac = at === -1 ? undefined : parseBase64url(shown.slice(at + 1))
  if (!mac) return undefined
  const id = shown.slice(0, at)
  const isOurs = await crypto.subtle.verify('HMAC', await keyOf(secret), new Uint8Array(mac), utf8(id))
  return isOurs ? id : undefined
}

function keyOf(secret: string): ReturnType<typeof crypto.subtle.importKey> {
  return crypto.subtle.importKey('raw', utf8(secret), { name: 'HMAC', hash: 'SHA-256' }, false, ['sign', 'verify'])
}
