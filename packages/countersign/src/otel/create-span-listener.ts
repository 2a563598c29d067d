import { type Attributes, trace } from '@opentelemetry/api'
import type { CountersignEvent } from '../lib/events.js'

/**
 * Creates a listener for `onEvent` that writes into the span that is active: the one of your HTTP instrumentation, as a rule.
 * A request sets attributes, `countersign.route`, `countersign.outcome` and others; anything else is an event of the span,
 * such as `countersign.lookup`. Attributes are named after the members of the event. What a stranger wrote into the path is
 * left out. It starts no span, and does nothing where none is recorded.
 *
 * @example
 * ```ts
 * const resource = createResource({ id: 'https://api.example', signer, authServer: 'https://auth.example', onEvent: createSpanListener() })
 * ```
 */
export function createSpanListener(): (event: CountersignEvent) => void {
  return function tellSpan(event) {
    const span = trace.getActiveSpan()
    if (!span?.isRecording()) return
    const attributes = attributesOf(event)
    if (event.kind === 'request') span.setAttributes(attributes)
    else span.addEvent(`countersign.${event.kind}`, attributes)
  }
}

const leftOut = new Set(['kind', 'path'])

function attributesOf(event: CountersignEvent): Attributes {
  const told = Object.entries(event).filter(([name, value]) => value !== undefined && !leftOut.has(name))
  return Object.fromEntries(told.map(([name, value]) => [`countersign.${name}`, value as string | number | boolean]))
}
