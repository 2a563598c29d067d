import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { CountersignEvent } from '../lib/events.js'

/** Values to read on each scrape. */
export interface MetricsOptions {
  /** The log's `writeErrors`. @default the metric is omitted */
  logWriteErrors?: (() => number) | undefined
  /** Number of seconds since retention last deleted everything that was due for deletion. @default the metric is omitted */
  retentionLag?: (() => number) | undefined
  /** The connections of a database pool. @default the metric is omitted */
  pool?: (() => PoolState) | undefined
  /** The result of the last reload, if the configuration can be reloaded. @default the metrics are omitted */
  config?: (() => ConfigState) | undefined
  /** Whether to include process metrics: memory, CPU, event loop delay, garbage collection. @default true */
  process?: boolean | undefined
}

export interface PoolState {
  idle: number
  used: number
  /** Requests that are waiting for a connection. */
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
  /** Counts events: pass it to a role as the role's `onEvent`. */
  readonly onEvent: (event: CountersignEvent) => void
  /** The `prom-client` registry that contains all metrics: add your own to it. */
  readonly registry: Registry
}

/** Seconds. */
const buckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5]

/**
 * Creates metrics in a separate prom-client registry. Labels have few values, whatever clients send: never an agent, a host or a user.
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

/** The metrics that are updated by events. */
function createInstruments(registry: Registry) {
  const registers = [registry]
  return {
    requests: new Counter({
      name: 'countersign_requests_total',
      help: 'Requests, by route and outcome (ok, or the refusal’s code)',
      labelNames: ['role', 'route', 'outcome'],
      registers,
    }),
    requestSeconds: new Histogram({
      name: 'countersign_request_duration_seconds',
      help: 'Response time, by route',
      labelNames: ['role', 'route'],
      buckets,
      registers,
    }),
    lookups: new Counter({
      name: 'countersign_lookups_total',
      help: 'Lookups of other parties’ documents and key sets; cached: nothing was fetched',
      labelNames: ['role', 'what', 'outcome', 'cached'],
      registers,
    }),
    lookupSeconds: new Histogram({
      name: 'countersign_lookup_duration_seconds',
      help: 'Duration of lookups that fetched something',
      labelNames: ['role', 'what'],
      buckets,
      registers,
    }),
    decisions: new Counter({
      name: 'countersign_decisions_total',
      help: 'Decisions by users, policies and existing grants',
      labelNames: ['by', 'outcome'],
      registers,
    }),
    revocations: new Counter({
      name: 'countersign_revocations_total',
      help: 'Messages to resources that a token was revoked, by outcome; alert at given_up',
      labelNames: ['outcome'],
      registers,
    }),
    storageSeconds: new Histogram({
      name: 'countersign_storage_duration_seconds',
      help: 'Duration of storage operations',
      labelNames: ['verb'],
      buckets,
      registers,
    }),
    storageErrors: new Counter({
      name: 'countersign_storage_errors_total',
      help: 'Failed storage operations, by the StorageError’s code; failed: any other error',
      labelNames: ['verb', 'code'],
      registers,
    }),
    passwords: new Counter({
      name: 'countersign_passwords_total',
      help: 'Passwords hashed or checked (argon2); unavailable: the queue was full',
      labelNames: ['outcome'],
      registers,
    }),
    passwordWait: new Histogram({
      name: 'countersign_password_wait_seconds',
      help: 'Time that passwords spend in the queue',
      buckets,
      registers,
    }),
    passwordQueue: new Gauge({
      name: 'countersign_password_queue',
      help: 'Passwords in the queue',
      registers,
    }),
    upstreams: new Counter({
      name: 'countersign_upstream_total',
      help: 'Requests that a gateway forwarded upstream, by outcome',
      labelNames: ['route', 'outcome'],
      registers,
    }),
    upstreamSeconds: new Histogram({
      name: 'countersign_upstream_duration_seconds',
      help: 'Time until a gateway’s upstream starts to respond, or fails',
      labelNames: ['route'],
      buckets,
      registers,
    }),
    uploads: new Counter({
      name: 'countersign_uploads_total',
      help: 'Bodies that a gateway stored on disk',
      labelNames: ['route'],
      registers,
    }),
    uploadBytes: new Counter({
      name: 'countersign_upload_bytes_total',
      help: 'Bytes of bodies that a gateway stored on disk',
      labelNames: ['route'],
      registers,
    }),
    sockets: new Counter({
      name: 'countersign_sockets_total',
      help: 'WebSockets proxied by a gateway, by outcome: opened, and how they ended',
      labelNames: ['route', 'outcome'],
      registers,
    }),
    openSockets: new Gauge({
      name: 'countersign_sockets_open',
      help: 'Open WebSockets proxied by a gateway',
      registers,
    }),
    closed: new Counter({
      name: 'countersign_connections_closed_total',
      help: 'Connections that a gateway closed because there were too many: displaced ones, or new ones refused with 503',
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
  } else if (kind === 'revocation') {
    instruments.revocations.inc({ outcome: event.outcome })
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

/** Metrics that are read on each scrape instead of being updated by events. */
function addReadings(registry: Registry, { logWriteErrors, retentionLag, pool, config }: MetricsOptions): void {
  const registers = [registry]
  if (logWriteErrors)
    new Counter({
      name: 'countersign_log_write_errors_total',
      help: 'Failed log writes, and lines dropped because the buffer was full',
      registers,
      collect() {
        this.reset()
        this.inc(logWriteErrors())
      },
    })
  if (retentionLag)
    new Gauge({
      name: 'countersign_retention_lag_seconds',
      help: 'Seconds since retention last deleted everything that was due for deletion; alert at 86400',
      registers,
      collect() {
        this.set(retentionLag())
      },
    })
  if (pool)
    new Gauge({
      name: 'countersign_pool_connections',
      help: 'Database connections by state, and requests waiting for one',
      labelNames: ['state'],
      registers,
      collect() {
        for (const [state, count] of Object.entries(pool())) this.set({ state }, count)
      },
    })
  if (!config) return
  new Gauge({
    name: 'countersign_config_ok',
    help: '1: the last load of the configuration succeeded; 0: it failed, and the previous configuration is active',
    registers,
    collect() {
      this.set(config().ok ? 1 : 0)
    },
  })
  new Gauge({
    name: 'countersign_config_read_timestamp_seconds',
    help: 'When the active configuration was read, in Unix seconds',
    registers,
    collect() {
      this.set(config().readAt)
    },
  })
}

// These metrics are labeled with the types of open handles, and the number of such types depends on Node.
const unbounded = ['nodejs_active_resources', 'nodejs_active_handles', 'nodejs_active_requests']

function addProcess(registry: Registry): void {
  collectDefaultMetrics({ register: registry })
  for (const name of unbounded) registry.removeSingleMetric(name)
}
