import { AAuthError } from 'countersign'
import { isIdentifier } from 'countersign/discovery'
import { requireText } from './read-json.js'
import type { AccessReader } from './token-endpoint.js'

/** `POST /person/token`: access to a resource as a user. The consent page presents it as being recognized there. */
export const readPersonAccess: AccessReader = async (context, _agent, members) => {
  const resource = requireText(members, 'resource')
  if (!isIdentifier(resource, context.identifiers))
    throw new AAuthError('request_malformed', 'The resource is not a valid server identifier.')
  return { access: { resource, scope: ['openid'] }, asked: { token: 'person', userId: undefined } }
}
