import type { CommandRow } from '../command-row.js'
import { exitStatus } from '../exit-status.js'
import { requireIdentifierFlag } from '../require-identifier-flag.js'
import { inStorage } from './in-storage.js'
import { type ChangeOptions, changeFlags } from './operation-flags.js'
import { operatorName } from './operator-name.js'

const rows = {
  block: {
    blocked: true,
    description: 'refuse an agent on every instance: its open requests end, its codes and refresh tokens give nothing',
    done: 'is blocked.',
    before: 'was blocked already.',
  },
  unblock: {
    blocked: false,
    description: 'let a blocked agent ask again',
    done: 'may ask again.',
    before: 'was not blocked.',
  },
} as const

/** `countersign agents block` and `countersign agents unblock`. */
export const agentsBlock: readonly CommandRow[] = (['block', 'unblock'] as const).map((verb) => ({
  name: `agents ${verb}`,
  description: rows[verb].description,
  subject: { name: '<agent>', description: 'its identifier, such as https://agent.example' },
  flags: changeFlags,
  async run(options, terminal, subject) {
    const flags: ChangeOptions = options
    const { blocked, done, before } = rows[verb]
    const agent = requireIdentifierFlag('The agent', subject, 'allowed')
    const changed = await inStorage(flags, ({ storage }) =>
      storage.setAgentBlocked({ agent, blocked, by: operatorName(flags) }),
    )
    const said = JSON.stringify({ agent, blocked, changed })
    terminal.write(`${flags.json ? said : `${agent} ${changed ? done : before}`}\n`)
    return exitStatus.done
  },
}))
