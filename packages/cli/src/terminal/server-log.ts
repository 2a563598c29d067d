import type { Log, LogFields } from 'countersign/log'

/**
 * The lines that `server start` and the gateway write in addition to events, by level: when each line is written, and its fields. The table
 * in the documentation is generated from these descriptions.
 */
export const serverLogLines = {
  info: {
    started: 'The process accepts connections; `issuer` or `id`, `host`, `port`, `adminPort`',
    ready: '`/readyz` responds with 200 again',
    stopping: 'The process received a signal and is finishing its requests; `signal`',
    stopped: 'The process has finished its requests and closed its connections',
    'config.read': 'A changed configuration was loaded, or a broken one was fixed; `file`',
    'policies.changed': 'Changed `policies` are active; `rules`',
    'keys.rotated':
      'This instance performed a scheduled key rotation; `activated`, `retiring`, `gone`, `next`, `edition`',
    'redis.found': 'Gateway: Redis is responding again',
  },
  warn: {
    'config.needs_restart': 'Settings were changed that take effect only after a restart; `file`, `settings`',
    'proxy.not_trusted':
      '`X-Forwarded-For` came from an address that is not in `trustProxy`; `address`; once per address, for up to 16 addresses',
  },
  error: {
    'config.not_read':
      'The changed configuration is invalid or cannot be read; the previous one remains active; `file`, `reason`',
    'request.failed':
      'A request failed because of the server, its database or an identity provider; `error`, and the `id` that the user saw',
    not_ready: '`/readyz` now responds with 503; `problem`, `error`',
    clock_skew: 'The clocks of this machine and of the database differed at startup; `error`',
    'sweep.failed': 'Rows past their retention period could not be deleted; retried every minute; `error`',
    'keys.rotation_failed':
      'A scheduled key rotation failed; the active key continues to sign; retried an hour later; `edition`, `error`',
    'redis.lost': 'Gateway: Redis is not responding; requests that need it get 503; `error`',
    'worker.ended': 'One of the `--workers` processes exited and is being replaced; `pid`, `ended`',
    unhandled_rejection:
      'A bug: a promise was rejected and nothing handled the rejection; the process continues; `error`',
  },
} as const satisfies Readonly<Record<'info' | 'warn' | 'error', Readonly<Record<string, string>>>>

type Lines = typeof serverLogLines

/** The name of a log line about a failure. */
export type ServerFailure = keyof Lines['error']

/** A log that accepts only the described lines. */
export interface ServerLog extends Omit<Log, 'write' | 'failure'> {
  write<Level extends keyof Lines>(level: Level, event: keyof Lines[Level] & string, fields?: LogFields): void
  failure(event: ServerFailure, error: unknown, fields?: LogFields): void
}
