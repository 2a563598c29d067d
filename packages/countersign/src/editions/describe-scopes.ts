import type { RequestedPermission } from '../lib/agent-error.js'
import { plainLine } from '../lib/plain-line.js'
import type { DocumentType, PublishedDocument } from '../protocol/documents.js'
import { parseScope } from '../protocol/parameters.js'
import type { AgentTools, TokenNeed } from './agent-protocol.js'

/** The member of a resource's document that describes its scopes. */
interface ScopeDescriptions extends PublishedDocument {
  scope_descriptions?: Readonly<Record<string, string>>
}

/** Maximum length of a description, in characters. */
const longestDescription = 200

/** Scopes about the user; a resource's descriptions of these are ignored. */
const identityScopes = new Set(['openid', 'profile', 'email'])

/** The scopes in a need, with the descriptions in the resource's document, or without descriptions if the document cannot be fetched. */
export async function describeScopes(
  discovery: AgentTools['discovery'],
  document: DocumentType<ScopeDescriptions>,
  { resource, scope = '' }: Pick<TokenNeed, 'resource' | 'scope'>,
): Promise<RequestedPermission[]> {
  const scopes = parseScope(scope) ?? []
  const outcome = scopes.every((each) => identityScopes.has(each))
    ? undefined
    : await discovery.findMetadata(document, resource).catch(() => undefined)
  const { scope_descriptions: texts = {} } = outcome && 'found' in outcome ? outcome.found : {}
  return scopes.map((each) => {
    const isDescribed = Object.hasOwn(texts, each) && !identityScopes.has(each)
    return { scope: each, description: (isDescribed && plainLine(texts[each] ?? '', longestDescription)) || undefined }
  })
}
