import type { SignedEdition } from 'countersign-server/edition'
import { draft11 } from './draft-11.js'
import type { PersonDocument } from './library/documents.js'
import { readAuthAccess } from './server/auth-access.js'
import { createConsentTransport } from './server/consent-transport.js'
import { editionName, paths } from './server/paths.js'
import { createPendingEndpoint } from './server/pending-endpoint.js'
import { readPersonAccess } from './server/person-access.js'
import { tokenEndpoint } from './server/token-endpoint.js'

/** The person server of draft -11. It issues person tokens and auth tokens, each after a user's decision. */
export const draft11Server = {
  name: editionName,
  edition: draft11,
  createTransport: createConsentTransport,
  describe({ issuer, name }) {
    const document: PersonDocument = {
      issuer,
      jwks_uri: issuer + paths.jwks,
      person_token_endpoint: issuer + paths.personToken,
      auth_token_endpoint: issuer + paths.authToken,
      name,
    }
    return { ...document }
  },
  endpoints(context) {
    return [
      { path: paths.personToken, caller: 'agent', methods: { POST: tokenEndpoint(context, readPersonAccess) } },
      { path: paths.authToken, caller: 'agent', methods: { POST: tokenEndpoint(context, readAuthAccess) } },
      { path: `${paths.pending}/:id`, caller: 'agent', methods: { GET: createPendingEndpoint(context) } },
    ]
  },
} satisfies SignedEdition
