import type { CommandRow } from './command-row.js'
import { demoCommand } from './demo/demo-command.js'
import { discoverCommand } from './discover/discover-command.js'
import { inspectCommand } from './inspect/inspect-command.js'
import { keysGenerate } from './keys/keys-generate.js'
import { signCommand } from './sign/sign-command.js'
import { verifyCommand } from './verify/verify-command.js'

/** Every command there is, in the order that help shows them. */
export const commands: readonly CommandRow[] = [
  demoCommand,
  verifyCommand,
  inspectCommand,
  signCommand,
  keysGenerate,
  discoverCommand,
]
