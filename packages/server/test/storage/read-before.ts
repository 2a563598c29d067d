import type { Storage } from 'countersign-server'

type AuthRequest = Awaited<ReturnType<Storage['createAuthRequest']>>

/** The same storage, called as pages call it: `bindRequest` gets the request as it was last read here, which may be long ago. */
export function readBefore(storage: Storage): Storage {
  const read = new Map<string, AuthRequest>()
  const remember = (tokenHash: string, request: AuthRequest | undefined) => {
    if (request) read.set(tokenHash, request)
    return request
  }
  return {
    ...storage,
    async createAuthRequest(request) {
      const created = await storage.createAuthRequest(request)
      remember(request.tokenHash, created)
      return created
    },
    findAuthRequest: async (tokenHash) => remember(tokenHash, await storage.findAuthRequest(tokenHash)),
    async bindRequest(binding) {
      const bound = await storage.bindRequest({ ...binding, found: read.get(binding.tokenHash) })
      remember(binding.tokenHash, bound.request)
      return bound
    },
  }
}
