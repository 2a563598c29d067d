import { AAuthError } from '../../lib/errors.js'
import { parseScope } from '../../protocol/parameters.js'
import type { ResourceEndpoint, ResourceTools } from '../resource-protocol.js'
import { draft11Documents } from './documents.js'
import { type PresentedToken, presentedToken, type ResourceAccounts } from './judge-request.js'
import { readJson } from './read-json.js'
import { unlistedPersonDocument } from './resolve-key.js'
import { draft11Tokens } from './tokens.js'

/** The scopes for what a person server knows about the user, instead of for access to a resource. */
const identityScopes: ReadonlySet<string> = new Set([
  'openid',
  'profile',
  'email',
  'address',
  'phone',
  'tenant',
  'groups',
  'roles',
])

/** Issues a resource token for a key and a presented token. */
export type IssueResourceToken = (binding: {
  presented: PresentedToken
  thumbprint: string
  scope: string
}) => Promise<string>

/**
 * `POST` of `{"scope", "account"}` with a person token (draft -11 §6.4): an agent that knows which scopes it needs gets a resource token
 * without first calling the API.
 */
export function createAuthorizationEndpoint(
  tools: ResourceTools,
  issue: IssueResourceToken,
  accounts: ResourceAccounts | undefined,
): ResourceEndpoint {
  const own = new Set(Object.keys(tools.scopes ?? {}))

  return async (message, contentType) => {
    const verified = await tools.verify(message, 'user')
    if (verified.tokenType !== draft11Tokens.person.typ)
      throw new AAuthError('authorization_required', 'Send a person token for this resource.', {
        challenge: { level: 'person-token' },
      })
    const { scope: asked, account: named } = readJson(contentType, verified.body)
    const account = named === undefined ? undefined : await requireAccount(named, verified)
    const scope = typeof asked === 'string' ? parseScope(asked) : undefined
    const foreign = scope?.filter((value) => !own.has(value))
    if (!scope || !foreign || !(await areOffered(foreign, verified.iss)))
      throw new AAuthError('scope_invalid', 'scope must name scopes of this resource: see scope_descriptions.')
    const { thumbprint, claims } = verified
    const presented = { ...presentedToken(claims, false), account }
    return { resource_token: await issue({ presented, thumbprint, scope: scope.join(' ') }) }
  }

  /** @throws AAuthError `invalid_account` */
  async function requireAccount(name: unknown, { iss, sub }: { iss: string; sub: string }): Promise<string> {
    const isName = typeof name === 'string' && /^[^\p{Cc}\p{Cs}]{1,256}$/u.test(name)
    if (accounts && isName && (await accounts.has(name, { iss, sub }))) return name
    const why = accounts ? 'account must be an account of the user here.' : 'This resource has no accounts.'
    throw new AAuthError('request_malformed', why, { error: 'invalid_account' })
  }

  /** Whether all scopes are identity scopes that the user's person server offers. */
  async function areOffered(scopes: readonly string[], personServer: string): Promise<boolean> {
    if (scopes.length === 0) return true
    if (!scopes.every((value) => identityScopes.has(value))) return false
    const type = tools.isListed(personServer) ? draft11Documents.authServer : unlistedPersonDocument
    const found = await tools.discovery.findMetadata(type, personServer)
    const offered = 'found' in found ? (found.found.scopes_supported ?? []) : []
    return scopes.every((value) => offered.includes(value))
  }
}
