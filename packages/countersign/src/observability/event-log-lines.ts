/**
 * The lines that a log writes for events, by level: when each is written, and its fields. The table in the documentation is generated from
 * these descriptions.
 */
export const eventLogLines = {
  info: {
    request:
      'A request was completed; `id`, `method`, `path` (without the query), `route`, `outcome` (`ok`, or the reason), `status`, `ms`. `aborted`: the client disconnected; `unread`: refused before routing',
    refusal:
      'A request was refused; precedes the line for the request itself, with the same `id`; `code`, `agent`, `delegate`, `claimed`, `rule`, `lookup`, `reason`',
    decision:
      'A request for access was decided; `by` (`policy`, `person`, or `grant` for a remembered grant), `outcome` (`allowed`, `denied`, or `asked` if no policy decided), `agent`, `delegate`, `resource`, `scope`, `rule`',
    lookup:
      'Another party’s document or key set could not be fetched, or was rejected; `what`, `host`, `outcome`, `reason`, `ms`',
    revocation:
      'A resource confirmed that it was notified of a revoked token; `outcome` (`delivered`), `resource`, `attempt`, `ms`',
    upload: 'Gateway: an upload that was buffered on disk was forwarded or refused; `route`, `bytes`, `ms`',
    socket:
      'Gateway: a WebSocket was opened or closed; `route`, `outcome`, `agent`, `proof`, `delegate`, `thumbprint`, `ms`',
  },
  warn: {
    'storage.slow': 'A storage operation took a second or more; `verb`, `outcome`, `ms`',
    'revocation.failed':
      'A resource was not notified of a revoked token; `outcome` (`failed`: sent again later; `given_up`: the last attempt failed; `unsupported`: it accepts no such messages), `resource`, `attempt`, `ms`',
    password:
      'A password was not hashed or checked: too many were waiting (`unavailable`), or the computation failed (`failed`); `outcome`, `waiting`',
    upstream: 'Gateway: the upstream failed to respond, or broke off its response; `route`, `outcome`, `reason`, `ms`',
  },
} as const satisfies Readonly<Record<'info' | 'warn', Readonly<Record<string, string>>>>

type Lines = typeof eventLogLines

/** The name of a line that a log writes for an event. */
export type EventLogLine<Level extends keyof Lines = keyof Lines> = Level extends keyof Lines
  ? keyof Lines[Level] & string
  : never
