/** The edition's name in stored requests and grants, and in everything that is hashed or derived for it. */
export const oauthName = 'oauth'

/** The paths of the edition's endpoints. */
export const paths = {
  authorize: '/oauth/authorize',
  /** The consent pages of stored requests. */
  consent: '/oauth/consent',
  token: '/oauth/token',
  revoke: '/oauth/revoke',
  register: '/oauth/register',
  keys: '/oauth/jwks.json',
} as const

/** The start of the ids of clients that register themselves. */
export const selfRegisteredPrefix = 'app-'

/** Whether an id can be the name of a client that has no document. Without dots and slashes, it looks like neither a host nor a URL. */
export function isClientName(id: unknown): id is string {
  return typeof id === 'string' && /^[A-Za-z0-9_-]{1,64}$/.test(id)
}
