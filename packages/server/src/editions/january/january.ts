import { AAuthError } from 'countersign'
import { type IssuerMetadata, january, requireParameter } from 'countersign/editions'
import type { Arrival } from '../../http/route.js'
import type { SignedEdition } from '../edition.js'
import { type FormEndpoint, signedForm } from '../signed-request.js'
import { requestAuthorization } from './auth.js'
import { consentPath, createConsentTransport, januaryName } from './consent-transport.js'
import { deviceRoutes } from './devices.js'
import { exchangeCode, refreshToken } from './issue-tokens.js'
import { createRevocationListEndpoint, revocationListPath, revokeToken } from './revocation-list.js'

const paths = { keys: '/jwks.json', token: '/agent/token', revoke: '/agent/revoke' }
const requestTypeOfConsent = 'auth'

/** The handlers of `POST /agent/token` by the form's `request_type` (S§9.3–9.7); the metadata lists the same names. */
const requestTypes: ReadonlyMap<string, FormEndpoint> = new Map<string, FormEndpoint>([
  [requestTypeOfConsent, requestAuthorization],
  ['code', exchangeCode],
  ['refresh', refreshToken],
])

const byRequestType: FormEndpoint = (context, agent, form) => {
  const answer = requestTypes.get(requireParameter(form, 'request_type'))
  if (answer) return answer(context, agent, form)
  const known = [...requestTypes.keys()].join(', ')
  throw new AAuthError('request_type_unsupported', `request_type must be one of: ${known}.`)
}

function startsNewFlow(body: string): boolean {
  return new URLSearchParams(body).get('request_type') === requestTypeOfConsent
}

/** The auth server of AAuth as of January 2026 (S§8.2, 9.3–9.7). */
export const januaryServer: SignedEdition = {
  name: januaryName,
  edition: january,
  createTransport: createConsentTransport,
  describe({ issuer, algorithms }) {
    const metadata: IssuerMetadata = {
      issuer,
      jwks_uri: issuer + paths.keys,
      agent_token_endpoint: issuer + paths.token,
      agent_auth_endpoint: issuer + consentPath,
      agent_revocation_endpoint: issuer + paths.revoke,
      revocation_list_uri: issuer + revocationListPath,
      agent_signing_algs_supported: [...algorithms],
      request_types_supported: [...requestTypes.keys()],
      authorization_response_iss_parameter_supported: true,
    }
    return { ...metadata }
  },
  endpoints(context) {
    const form = (judge: FormEndpoint) => ({ POST: (arrival: Arrival) => signedForm(context, arrival, judge) })
    return [
      {
        path: revocationListPath,
        caller: 'agent',
        isLight: true,
        methods: { GET: createRevocationListEndpoint(context) },
      },
      { path: paths.token, caller: 'agent', methods: form(byRequestType), startsNew: startsNewFlow },
      { path: paths.revoke, caller: 'agent', methods: form(revokeToken) },
      ...deviceRoutes(context),
    ]
  },
}
