import { readdir, rename, rm, rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { AgentRecord } from '../agent/agent-store.js'
import { parseJson } from '../lib/parse-json.js'
import { randomSuffix, readPrivateFile } from './private-files.js'
import { systemErrorCode } from './unless-gone.js'

/** Seconds that a record stays after its end: clocks differ, and an answer may be on its way. */
const margin = 3600

/**
 * Drops what nobody needs any more from the folder of a store: records that have ended, and all of a browser whose session has,
 * or holds nothing any more. What cannot be read stays where it is.
 *
 * @param now Unix seconds
 */
export async function sweepRecords(root: string, now: number): Promise<void> {
  for (const entry of await readdir(root, { withFileTypes: true }))
    if (entry.isDirectory()) await sweepOwner(join(root, entry.name), now).catch(ignoreGone)
}

async function sweepOwner(folder: string, now: number): Promise<void> {
  const files = (await readdir(folder)).filter((name) => name.endsWith('.json')).map((name) => join(folder, name))
  const left = new Set<AgentRecord['kind'] | undefined>()
  for (const file of files) {
    const { kind, until } = await readEnd(file)
    const hasEnded = until !== undefined && until + margin <= now
    if (hasEnded && kind === 'session') return removeWhole(folder)
    if (hasEnded) await rm(file, { force: true })
    else left.add(kind)
  }
  // Of a session whose consent nobody answered, the browser knows no more than the cookie.
  if (left.has('session') && [...left].every((kind) => kind === 'session' || kind === 'person'))
    return removeWhole(folder)
  // Only where nothing is left, also of what another process writes just now.
  await rmdir(folder)
}

async function readEnd(file: string): Promise<Pick<AgentRecord, 'until'> & { kind?: AgentRecord['kind'] }> {
  const record = parseJson((await readPrivateFile(file)) ?? '')
  return typeof record === 'object' && record !== null ? record : {}
}

/** Whole at once: what is written meanwhile begins a new folder. */
async function removeWhole(folder: string): Promise<void> {
  const gone = `${folder}.${randomSuffix()}`
  await rename(folder, gone)
  await rm(gone, { recursive: true, force: true, maxRetries: 3 })
}

function ignoreGone(error: unknown): void {
  if (!['ENOENT', 'ENOTEMPTY', 'EEXIST'].includes(systemErrorCode(error) ?? '')) throw error
}
