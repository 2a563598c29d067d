import { readFileSync } from 'node:fs'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { openClientStage } from './client-stage.js'
import { runSteps } from './client-steps.js'
import { expectAsInTable, rowOf } from './client-table.js'
import { protectNotes } from './protected-notes.js'
import { sdks } from './sdk-clients.js'

interface LockFile {
  packages: Record<string, { name?: string; version: string }>
}

describe.each(Object.entries(sdks))('%s', (id, open) => {
  it('does what the table of clients says', async () => {
    vi.spyOn(console, 'warn').mockReturnValue()
    const stage = await openClientStage()
    const client = open(stage)
    onTestFinished(() => client.close())
    const results = await runSteps(client, stage)
    expectAsInTable(id, results)

    const { prompts, url } = stage
    expect(prompts.map((query) => query.get('resource'))).toEqual(prompts.map(() => url))
    const initial = 'connect notes.read'
    expect(prompts.map((query) => query.get('scope'))).toEqual(
      results.outcomes.stepUp === 'yes' ? [initial, `${initial} notes.write`, initial] : [initial, initial],
    )
  })

  it('can use a server at the root of its host', async () => {
    const stage = await openClientStage((options) => protectNotes({ ...options, path: '/' }))
    const client = open(stage)
    onTestFinished(() => client.close())
    expect(await client.call('read_notes')).toBe('read_notes done')
    // This version sends it as the URL class writes it.
    const requested = id === 'sdk-1.30.0' ? `${stage.url}/` : stage.url
    expect(stage.prompts.map((query) => query.get('resource'))).toEqual([requested])
  })

  it('is installed in the version that the table of clients names', () => {
    const lockFile = new URL('../../../../../../package-lock.json', import.meta.url)
    const { packages } = JSON.parse(readFileSync(lockFile, 'utf8')) as LockFile
    const installed = Object.entries(packages).map(
      ([path, { name = path.slice('node_modules/'.length), version }]) => `${name} ${version}`,
    )
    const { package: name, version } = rowOf(id)
    expect(installed).toContain(`${name} ${version}`)
  })
})
