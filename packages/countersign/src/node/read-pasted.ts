import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import type { ConsentRequest } from '../editions/agent-protocol.js'
import { AgentError } from '../lib/agent-error.js'
import type { ConsentDisplay } from './consent-display.js'

/** How many times the user may paste a wrong URL. */
const maxTries = 3

/**
 * Reads the redirect URL that the user pastes, and prompts again if it does not match.
 *
 * @throws AgentError `answer_refused` if none of the pasted URLs matched, or if none was pasted
 */
export async function readPasted(
  input: Readable,
  expected: PastedFor,
  { display, signal }: { display: ConsentDisplay; signal: AbortSignal },
): Promise<string | undefined> {
  const lines = createInterface({ input, signal })
  let problem = ''
  let tries = 0
  try {
    for await (const line of lines) {
      const text = line.trim()
      if (text === '') continue
      const found = pastedProblem(text, expected)
      if (found === undefined) return text
      problem = found
      tries += 1
      if (tries === maxTries) break
      display.say([problem])
    }
  } finally {
    lines.close()
  }
  if (signal.aborted) return undefined
  if (problem === '') throw new AgentError('answer_refused', 'No address was pasted.')
  const gaveUp = tries === maxTries ? `None of the ${maxTries} addresses was the right one. Start again. ` : ''
  throw new AgentError('answer_refused', gaveUp + problem)
}

/** The consent to which a pasted URL must belong. */
interface PastedFor {
  consent: Pick<ConsentRequest, 'url' | 'authServer'>
  redirectUri: string
}

/**
 * Why a pasted URL is not the redirect with the response to this consent, as a sentence for the user; undefined if it is. An attacker may
 * have told the user what to paste, so every part must match (attacks L09).
 */
function pastedProblem(text: string, { consent, redirectUri }: PastedFor): string | undefined {
  if (!URL.canParse(text)) return 'That is not a complete address: copy everything in the browser’s address bar.'
  const { origin, pathname, searchParams } = new URL(text)
  const expected = new URL(redirectUri)
  if (origin !== expected.origin || pathname !== expected.pathname)
    return `That is a different address: it must start with ${redirectUri}`
  const only = (name: string) => (searchParams.getAll(name).length === 1 ? searchParams.get(name) : undefined)
  if (only('state') !== new URL(consent.url).searchParams.get('state'))
    return 'That address does not belong to this request, so it was not used.'
  if (only('iss') !== consent.authServer) return `That address does not name ${consent.authServer} as its issuer.`
  const answers = [only('code'), only('error')].filter((value) => typeof value === 'string')
  return answers.length === 1 ? undefined : 'That address is incomplete, or was changed: copy all of it.'
}
