import { january } from 'countersign'
import type { IssuerMetadata } from 'countersign/wire'
import { type FormEndpoint, signedForm } from '../../token/signed-form.js'
import type { ProgramRequest } from '../../token/signed-request.js'
import type { ProgramEndpoint, ServerEdition } from '../edition.js'
import { consentPath, createConsentTransport } from './consent-transport.js'
import { createRevocationListEndpoint, revocationListPath } from './revocation-list.js'
import { revokeToken } from './revoke.js'
import { answerTokenRequest, requestTypes } from './token-endpoint.js'

/** The auth server of AAuth as of January 2026 (S§8.2, 9.3–9.7). */
export const januaryServer: ServerEdition = {
  edition: january,
  createTransport: createConsentTransport,
  describe({ issuer, algorithms }) {
    const metadata: IssuerMetadata = {
      issuer,
      jwks_uri: `${issuer}/jwks.json`,
      agent_token_endpoint: `${issuer}/agent/token`,
      agent_auth_endpoint: issuer + consentPath,
      agent_revocation_endpoint: `${issuer}/agent/revoke`,
      revocation_list_uri: issuer + revocationListPath,
      agent_signing_algs_supported: [...algorithms],
      request_types_supported: [...requestTypes.keys()],
      authorization_response_iss_parameter_supported: true,
    }
    return { ...metadata }
  },
  endpoints(context) {
    const form = (judge: FormEndpoint) => ({ POST: (request: ProgramRequest) => signedForm(context, request, judge) })
    return new Map<string, Readonly<Record<string, ProgramEndpoint>>>([
      [revocationListPath, { GET: createRevocationListEndpoint(context) }],
      ['/agent/token', form(answerTokenRequest)],
      ['/agent/revoke', form(revokeToken)],
    ])
  },
}
