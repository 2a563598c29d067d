import {
  type Endpoint,
  type RequestedAccess,
  requireAdmitted,
  requireFreshKeys,
  requireRoom,
  type SignedContext,
  type SigningAgent,
  signedRequest,
} from 'countersign-server/edition'
import { openRequest } from './open-request.js'
import { readJson } from './read-json.js'
import type { Asked } from './ticket.js'

/** Verifies the members of a request, and returns the access that they request. */
export type AccessReader = (
  context: SignedContext,
  agent: SigningAgent,
  members: Readonly<Record<string, unknown>>,
) => Promise<{ access: RequestedAccess; asked: Pick<Asked, 'token' | 'userId'> & { until?: number } }>

const longestToken = 3600

/** Creates an endpoint at which an agent requests a token with JSON. A user will decide. */
export function tokenEndpoint(context: SignedContext, readAccess: AccessReader): Endpoint {
  return (arrival) =>
    signedRequest(context, arrival, async (agent, { body, resolved }) => {
      requireFreshKeys(agent)
      const members = readJson(arrival.request.headers.get('content-type'), body)
      const { access, asked } = await readAccess(context, agent, members)
      const admission = await requireAdmitted(context, agent, access)
      const maxOpen = await requireRoom(context, agent, admission)
      const ends = [context.now() + longestToken, resolved.token?.claims.exp, asked.until]
      const until = Math.min(...ends.filter((end) => end !== undefined))
      return () => openRequest(context, agent, { access, asked: { ...asked, until }, maxOpen })
    })
}
