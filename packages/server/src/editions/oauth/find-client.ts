import type { IdentifierOptions } from 'countersign/discovery'
import { type Client, isClientUrl, readClientDocument } from './client-document.js'
import { createFetchedDocuments, type DocumentFetchOptions, type FetchCaller } from './fetched-documents.js'
import { OAuthProblem } from './oauth-problem.js'
import { isAt } from './redirects.js'

/** Options of {@link createClientFinder}. */
export interface ClientFinderOptions extends DocumentFetchOptions {
  /** This server, which never fetches from itself. */
  issuer: string
  /** Clients in the operator's file. One whose id is a URL replaces the document there, which is never fetched. @default none */
  registered?: readonly Client[] | undefined
  /** Finds a client that registered itself. @default no client can */
  findSelfRegistered?: ((id: string) => Promise<Client | undefined>) | undefined
  identifiers?: IdentifierOptions | undefined
}

/** A client, and how current its metadata is. */
export interface FoundClient extends Client {
  /** Whether the document has expired and could not be fetched again: do not accept new keys for this client. */
  isStale: boolean
}

/** Finds clients by their `client_id`. */
export interface ClientFinder {
  /**
   * Finds a client: a registered one, or the one that the document at the URL describes.
   *
   * Does not determine whether the client is blocked.
   *
   * @param caller.mayFetch false before sign-in, so that no one can make this server fetch anything without an account
   * @throws OAuthProblem `client_unknown`, `client_not_fetched`, `client_unreachable`, `client_invalid`, `too_many_fetches`
   */
  find(id: string, caller: FetchCaller): Promise<FoundClient>
}

const minute = 60
const day = 86_400

/** Creates a client finder with its own cache: documents stay 5 minutes to 24 hours, and the last valid copy 7 days. */
export function createClientFinder(options: ClientFinderOptions): ClientFinder {
  const { issuer, identifiers } = options
  const registered = new Map(options.registered?.map((client) => [client.id, client]))
  const ages = { min: 5 * minute, max: day, lastCopy: 7 * day }
  const documents = createFetchedDocuments<Client>({ ...options, what: 'client', ages, isProvenByToken: true })

  function readAt(url: string, document: unknown): Client {
    const outcome = readClientDocument(url, document, identifiers)
    if ('client' in outcome) return outcome.client
    throw new OAuthProblem('client_invalid', `The client document ${url} is refused: ${outcome.problem}.`)
  }

  return {
    async find(id, caller) {
      const known = registered.get(id) ?? (await options.findSelfRegistered?.(id))
      if (known) return { ...known, isStale: false }
      if (!isClientUrl(id, identifiers) || isAt(issuer, id))
        throw new OAuthProblem(
          'client_unknown',
          'The client_id is neither registered nor the URL of a client document.',
        )
      const { value, isStale } = await documents.find({ url: id, read: (document) => readAt(id, document) }, caller)
      return { ...value, isStale }
    },
  }
}
