import type { Endpoint } from '../../http/route.js'
import type { SignedContext } from '../edition.js'
import { requireAdmitted } from '../require-admitted.js'
import { requireFreshKeys, signedRequest } from '../signed-request.js'
import { draft11Name } from './paths.js'
import type { Draft11Limits } from './resource-limit.js'
import { readHints, readMembers, requireAgentToken, requireResource } from './token-request.js'
import { grantOrAsk } from './want-token.js'

/** To act as the user at a resource is to be granted `openid` there. The pages say what that means. */
export const actingScope = 'openid'

/** `POST /person/token`: a person token, with which the agent acts as its user at one resource (draft -11 §7.1). */
export function personTokenEndpoint(context: SignedContext, limits: Draft11Limits): Endpoint {
  return (arrival) =>
    signedRequest(context, arrival, async (agent, verified) => {
      requireFreshKeys(agent)
      const agentToken = await requireAgentToken(context, verified)
      const members = readMembers(arrival.request.headers.get('content-type'), verified.body)
      const resource = requireResource(context, members)
      const hints = readHints(members)
      const access = { resource, scope: [actingScope] }
      const { storage } = context
      const { agent: provider, delegate, device } = agent
      const { userId } =
        device ?? (await storage.findBinding({ edition: draft11Name, agent: provider, delegate })) ?? {}
      const counted = { ...agent, actsForItself: false, member: userId === undefined ? 'new' : 'known' } as const
      const admission = await requireAdmitted(context, counted, access)
      const { expiresAt: notAfter } = agentToken
      const given = { kind: 'person', access, hints, admission, userId } as const
      const wanted = { ...given, agentToken, notAfter }
      return grantOrAsk(
        context,
        agent,
        { ...wanted, until: undefined, account: undefined, resourceToken: undefined },
        limits,
      )
    })
}
