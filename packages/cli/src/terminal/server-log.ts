import type { Log, LogFields } from 'countersign/observability'

/**
 * The lines that `server start` and the gateway write besides those of events, by level: when each is written, and its fields. The
 * table of the documentation is made from these descriptions.
 */
export const serverLogLines = {
  info: {
    started: 'The process accepts connections; `issuer` or `id`, `host`, `port`, `adminPort`',
    ready: '`/readyz` responds with 200 again',
    stopping: 'The process received a signal and finishes its requests; `signal`',
    stopped: 'The process has finished its requests and closed its connections',
    'config.read': 'A changed configuration was loaded, or a broken one was fixed; `file`',
    'policies.changed': 'Changed `policies` are active; `rules`',
    'keys.rotated': 'A scheduled key rotation was done by this instance; `activated`, `retiring`, `gone`, `next`',
    'redis.found': 'Gateway: Redis responds again',
  },
  warn: {
    'config.needs_restart': 'Settings changed that take effect only after a restart; `file`, `settings`',
    'proxy.not_trusted':
      '`X-Forwarded-For` came from an address that is not in `trustProxy`; `address`; once per address, for up to 16 addresses',
  },
  error: {
    'config.not_read': 'The changed configuration is invalid; the previous one stays active; `file`, `reason`',
    'request.failed':
      'A request failed because of the server, its database or an identity provider; `error`, and the `id` that the user saw',
    not_ready: '`/readyz` now responds with 503; `problem`, `error`',
    clock_skew: 'The clocks of this machine and of the database differ at the start; `error`',
    'sweep.failed': 'Rows past their retention could not be deleted; retried every minute; `error`',
    'keys.rotation_failed':
      'A scheduled key rotation failed; the active key continues to sign; retried an hour later; `error`',
    'redis.lost': 'Gateway: Redis does not respond; requests that need it get 503; `error`',
    'worker.ended': 'A process of `--workers` exited and is replaced; `pid`, `ended`',
    unhandled_rejection: 'A bug: a promise was rejected and nothing handled it; the process continues; `error`',
  },
} as const satisfies Readonly<Record<'info' | 'warn' | 'error', Readonly<Record<string, string>>>>

type Lines = typeof serverLogLines

/** The name of a line about a failure. */
export type ServerFailure = keyof Lines['error']

/** A log that takes the described lines only. */
export interface ServerLog extends Omit<Log, 'write' | 'failure'> {
  write<Level extends keyof Lines>(level: Level, event: keyof Lines[Level] & string, fields?: LogFields): void
  failure(event: ServerFailure, error: unknown, fields?: LogFields): void
}
