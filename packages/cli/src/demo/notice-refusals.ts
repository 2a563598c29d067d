import { january } from 'countersign'
import type { TraceEvent } from '../trace/trace-event.js'
import { interopHint } from './flow-failure.js'
import { createMistakeFinder } from './mistake-finder.js'

/** Names in a trace are in lower case. */
const problem = january.headers.problem.toLowerCase()

/**
 * Passes events on, and says once each what may help when an agent's signature or its token request is refused here: what
 * the signer did otherwise, where that is known; else the flag for older forms, where it is not set.
 */
export function noticeRefusals(
  onEvent: (event: TraceEvent) => void,
  notify: (text: string) => void,
  interop: boolean,
): (event: TraceEvent) => void {
  const said = new Set<string>()
  const mistakes = createMistakeFinder()

  function say(text: string): void {
    if (said.has(text)) return
    said.add(text)
    notify(text)
  }

  async function explain(event: Extract<TraceEvent, { kind: 'response-sent' }>): Promise<void> {
    const mistake = await mistakes.find(event.request)
    if (mistake !== undefined) say(`${mistake} --interop cannot help there.`)
    else if (!interop) say(interopHint)
  }

  return (event) => {
    onEvent(event)
    mistakes.note(event)
    if (event.kind !== 'response-sent' || event.from !== 'agent') return
    const { status, headers } = event.response
    const ofSignature = headers.some(
      ([name, value]) => name === problem && /\berror=invalid_(?:input|signature)\b/.test(value),
    )
    if (ofSignature || (event.to === 'auth-server' && status === 400)) void explain(event)
  }
}
