import { AgentError } from 'countersign/agent'
import { errorReasons } from 'countersign/wire'

/** What a program is told whose request was not answered: JSON, with where a person decides where one must. */
export interface SidecarFailure {
  status: number
  /** Seconds after which to ask again. */
  retryAfter?: number | undefined
  body: { error: string; error_description: string; consent_url?: string | undefined }
}

const statuses: Partial<Record<AgentError['code'], number>> = {
  consent_required: 401,
  consent_expired: 401,
  access_denied: 403,
  auth_server_refused: 403,
  other_person: 403,
}

export function describeFailure(error: unknown): SidecarFailure {
  if (error instanceof AgentError) {
    const { code, message, url, retryAfter } = error
    const body = { error: code, error_description: message, consent_url: url }
    return { status: retryAfter === undefined ? (statuses[code] ?? 502) : 503, retryAfter, body }
  }
  const reasons = errorReasons(error)
  const said = reasons.at(-1) ?? (error instanceof Error ? error.message : String(error))
  const why = /wrong version number|SSL routines/.test(said) ? 'it does not speak https' : said.trim()
  return { status: 502, body: { error: 'not_answered', error_description: `There was no answer: ${why}` } }
}
