import type { AuthRequest, ExtendOutcome, RequestExtension } from './request-storage.js'

type Reason = Extract<ExtendOutcome, { outcome: 'refused' }>['reason']

/** Why the end of a request may not be put off; undefined: it may. */
export function extensionRefusal(request: AuthRequest, extension: RequestExtension): Reason | undefined {
  if (request.status === 'expired') return 'expired'
  if (request.status !== 'open') return 'not_open'
  if (request.browserHash !== extension.browserHash) return 'other_browser'
  if (request.userId !== extension.userId) return 'other_user'
  if (request.extensions >= extension.maxExtensions) return 'limit'
  return undefined
}
