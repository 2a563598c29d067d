import { readFileSync } from 'node:fs'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { openClientStage } from './client-stage.js'
import { runSteps } from './client-steps.js'
import { expectAsInTable, rowOf } from './client-table.js'
import { protectNotes } from './protected-notes.js'
import { type ClientStore, sdks } from './sdk-clients.js'

interface LockFile {
  packages: Record<string, { name?: string; version: string }>
}

/** Returns a function that resolves when it has been called this many times. */
function meetingOf(count: number): () => Promise<void> {
  let arrived = 0
  let open: (() => void) | undefined
  const all = new Promise<void>((resolve) => {
    open = resolve
  })
  return () => {
    if (++arrived === count) open?.()
    return all
  }
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

  it('refreshes in two windows at once', async () => {
    const stage = await openClientStage()
    const refreshes: string[] = []
    const bothRefresh = meetingOf(2)
    const fetch: typeof globalThis.fetch = async (input, init) => {
      const form = init?.method === 'POST' && init.body instanceof URLSearchParams ? init.body : new URLSearchParams()
      const token = form.get('refresh_token')
      if (token !== null && refreshes.push(token) <= 2) await bothRefresh()
      return stage.fetch(input, init)
    }
    const stored: ClientStore = new Map()
    const windows = [open({ ...stage, fetch }, stored), open({ ...stage, fetch }, stored)]
    onTestFinished(async () => void (await Promise.all(windows.map((each) => each.close()))))
    const callAll = () => Promise.all(windows.map((each) => each.call('read_notes')))
    for (const each of windows) await each.listTools()
    stage.pass(601)
    expect(await callAll()).toEqual(['read_notes done', 'read_notes done'])
    expect(new Set(refreshes).size).toBe(1)
    stage.pass(601)
    expect(await callAll()).toEqual(['read_notes done', 'read_notes done'])
    expect(stage.prompts).toHaveLength(1)
  })

  it('keeps its access while the auth server cannot issue tokens', async () => {
    const stage = await openClientStage()
    const client = open(stage)
    onTestFinished(() => client.close())
    await client.listTools()
    stage.pass(601)
    stage.signing.works = false
    await expect(client.call('read_notes')).rejects.toThrow()
    stage.signing.works = true
    expect(await client.call('read_notes')).toBe('read_notes done')
    expect(stage.prompts).toHaveLength(1)
  })

  it('registers itself if it has no document and the operator lets it, and again when its registration has ended', async () => {
    const stage = await openClientStage(protectNotes, true)
    const client = open(stage)
    onTestFinished(() => client.close())
    expect(await client.call('read_notes')).toBe('read_notes done')
    const registrations = () => stage.wire.filter((each) => each === `POST ${stage.issuer}/oauth/register 201`).length
    expect(registrations()).toBe(1)
    expect(stage.prompts.map((query) => query.get('client_id'))).toEqual([expect.stringMatching(/^app-/)])
    stage.pass(40 * 86_400)
    expect(await client.call('read_notes')).toBe('read_notes done')
    expect(registrations()).toBe(2)
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
