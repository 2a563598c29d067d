import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { AgentError } from '../../lib/agent-error.js'
import type { ConsentDisplay } from './consent-display.js'
import { type PastedFor, pastedProblem } from './pasted-address.js'

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
