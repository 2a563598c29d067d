import type { ClientKeySet } from './client-assertion.js'
import { createFetchedDocuments, type DocumentFetchOptions, type FetchCaller } from './fetched-documents.js'
import { isObject } from './json.js'
import { OAuthProblem } from './oauth-problem.js'
import { isAt } from './redirects.js'

/** Finds the key set at a client's `jwks_uri`; undefined if there is none. */
export type FindKeySet = (jwksUri: string, caller: FetchCaller) => Promise<ClientKeySet | undefined>

/** How long a key set is cached, in seconds: a removed key is accepted for this long. */
const age = 300

/** Options of {@link createKeySetFinder}. */
export interface KeySetFinderOptions extends DocumentFetchOptions {
  /** This server, which never fetches from itself. */
  issuer: string
}

/** Creates a key set finder with its own cache. A key set is used only while it is fresh. */
export function createKeySetFinder(options: KeySetFinderOptions): FindKeySet {
  const documents = createFetchedDocuments<ClientKeySet>({
    ...options,
    what: 'client',
    ages: { min: age, max: age, lastCopy: 0 },
    // A client can name any URL as that of its key set.
    isProvenByToken: false,
  })
  return async (url, caller) => {
    if (isAt(options.issuer, url)) return undefined
    try {
      return (await documents.find({ url, read: readKeySet }, caller)).value
    } catch (error) {
      if (error instanceof OAuthProblem && error.code === 'client_invalid') return undefined
      throw error
    }
  }
}

function readKeySet(document: unknown): ClientKeySet {
  const { keys } = isObject(document) ? document : {}
  if (!Array.isArray(keys)) throw new OAuthProblem('client_invalid', 'The key set of the client has no keys.')
  return { keys: keys.filter(isObject) }
}
