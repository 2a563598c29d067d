import { describe, it, onTestFinished } from 'vitest'
import { openLoopbackClientStage } from './client-stage.js'
import { runSteps } from './client-steps.js'
import { expectAsInTable } from './client-table.js'
import { programs } from './program-clients.js'

/** Clients that are programs: `npm run clients` installs them and runs this file without a network. */
describe.each(Object.entries(programs))('%s', (id, { documents, open }) => {
  it('does what the table of clients says', { timeout: 180_000 }, async () => {
    const stage = await openLoopbackClientStage(documents)
    const client = open(stage)
    onTestFinished(() => client.close())
    const results = await runSteps(client, stage)
    process.stdout.write(`${id}: ${JSON.stringify(results)}\n${stage.wire.join('\n')}\n`)
    expectAsInTable(id, results)
  })
})
