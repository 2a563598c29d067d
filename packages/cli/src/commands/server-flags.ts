import { type FlagTable, json } from './command-row.js'

/** Flags that name the auth server to operate on. */
export const server: FlagTable = {
  '--config <file>': {
    description: "The auth server's configuration file",
    required: { or: '--db <database>' },
    conflicts: ['db'],
  },
  '--db <database>': "The auth server's SQLite file or PostgreSQL URL, instead of its configuration",
}

/** Flags of commands that operate on an auth server. */
export const operating: FlagTable = { ...server, ...json }

/** Flags of commands that change something on an auth server. */
export const changing: FlagTable = {
  '--by <name>': 'Name of the operator, as recorded in the audit log; default: your system user',
  ...operating,
}
