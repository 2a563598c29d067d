import { AAuthError } from 'countersign'
import { requireParameter } from 'countersign/wire'
import type { FormEndpoint } from '../../token/signed-form.js'
import { requestAuthorization } from './auth.js'
import { exchangeCode } from './code.js'
import { refreshToken } from './refresh.js'

/** The request types of `agent_token_endpoint` (S§9.3, 9.6); the metadata lists the same names. */
export const requestTypes: ReadonlyMap<string, FormEndpoint> = new Map<string, FormEndpoint>([
  ['auth', requestAuthorization],
  ['code', exchangeCode],
  ['refresh', refreshToken],
])

/** `POST /agent/token`: what the form's `request_type` asks for (S§9.3–9.7). */
export const answerTokenRequest: FormEndpoint = (context, agent, form) => {
  const requestType = requestTypes.get(requireParameter(form, 'request_type'))
  if (!requestType) {
    const known = [...requestTypes.keys()].join(', ')
    throw new AAuthError('request_type_unsupported', `request_type must be one of: ${known}.`)
  }
  return requestType(context, agent, form)
}
