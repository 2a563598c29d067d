/**
 * Metrics that are derived from events. Only this entry point requires `prom-client`.
 *
 * @packageDocumentation
 */

import { importOptional } from '../lib/import-optional.js'

export type { ConfigState, Metrics, MetricsOptions, PoolState } from './create-metrics.js'

const metrics = await importOptional('countersign/metrics', ['prom-client'], () => import('./create-metrics.js'))

/** Creates metrics in Prometheus's text format, updated by events. */
export const createMetrics: typeof metrics.createMetrics = metrics.createMetrics
