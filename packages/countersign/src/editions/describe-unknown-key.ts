import { type DocumentType, documentUrl } from '../protocol/documents.js'

/**
 * Explains to the agent's operator that a server found no key for the agent, and when a retry will work.
 *
 * @param type the agent's document
 */
export function describeUnknownKey(server: string, id: string, type: DocumentType): string {
  return (
    `${server} found no key of this agent at ${id}. Try again in a minute. If that fails, check that ` +
    `${documentUrl(type, id)} and its jwks_uri are reachable from there (countersign discover ${id}${type.discoverFlags ?? ''}).`
  )
}
