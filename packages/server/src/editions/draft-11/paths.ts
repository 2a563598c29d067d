/** The edition's name in stored requests and grants, and in everything that is hashed or derived for it. */
export const draft11Name = 'draft-11'

/** The paths of the person server's endpoints. */
export const paths = {
  keys: '/person/jwks.json',
  personToken: '/person/token',
  authToken: '/person/authorize',
  pending: '/person/pending',
  interact: '/person/interact',
  revoke: '/person/revoke',
  deviceToken: '/person/delegates/token',
  deviceKeys: '/person/delegates/jwks.json',
} as const
