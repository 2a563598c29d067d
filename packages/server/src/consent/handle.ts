import type { ServerContext } from '../http/context.js'
import { hashSecret } from '../secrets/minted-secrets.js'
import type { NewHandle } from '../storage/api/storage.js'

/** What an Allow of a request gives out, to be kept as its hash; undefined: the transport needs nothing. */
export function newHandle({ transport, lifetimes }: ServerContext, requestId: string): NewHandle | undefined {
  const handle = transport.handleOf(requestId)
  return handle === undefined ? undefined : { handleHash: hashSecret(handle), handleLifetime: lifetimes.code }
}
