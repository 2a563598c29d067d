import { AAuthError, january } from 'countersign'
import { type JanuaryChallenge, parseChallenge, parseJsonObject } from 'countersign/wire'
import type { TracedResponse } from './trace-event.js'

/** What each challenge asks for. */
const levels: Readonly<Record<JanuaryChallenge['level'], string>> = {
  signature: 'the request must be signed',
  identity: 'the request must say which agent signed it',
  authorization: 'the request needs an auth token',
}

/** Why a response refuses, in one line; undefined for one that does not. */
export function refusalReason(response: TracedResponse): string | undefined {
  const header = (name: string) => response.headers.find(([candidate]) => candidate === name)?.[1]
  const location = header('location')
  if (location !== undefined && response.status < 400) return redirectReason(location)
  if (response.status < 400) return undefined
  const body = parseJsonObject(response.body ?? '')
  const reasons = [
    typeof body?.error === 'string' ? body.error : /data-error-code="([^"]*)"/.exec(response.body ?? '')?.[1],
    typeof body?.error_description === 'string' ? body.error_description : undefined,
    header(january.headers.problem.toLowerCase()),
    challengeReason(header(january.headers.challenge.toLowerCase())),
  ].filter((reason) => reason !== undefined)
  return reasons.length === 0 ? `status ${response.status}` : reasons.join('; ').replaceAll(/\s+/g, ' ')
}

function redirectReason(location: string): string | undefined {
  const error = /[?&]error=([^&#]*)/.exec(location)?.[1]
  if (error === undefined) return undefined
  return error === 'access_denied' ? 'access_denied; the person did not allow it' : error
}

function challengeReason(value: string | undefined): string | undefined {
  if (value === undefined) return undefined
  try {
    const challenge = parseChallenge(value)
    const asked = challenge.authServer === undefined ? '' : `, from ${challenge.authServer}`
    return levels[challenge.level] + asked
  } catch (error) {
    if (error instanceof AAuthError) return 'its challenge cannot be read'
    throw error
  }
}
