/**
 * A log and metrics that are made of events: pino and prom-client are loaded by this entry only.
 *
 * @packageDocumentation
 */

export { createLog, type Log, type LogOptions } from './create-log.js'
export { createMetrics, type Metrics, type MetricsOptions, type PoolState } from './create-metrics.js'
export type { LogFields, LogLevel } from './line-of.js'
