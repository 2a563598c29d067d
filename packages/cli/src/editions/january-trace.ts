import { AAuthError } from 'countersign'
import { type JanuaryChallenge, january, parseChallenge } from 'countersign/editions'
import type { TraceForm } from './trace-form.js'

/** Longest header value shown in full, in characters. */
const maxValue = 100

/** Frames like those of the known recording of January's protocol. */
export const januaryTrace: TraceForm = {
  serverName: 'auth server',
  prettyBodies: false,
  shortenHeader: (value) => (value.length > maxValue ? `${value.slice(0, maxValue - 3)}...` : value),
  shortenLine: (line) => line,
  describeHeader: () => undefined,
  reasons: (header) => [
    header(january.headers.problem.toLowerCase()),
    challengeReason(header(january.headers.challenge.toLowerCase())),
  ],
  describePage: () => undefined,
  afterConsent: [
    'After you give consent, the agent automatically exchanges the code.',
    'Waiting for authorization code...',
  ],
}

/** What each challenge level requires. */
const levels: Readonly<Record<JanuaryChallenge['level'], string>> = {
  signature: 'the request must be signed',
  identity: 'the request must identify the agent that signed it',
  authorization: 'the request needs an auth token',
}

function challengeReason(value: string | undefined): string | undefined {
  if (value === undefined) return undefined
  try {
    const challenge = parseChallenge(value)
    const asked = challenge.authServer === undefined ? '' : `, from ${challenge.authServer}`
    return levels[challenge.level] + asked
  } catch (error) {
    if (error instanceof AAuthError) return 'its challenge is malformed'
    throw error
  }
}
