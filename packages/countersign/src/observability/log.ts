/**
 * A log that is derived from events. Only this entry point requires `pino` and `sonic-boom`.
 *
 * @packageDocumentation
 */

import { importOptional } from '../lib/import-optional.js'

export type { Log, LogFields, LogLevel, LogOptions } from './create-log.js'

const log = await importOptional('countersign/log', ['pino', 'sonic-boom'], () => import('./create-log.js'))

/** Creates a log that writes events as JSON lines. */
export const createLog: typeof log.createLog = log.createLog
