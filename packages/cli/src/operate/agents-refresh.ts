import type { CommandRow } from '../command-row.js'
import { exitStatus } from '../exit-status.js'
import { requireIdentifierFlag } from '../require-identifier-flag.js'
import { inStorage } from './in-storage.js'
import { type ChangeOptions, changeFlags } from './operation-flags.js'
import { operatorName } from './operator-name.js'

/** `countersign agents refresh`: for a key that its owner took out, and that must count no longer now (attacks K22). */
export const agentsRefresh: CommandRow = {
  name: 'agents refresh',
  description: 'forget the document and keys of an agent or resource on every instance, and fetch them anew',
  subject: { name: '<agent>', description: 'its identifier, such as https://agent.example' },
  flags: changeFlags,
  async run(options, terminal, subject) {
    const flags: ChangeOptions = options
    const agent = requireIdentifierFlag('The agent', subject, 'allowed')
    await inStorage(flags, ({ storage }) => storage.requestRefresh({ identifier: agent, by: operatorName(flags) }))
    const said = `Every instance fetches the document and keys of ${agent} anew, within 2 seconds.`
    terminal.write(`${flags.json ? JSON.stringify({ agent, refreshed: true }) : said}\n`)
    return exitStatus.done
  },
}
