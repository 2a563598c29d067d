import type { Flag } from '../command-row.js'

/** The flags that say which auth server a command works on. */
export const serverFlags: readonly Flag[] = [
  { flags: '--config <file>', description: 'the configuration of the auth server', conflicts: ['db'] },
  { flags: '--db <file>', description: 'the SQLite file of the auth server, in place of its configuration' },
]

/** The flags that every command of an operator takes. */
export const operationFlags: readonly Flag[] = [
  ...serverFlags,
  { flags: '--json', description: 'print JSON for programs' },
]

/** The flags of commands that change something. */
export const changeFlags: readonly Flag[] = [
  { flags: '--by <name>', description: 'who does this, as the audit names them; default: your system user' },
  ...operationFlags,
]

/** As commander gives them. */
export interface OperationOptions {
  config?: string
  db?: string
  json?: true
}

export interface ChangeOptions extends OperationOptions {
  by?: string
}
