import type { ServerContext } from './context.js'
import { readCookie } from './cookies.js'

/** The path of the share that a request counts against under overload. Nothing that it rests on is verified; no storage is read. */
export function shareOf(
  context: Pick<ServerContext, 'issuer' | 'knownCallers'>,
  request: Request,
  remoteAddress: string | undefined,
): readonly string[] {
  return context.knownCallers.shareOf({
    remoteAddress,
    signatureKey: request.headers.get('signature-key'),
    cookies: () => ({
      known: readCookie(context, request, 'known'),
      browser: readCookie(context, request, 'browser'),
    }),
  })
}
