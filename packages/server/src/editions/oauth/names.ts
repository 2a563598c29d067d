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
