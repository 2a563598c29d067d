import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { CountersignEvent } from '../lib/events.js'

/** Values to read when the metrics are scraped. */
export interface MetricsOptions {
  /** `writeErrors` of a log. @default the metric is left out */
  logWriteErrors?: (() => number) | undefined
  /** Seconds since retention last left nothing over. @default the metric is left out */
  retentionLag?: (() => number) | undefined
  /** The connections of a database pool. @default the metric is left out */
  pool?: (() => PoolState) | undefined
  /** The result of the last reload, for a configuration that is reloaded. @default the metrics are left out */
  config?: (() => ConfigState) | undefined
  /** Also those of the process: memory, CPU, delay of the event loop, garbage collection. @default true */
  process?: boolean | undefined
}

export interface PoolState {
  idle: number
  used: number
  /** Requests that wait for a connection. */
  waiting: number
}

export interface ConfigState {
  /** Whether the last load of the file succeeded; if not, the previous configuration is active. */
  ok: boolean
  /** When the active configuration was read, in Unix seconds. */
  readAt: number
}

/** Metrics for Prometheus. */
export interface Metrics {
  /** Counts events: give it to a part as its `onEvent`. */
  readonly onEvent: (event: CountersignEvent) => void
  /** All of them, by the names of `prom-client`: add your own. */
  readonly registry: Registry
}

/** Seconds. */
const buckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5]

/**
 * Creates metrics, kept by prom-client in a registry of their own. Labels have few values, whatever strangers send: never an
 * agent, a host or a person.
 *
 * @example
 * ```ts
 * const metrics = createMetrics()
 * const server = createAuthServer({ issuer, keys, storage, onEvent: metrics.onEvent })
 * const text = await metrics.registry.metrics()
 * ```
 */
export function createMetrics(options: MetricsOptions = {}): Metrics {
  const registry = new Registry()
  const instruments = createInstruments(registry)
  addReadings(registry, options)
  if (options.process !== false) addProcess(registry)
  return { registry, onEvent: (event) => countEvent(instruments, event) }
}

type Instruments = ReturnType<typeof createInstruments>

/** The metrics that events change. */
function createInstruments(registry: Registry) {
  const registers = [registry]
  return {
    requests: new Counter({
      name: 'countersign_requests_total',
      help: 'Requests, by route and by what came of them: ok, or the code of the refusal',
      labelNames: ['role', 'route', 'outcome'],
      registers,
    }),
    requestSeconds: new Histogram({
      name: 'countersign_request_duration_seconds',
      help: 'Time to an answer, by route',
      labelNames: ['role', 'route'],
      buckets,
      registers,
    }),
    lookups: new Counter({
      name: 'countersign_lookups_total',
      help: 'Documents and key sets of others that were needed; cached: nothing was fetched',
      labelNames: ['role', 'what', 'outcome', 'cached'],
      registers,
    }),
    lookupSeconds: new Histogram({
      name: 'countersign_lookup_duration_seconds',
      help: 'Time of lookups for which something was fetched',
      labelNames: ['role', 'what'],
      buckets,
      registers,
    }),
    decisions: new Counter({
      name: 'countersign_decisions_total',
      help: 'Decisions of people, policies and grants',
      labelNames: ['by', 'outcome'],
      registers,
    }),
    storageSeconds: new Histogram({
      name: 'countersign_storage_duration_seconds',
      help: 'Time of the verbs of the storage',
      labelNames: ['verb'],
      buckets,
      registers,
    }),
    storageErrors: new Counter({
      name: 'countersign_storage_errors_total',
      help: 'Verbs of the storage that were not done: the code of the StorageError, or failed',
      labelNames: ['verb', 'code'],
      registers,
    }),
    passwords: new Counter({
      name: 'countersign_passwords_total',
      help: 'Passwords that were hashed or checked (argon2); unavailable: too many were waiting',
      labelNames: ['outcome'],
      registers,
    }),
    passwordWait: new Histogram({
      name: 'countersign_password_wait_seconds',
      help: 'Time until the turn of a password',
      buckets,
      registers,
    }),
    passwordQueue: new Gauge({
      name: 'countersign_password_queue',
      help: 'Passwords that wait',
      registers,
    }),
    upstreams: new Counter({
      name: 'countersign_upstream_total',
      help: 'Requests that a gateway sent to the API behind it, by what came of them',
      labelNames: ['route', 'outcome'],
      registers,
    }),
    upstreamSeconds: new Histogram({
      name: 'countersign_upstream_duration_seconds',
      help: 'Time until the API behind a gateway begins to answer, or fails',
      labelNames: ['route'],
      buckets,
      registers,
    }),
    uploads: new Counter({
      name: 'countersign_uploads_total',
      help: 'Bodies that a gateway kept on disk',
      labelNames: ['route'],
      registers,
    }),
    uploadBytes: new Counter({
      name: 'countersign_upload_bytes_total',
      help: 'Bytes of them',
      labelNames: ['route'],
      registers,
    }),
    sockets: new Counter({
      name: 'countersign_sockets_total',
      help: 'WebSockets through a gateway that were opened, and how they ended',
      labelNames: ['route', 'outcome'],
      registers,
    }),
    openSockets: new Gauge({
      name: 'countersign_sockets_open',
      help: 'WebSockets through a gateway that are open',
      registers,
    }),
    closed: new Counter({
      name: 'countersign_connections_closed_total',
      help: 'Connections that a gateway closed since there were too many: idle ones, or new ones with 503',
      labelNames: ['outcome'],
      registers,
    }),
  }
}

/** Counts an event. */
function countEvent(instruments: Instruments, event: CountersignEvent): void {
  const { kind, role } = event
  if (kind === 'request') {
    const { route, outcome, duration } = event
    instruments.requests.inc({ role, route, outcome })
    instruments.requestSeconds.observe({ role, route }, duration)
  } else if (kind === 'lookup') {
    const { what, outcome, cached, duration } = event
    instruments.lookups.inc({ role, what, outcome, cached: String(cached) })
    if (!cached) instruments.lookupSeconds.observe({ role, what }, duration)
  } else if (kind === 'decision') {
    const { by, outcome } = event
    instruments.decisions.inc({ by, outcome })
  } else if (kind === 'storage') {
    const { verb, outcome, duration } = event
    instruments.storageSeconds.observe({ verb }, duration)
    if (outcome !== 'ok') instruments.storageErrors.inc({ verb, code: outcome })
  } else if (kind === 'password') {
    instruments.passwords.inc({ outcome: event.outcome })
    instruments.passwordQueue.set(event.waiting)
    if (event.outcome !== 'unavailable') instruments.passwordWait.observe(event.waited)
  } else if (kind === 'upstream') {
    const { route, outcome, duration } = event
    instruments.upstreams.inc({ route, outcome })
    if (outcome !== 'broken_off') instruments.upstreamSeconds.observe({ route }, duration)
  } else if (kind === 'connection') {
    instruments.closed.inc({ outcome: event.outcome })
  } else if (kind === 'upload') {
    instruments.uploads.inc({ route: event.route })
    instruments.uploadBytes.inc({ route: event.route }, event.bytes)
  } else if (kind === 'socket') {
    const { route, outcome } = event
    instruments.sockets.inc({ route, outcome })
    instruments.openSockets.inc(outcome === 'opened' ? 1 : -1)
  }
}

/** Metrics without events, read when they are scraped. */
function addReadings(registry: Registry, { logWriteErrors, retentionLag, pool, config }: MetricsOptions): void {
  const registers = [registry]
  if (logWriteErrors)
    new Counter({
      name: 'countersign_log_write_errors_total',
      help: 'Writes of the log that failed, and lines that were left out since too many wait',
      registers,
      collect() {
        this.reset()
        this.inc(logWriteErrors())
      },
    })
  if (retentionLag)
    new Gauge({
      name: 'countersign_retention_lag_seconds',
      help: 'Time since retention last left nothing over; alarm at 86400',
      registers,
      collect() {
        this.set(retentionLag())
      },
    })
  if (pool)
    new Gauge({
      name: 'countersign_pool_connections',
      help: 'Connections to the database, and who waits for one',
      labelNames: ['state'],
      registers,
      collect() {
        for (const [state, count] of Object.entries(pool())) this.set({ state }, count)
      },
    })
  if (!config) return
  new Gauge({
    name: 'countersign_config_ok',
    help: '1: the configuration could be used when it was last looked at; 0: it could not, and what it said before holds',
    registers,
    collect() {
      this.set(config().ok ? 1 : 0)
    },
  })
  new Gauge({
    name: 'countersign_config_read_timestamp_seconds',
    help: 'When the configuration that holds was read, in Unix seconds',
    registers,
    collect() {
      this.set(config().readAt)
    },
  })
}

// Those with a label for each kind of handle that is open are as many as Node has kinds.
const unbounded = ['nodejs_active_resources', 'nodejs_active_handles', 'nodejs_active_requests']

function addProcess(registry: Registry): void {
  collectDefaultMetrics({ register: registry })
  for (const name of unbounded) registry.removeSingleMetric(name)
}
