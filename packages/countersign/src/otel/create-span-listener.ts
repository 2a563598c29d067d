import { type Attributes, trace } from '@opentelemetry/api'
import type { CountersignEvent } from '../lib/events.js'

/**
 * Creates a listener for `onEvent` that writes to the active span, usually that of your HTTP instrumentation. A request sets attributes
 * such as `countersign.route` and `countersign.outcome`; all other events become span events, such as `countersign.lookup`. Attributes are
 * named after the members of the event. Untrusted parts of the path are left out. It starts no spans, and does nothing if none is
 * recording.
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
