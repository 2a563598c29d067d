import { readFileSync } from 'node:fs'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { openClientStage } from './client-stage.js'
import { type Outcomes, runSteps } from './client-steps.js'
import { sdks } from './sdk-clients.js'

interface TestedRow {
  id: string
  package: string
  version: string
  outcomes: Outcomes
}

interface LockFile {
  packages: Record<string, { name?: string; version: string }>
}

const read = (path: string): unknown => JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8'))
const rows = read('clients.json') as TestedRow[]
const rowOf = (id: string) => rows.find((row) => row.id === id)

describe.each(Object.entries(sdks))('%s', (id, open) => {
  it('does what the table of clients says', async () => {
    vi.spyOn(console, 'warn').mockReturnValue()
    const stage = await openClientStage()
    const client = open(stage)
    onTestFinished(() => client.close())
    expect(await runSteps(client, stage)).toEqual(rowOf(id)?.outcomes)

    const { prompts, url } = stage
    expect(prompts.map((query) => query.get('resource'))).toEqual(prompts.map(() => url))
    const initial = 'connect notes.read'
    expect(prompts.map((query) => query.get('scope'))).toEqual(
      rowOf(id)?.outcomes.stepUp === 'yes' ? [initial, `${initial} notes.write`, initial] : [initial, initial],
    )
  })

  it('is installed in the version that the table of clients names', () => {
    const { packages } = read('../../../../../../package-lock.json') as LockFile
    const installed = Object.entries(packages).map(
      ([path, { name = path.slice('node_modules/'.length), version }]) => `${name} ${version}`,
    )
    expect(installed).toContain(`${rowOf(id)?.package} ${rowOf(id)?.version}`)
  })
})
