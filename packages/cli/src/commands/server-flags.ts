import { type FlagTable, json } from './command-row.js'

/** Flags that choose the auth server to operate on. */
export const server: FlagTable = {
  '--config <file>': {
    description: "The auth server's configuration file",
    required: { or: '--db <database>' },
    conflicts: ['db'],
  },
  '--db <database>': "The auth server's SQLite file or PostgreSQL URL, instead of its configuration",
}

/** Flags for commands that operate on an auth server. */
export const operating: FlagTable = { ...server, ...json }

/** Flags for commands that change something on an auth server. */
export const changing: FlagTable = {
  '--by <name>': "The operator's name, as recorded in the audit log; default: your system user",
  ...operating,
}
