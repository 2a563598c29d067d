import type { CommandRow } from '../command-row.js'
import { serveCommand } from '../serve/serve-command.js'
import { agentsBlock } from './agents-block.js'
import { agentsList } from './agents-list.js'
import { auditExport } from './audit-export.js'
import { dbBackup } from './db-backup.js'
import { grantsList } from './grants-list.js'
import { grantsRevoke } from './grants-revoke.js'
import { keysGenerateMaster } from './keys-generate-master.js'
import { keysList } from './keys-list.js'
import { keysRotate } from './keys-rotate.js'
import { usersAdd } from './users-add.js'
import { usersList } from './users-list.js'
import { usersPasswd } from './users-passwd.js'
import { usersStatus } from './users-status.js'

/** What whoever runs an auth server does at the command line. */
export const operatorCommands: readonly CommandRow[] = [
  serveCommand,
  usersAdd,
  usersList,
  ...usersStatus,
  usersPasswd,
  keysGenerateMaster,
  keysList,
  keysRotate,
  agentsList,
  ...agentsBlock,
  grantsList,
  grantsRevoke,
  auditExport,
  dbBackup,
]
