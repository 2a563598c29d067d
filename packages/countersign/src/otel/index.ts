/**
 * Events in OpenTelemetry spans. Only this entry point requires `@opentelemetry/api`.
 *
 * @packageDocumentation
 */

import { importOptional } from '../lib/import-optional.js'

const listener = await importOptional(
  'countersign/otel',
  ['@opentelemetry/api'],
  () => import('./create-span-listener.js'),
)

/** Creates an `onEvent` that adds each event to the active span. */
export const createSpanListener: typeof listener.createSpanListener = listener.createSpanListener
