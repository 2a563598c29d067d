/**
 * A log and metrics that are derived from events. Only this entry point requires `pino`, `sonic-boom` and `prom-client`.
 *
 * @packageDocumentation
 */

import { importOptional } from '../lib/import-optional.js'

export type { Log, LogFields, LogLevel, LogOptions } from './create-log.js'
export type { ConfigState, Metrics, MetricsOptions, PoolState } from './create-metrics.js'

const [log, metrics] = await importOptional('countersign/observability', ['pino', 'sonic-boom', 'prom-client'], () =>
  Promise.all([import('./create-log.js'), import('./create-metrics.js')]),
)

/** Creates a log that writes events as JSON lines. */
export const createLog: typeof log.createLog = log.createLog
/** Creates metrics in Prometheus's text format, updated by events. */
export const createMetrics: typeof metrics.createMetrics = metrics.createMetrics
