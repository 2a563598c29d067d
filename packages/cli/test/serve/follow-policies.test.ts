import { mkdtempSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { createLog } from 'countersign/log'
import { loadConfig, type PolicyRule } from 'countersign-server'
import { expect, it, onTestFinished, vi } from 'vitest'
import { watchPolicies } from '../../src/serve/follow-policies.js'

const smallest = { issuer: 'https://auth.example', database: 'auth.db', masterKeyFile: 'master.key' }
const request = {
  agent: 'https://agent.example',
  delegate: null,
  resource: 'https://api.example',
  scope: ['data.read'],
}

const denyAll = (name: string): PolicyRule[] => [{ name, agent: '*', decision: 'deny' }]

/** A loaded configuration file, and the watcher that follows it. */
async function createStage() {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-follow-'))
  const file = join(folder, 'countersign.config.json')
  const write = (settings: object) => writeFileSync(file, JSON.stringify({ ...smallest, ...settings }))
  write({ policies: denyAll('first') })
  const loaded = await loadConfig(file, {})
  const stream = new PassThrough()
  let logged = ''
  stream.setEncoding('utf8').on('data', (text: string) => {
    logged += text
  })
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  onTestFinished(() => {
    vi.useRealTimers()
    rmSync(folder, { recursive: true })
  })
  const events = () => [...logged.matchAll(/"event":"([^"]+)"/g)].map(([, event]) => event)
  return {
    file,
    write,
    events,
    logged: () => logged,
    follow: () => {
      const followed = watchPolicies(loaded, {}, createLog({ to: stream }))
      onTestFinished(() => followed.stop())
      return Object.assign(() => followed.policy(request), { state: followed.state })
    },
    /** Checks the file, and waits until it has been read: each of these reads is queued after the watcher's. */
    look: async () => {
      vi.advanceTimersByTime(2000)
      for (let reads = 0; reads < 20; reads++) await readFile(file).catch(() => undefined)
      await new Promise((resolve) => setTimeout(resolve, 20))
    },
  }
}

it('picks up a change made between loading the file and the first check', async () => {
  const { write, follow, events, logged } = await createStage()
  write({ policies: denyAll('second'), name: 'Another name', limits: { rateFactor: 2 } })
  const decide = follow()
  await expect.poll(decide).toEqual({ deny: 'second' })
  await expect.poll(events).toEqual(['policies.changed', 'config.needs_restart'])
  expect(logged()).toContain('"settings":"limits.rateFactor name"')
})

it('picks up a replacement with the same size and modification time', async () => {
  const { file, write, follow, look, events } = await createStage()
  const decide = follow()
  await look()
  const { atime, mtime, size } = statSync(file)
  const replacement = `${file}.new`
  writeFileSync(replacement, readFileSync(file, 'utf8').replace('first', 'other'))
  utimesSync(replacement, atime, mtime)
  utimesSync(file, atime, mtime)
  await look()
  renameSync(replacement, file)
  expect(statSync(file)).toMatchObject({ mtime, size })
  await look()
  await expect.poll(decide).toEqual({ deny: 'other' })
  write({ policies: [] })
  await look()
  await expect.poll(decide).toBe('ask')
  expect(events()).toEqual(['policies.changed', 'policies.changed'])
})

it('reports nothing if the file is unchanged', async () => {
  const { file, follow, look, events } = await createStage()
  follow()
  await look()
  utimesSync(file, new Date(), new Date())
  await look()
  expect(events()).toEqual([])
})

it.each<[string, (file: string) => void]>([
  ['is missing', (file) => renameSync(file, `${file}.gone`)],
  ['is not JSON', (file) => writeFileSync(file, '{"issuer":')],
  ['has an invalid rule', (file) => writeFileSync(file, '{"policies":[{"agent":"*","decision":"maybe"}]}')],
])(
  'a file that %s changes nothing; a warning is logged once, and again when the file is valid again',
  async (_what, spoil) => {
    const { file, follow, look, events } = await createStage()
    const content = readFileSync(file)
    const decide = follow()
    await look()
    const { ok, readAt } = decide.state()
    expect(ok).toBe(true)
    spoil(file)
    for (let looks = 0; looks < 3; looks++) await look()
    expect(decide()).toEqual({ deny: 'first' })
    await expect.poll(events).toEqual(['config.not_read'])
    expect(decide.state()).toEqual({ ok: false, readAt })
    writeFileSync(file, content)
    for (let looks = 0; looks < 3; looks++) await look()
    await expect.poll(events).toEqual(['config.not_read', 'config.read'])
    expect(decide.state().ok).toBe(true)
    expect(decide.state().readAt).toBeGreaterThan(readAt)
    expect(decide()).toEqual({ deny: 'first' })
  },
)
