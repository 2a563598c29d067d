import * as platform from '#crypto'
import type { ErrorCode } from '../../lib/errors.js'
import type { Challenge } from '../../protocol/challenge.js'
import { issueToken } from '../../tokens/issue-token.js'
import type { ResourceProtocol, ResourceTools } from '../resource-protocol.js'
import { createRevokedTokens } from '../revoked-tokens.js'
import type { Requirement } from '../verified-request.js'
import { isServerId } from './agent-id.js'
import { acceptedAlgorithms, draft11Jose, requireUsableSigner } from './algorithms.js'
import { createAuthorizationEndpoint, type IssueResourceToken } from './authorization-endpoint.js'
import { draft11Documents, type ResourceDocument } from './documents.js'
import { judgeRequest, type PresentedToken, type ResourceAccounts } from './judge-request.js'
import type { TokenLevel } from './requirement.js'
import { createRevocationCheck, createRevocationEndpoint } from './revocation-endpoint.js'
import { draft11Tokens } from './tokens.js'

/** Maximum lifetime of a resource token, in seconds. */
const longest = 300

/** The token without which a resource serves nothing. */
export type AccessMode = 'agent-token' | 'person-token' | 'session-token' | 'auth-token'

/** What a resource requires, as its document describes it, and its accounts. */
export interface ResourceForm {
  /** The components that signatures must cover besides those that they always cover. */
  furtherComponents: readonly string[]
  /** Seconds. */
  window: number
  accounts: ResourceAccounts | undefined
  accessMode: AccessMode | undefined
  /** Whether the resource lets agents in itself. */
  hasSessions: boolean
}

/** A resource's side of the protocol (draft -11 §6). */
export function createResourceProtocol(tools: ResourceTools, form: ResourceForm): ResourceProtocol {
  const { id, signer, scopes, algorithms, now, allowInsecureLoopback } = tools
  if (!isServerId(id, { allowInsecureLoopback }))
    throw new TypeError(`id must be https:// and a host, without a port or a path, in draft -11: ${tools.id}`)
  requireUsableSigner('signer', signer)
  const lifetime = Math.min(tools.resourceTokenLifetime, longest)

  const issue: IssueResourceToken = ({ presented, thumbprint, scope }) => {
    const { ps, sub, jti, tenant, mission, account } = presented
    const claims = {
      iss: id,
      dwk: draft11Documents.resource.name,
      aud: ps,
      ps,
      sub,
      presented_jti: jti,
      agent_jkt: thumbprint,
      scope,
      ...(account === undefined ? {} : { account }),
      ...(tenant === undefined ? {} : { tenant }),
      ...(mission === undefined ? {} : { mission_s256: mission }),
      iat: now(),
      exp: now() + lifetime,
      jti: platform.serializeBase64url(platform.randomBytes(16)),
    }
    return issueToken(draft11Tokens.resource, claims, { signer, now })
  }

  const paths = { revoke: `${id}/aauth/revoke`, authorize: `${id}/aauth/authorize` }
  const revoked = tools.revokedTokens ?? createRevokedTokens(now)
  const metadata: ResourceDocument & { jwks_uri: string } = {
    issuer: id,
    jwks_uri: `${id}/aauth/jwks.json`,
    accept_signature_algs: algorithms?.flatMap((name) => draft11Jose.names[name]) ?? acceptedAlgorithms,
    access_mode: form.accessMode ?? (scopes ? 'auth-token' : form.hasSessions ? 'session-token' : 'agent-token'),
    ...(scopes ? { authorization_endpoint: paths.authorize, scope_descriptions: { ...scopes } } : {}),
    signature_window: form.window,
    additional_signature_components: form.furtherComponents,
    revocation_endpoint: paths.revoke,
  }

  return {
    metadata: { ...metadata },
    endpoints: new Map([
      [new URL(paths.revoke).pathname, createRevocationEndpoint(tools, revoked)],
      ...(scopes
        ? [[new URL(paths.authorize).pathname, createAuthorizationEndpoint(tools, issue, form.accounts)] as const]
        : []),
    ]),
    hasUserLevel: true,
    revocations: createRevocationCheck(revoked),
    judge: (verified, required) => judgeRequest(verified, required, form.accounts),
    challengeLevel,
    // A response with status 429 cannot require anything.
    levelAbove: () => undefined,
    async challenge({ level, binding, scope }): Promise<Challenge> {
      if (level !== 'auth-token' || !binding?.presented || scope === undefined) return { level: requirableLevel(level) }
      const presented = binding.presented as PresentedToken
      return { level, resourceToken: await issue({ presented, thumbprint: binding.thumbprint, scope }) }
    },
    createRevocationList() {
      throw new TypeError(
        `denyList: draft -11 has no revocation list. Remove it: auth servers report revoked tokens to ${paths.revoke}`,
      )
    },
  }
}

/** Nothing was verified, so no resource token can be issued: what a user allows begins with a person token. */
function challengeLevel(_code: ErrorCode, required: Requirement): TokenLevel {
  return required === 'user' || required === 'authorization' ? 'person-token' : 'agent-token'
}

/** A level that needs no resource token. Code that serves several editions requires `authorization`. */
function requirableLevel(level: string): TokenLevel {
  return level === 'agent-token' ? level : 'person-token'
}
