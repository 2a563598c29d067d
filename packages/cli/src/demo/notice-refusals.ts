import type { TraceEvent } from '../trace/trace-event.js'
import { interopHint } from './flow-failure.js'

/** Passes events on, and says once what may help when an agent's signature or its token request is refused here. */
export function noticeRefusals(
  onEvent: (event: TraceEvent) => void,
  notify: (text: string) => void,
): (event: TraceEvent) => void {
  let said = false
  return (event) => {
    onEvent(event)
    if (said || event.kind !== 'response-sent' || event.from !== 'agent') return
    const { status, headers } = event.response
    const ofSignature = headers.some(
      ([name, value]) => name === 'signature-error' && /\berror=invalid_(?:input|signature)\b/.test(value),
    )
    if (!ofSignature && (event.to !== 'auth-server' || status !== 400)) return
    said = true
    notify(interopHint)
  }
}
