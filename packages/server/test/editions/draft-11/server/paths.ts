/** The edition's name in stored requests and grants. */
export const editionName = 'draft-11'

/** The endpoints of the person server. */
export const paths = {
  jwks: '/person/jwks.json',
  personToken: '/person/token',
  authToken: '/person/authorize',
  pending: '/person/pending',
  interact: '/person/interact',
} as const
