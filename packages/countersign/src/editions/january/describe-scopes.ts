import type { Discovery } from '../../discovery/discovery.js'
import { plainLine } from '../../lib/plain-line.js'
import { parseScope } from '../../protocol/scope.js'
import type { AskedPermission, TokenNeed } from '../agent-protocol.js'
import { januaryDocuments } from './documents.js'

/** Characters of a description. */
const longest = 200

/** What these say about a person is no resource's to describe. */
const identityScopes = new Set(['openid', 'profile', 'email'])

/** The scopes of a need in the words of its resource's document; without words where they cannot be had. */
export async function describeScopes(
  discovery: Discovery,
  { resource, scope = '' }: Pick<TokenNeed, 'resource' | 'scope'>,
): Promise<AskedPermission[]> {
  const scopes = parseScope(scope) ?? []
  if (scopes.every((each) => identityScopes.has(each)))
    return scopes.map((each) => ({ scope: each, description: undefined }))
  const outcome = await discovery.findMetadata(januaryDocuments.resource, resource).catch(() => undefined)
  const { scope_descriptions: texts = {} } = outcome && 'found' in outcome ? outcome.found : {}
  return scopes.map((each) => {
    const isDescribed = Object.hasOwn(texts, each) && !identityScopes.has(each)
    return { scope: each, description: (isDescribed && plainLine(texts[each] ?? '', longest)) || undefined }
  })
}
