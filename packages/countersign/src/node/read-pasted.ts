import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import type { ConsentRequest } from '../editions/agent-protocol.js'
import { AgentError } from '../lib/agent-error.js'
import type { ConsentDisplay } from './consent-display.js'

/** How often somebody may paste what does not fit. */
const mostTries = 3

/**
 * Reads the whole address that the browser ended at, and asks again where it does not fit.
 *
 * @throws AgentError `answer_refused` when none fitted
 */
export async function readPasted(
  input: Readable,
  expected: PastedFor,
  { display, signal }: { display: ConsentDisplay; signal: AbortSignal },
): Promise<string | undefined> {
  const lines = createInterface({ input })
  const stop = () => lines.close()
  signal.addEventListener('abort', stop, { once: true })
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
      if (tries === mostTries) break
      display.say([problem])
    }
  } finally {
    signal.removeEventListener('abort', stop)
    lines.close()
  }
  if (signal.aborted) return undefined
  if (problem === '') throw new AgentError('answer_refused', 'No address was pasted.')
  const gaveUp = tries === mostTries ? `None of ${mostTries} addresses was the right one, so no more are taken. ` : ''
  throw new AgentError('answer_refused', gaveUp + problem)
}

/** What a pasted address must belong to. */
interface PastedFor {
  consent: Pick<ConsentRequest, 'url' | 'authServer'>
  redirectUri: string
}

/**
 * Why an address that a person pasted is not where their browser came back to with the answer of a consent, in a sentence for
 * them; undefined: it is. Whoever pastes may be told by somebody else what to paste, so all of it must fit (attacks L09).
 */
function pastedProblem(text: string, { consent, redirectUri }: PastedFor): string | undefined {
  if (!URL.canParse(text)) return 'That is no whole address: copy all that the browser shows in its address bar.'
  const { origin, pathname, searchParams } = new URL(text)
  const expected = new URL(redirectUri)
  if (origin !== expected.origin || pathname !== expected.pathname)
    return `That is another address: the one to paste begins with ${redirectUri}`
  const only = (name: string) => (searchParams.getAll(name).length === 1 ? searchParams.get(name) : undefined)
  if (only('state') !== new URL(consent.url).searchParams.get('state'))
    return 'That address belongs to another request, so it was not used.'
  if (only('iss') !== consent.authServer) return `That address does not come from ${consent.authServer}.`
  const answers = [only('code'), only('error')].filter((value) => typeof value === 'string')
  return answers.length === 1 ? undefined : 'That address holds no answer: copy all of it.'
}
