/**
 * Draft -11 of AAuth for `createTestWorld`: a person server, agents and faulty requests.
 *
 * @packageDocumentation
 */

import { documentUrl } from '../../../low-level-exports/discovery.js'
import {
  draft11Agent,
  draft11AgentSigning,
  draft11Documents,
  draft11Resource,
  issueAgentToken,
  parseRequirement,
  parseSignatureError,
  requirementHeader,
  signatureErrorHeader,
} from '../../../low-level-exports/draft-11.js'
import { decodeToken, parseJsonObject } from '../../../low-level-exports/tokens.js'
import type { TestEdition } from '../../test-edition.js'
import type { FaultForm } from '../../test-faults.js'
import { createPersonServer } from './person-server.js'
import { issueTestToken, sendRevocation } from './test-tokens.js'

/** The faulty requests of draft -11. */
const draft11Faults: FaultForm = {
  profile: draft11AgentSigning,
  keyReference: undefined,
  async agentReference({ id, signer, grants, clock }) {
    const agent = { id, signer, authServers: [grants.issuer] }
    return { scheme: 'jwt', jwt: await issueAgentToken(agent, clock.now()) }
  },
  issue: ({ grants, signer, clock }, grant, changes) =>
    issueTestToken(grants, { kind: 'auth', grant, jwk: signer.jwk, now: clock.now(), changes }),
  async accessIn({ status, headers }, _text, { resource, fetch }) {
    const problem = parseSignatureError(headers.get(signatureErrorHeader))
    const required = requirementIn(headers)
    if (status !== 401 || problem?.error !== 'expired_jwt' || !required) return undefined
    if (required.requirement === 'agent-token') return { scope: undefined }
    // The refusal states no scope, and any route is satisfied with all of them.
    const document = await fetch(documentUrl(draft11Documents.resource, resource))
    const { scope_descriptions: scopes } = parseJsonObject(await document.text()) ?? {}
    return { scope: Object.keys(Object(scopes) as object).join(' ') }
  },
  async narrow(_scope, send) {
    const { headers } = await send('')
    const required = requirementIn(headers)
    if (required?.requirement !== 'auth-token') throw new TypeError('narrow-token requires a route with a scope')
    const { scope } = decodeToken(required.resourceToken)?.payload ?? {}
    return String(scope).split(' ').slice(0, -1).join(' ')
  },
  revoke: ({ grants, clock, fetch }, { resource }, jwt) => sendRevocation(grants, { resource, jwt, clock, fetch }),
}

function requirementIn(headers: Headers) {
  return parseRequirement(headers.get(requirementHeader))
}

/**
 * Draft -11 in a test world.
 *
 * @example
 * ```ts
 * const world = await createTestWorld({ edition: draft11TestEdition })
 * ```
 */
export const draft11TestEdition: TestEdition = {
  agent: draft11Agent,
  resource: draft11Resource,
  createServer: createPersonServer,
  faults: draft11Faults,
}
