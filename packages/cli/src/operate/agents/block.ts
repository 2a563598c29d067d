import { exitStatus } from '../../command/exit-status.js'
import type { Run } from '../../command/run.js'
import { requireIdentifierFlag } from '../../flags/require-identifier-flag.js'
import { type ChangeOptions, operatorName } from '../flags.js'
import { inStorage } from '../in-storage.js'

/** `countersign agents block`. */
export const agentsBlock = commandThatSets(true, { done: 'is blocked.', before: 'was blocked already.' })

/** `countersign agents unblock`. */
export const agentsUnblock = commandThatSets(false, { done: 'may ask again.', before: 'was not blocked.' })

function commandThatSets(blocked: boolean, { done, before }: { done: string; before: string }): Run {
  return async (options, terminal, subject) => {
    const flags: ChangeOptions = options
    const agent = requireIdentifierFlag('The agent', subject, 'allowed')
    const changed = await inStorage(flags, terminal, ({ storage }) =>
      storage.setAgentBlocked({ agent, blocked, by: operatorName(flags) }),
    )
    const said = JSON.stringify({ agent, blocked, changed })
    terminal.write(`${flags.json ? said : `${agent} ${changed ? done : before}`}\n`)
    return exitStatus.done
  }
}
