import { createHash } from 'node:crypto'
import { mkdir, readdir, rename, rm, rmdir, stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import type { AgentRecord, AgentStore, RecordName } from '../agent/agent-store.js'
import { parseJson } from '../lib/encodings.js'
import { warnOnce } from '../lib/options.js'
import {
  checkPrivateFolder,
  createPrivateFile,
  FileStoreError,
  linked,
  openPrivateFolder,
  randomSuffix,
  readPrivateFile,
  syncFolder,
  systemErrorCode,
  unlessMissing,
  writePrivateFile,
} from './private-files.js'

/** Interval between sweeps of expired records, in milliseconds. */
const sweepInterval = 3_600_000

/**
 * Stores what users have allowed an agent, with each record in its own file, so that users are not prompted again: tokens and consents
 * survive restarts and crashes, and processes of the same user share them (W26). Writes resolve once the data is on disk. The folder and
 * its files are readable only by that user. On Windows, choose a folder under `%LOCALAPPDATA%`, because file modes have no effect there.
 * The tokens are stored in plain text, but are useless without the agent's key.
 *
 * @param folder created if missing
 * @throws FileStoreError if the folder cannot be created, if others have access to it, or if another user owns it; the message says what to
 * do
 *
 * @example const agent = createAgent({ id, signer, authServers, store: fileStore('/home/alice/.local/state/planner') })
 */
export function fileStore(folder: string): AgentStore {
  const root = resolve(folder)
  openPrivateFolder(root)
  const folderOf = (owner: string) => join(root, nameOf(owner))
  setInterval(() => void sweepRecords(root, Date.now() / 1000).catch(() => undefined), sweepInterval).unref()
  const fileOf = (owner: string, { kind, id }: RecordName) =>
    join(folderOf(owner), `${kind}-${nameOf(`${kind} ${id}`)}.json`)

  return {
    isShared: true,

    async list(owner) {
      await checkPrivateFolder(folderOf(owner))
      const names = (await unlessMissing(readdir(folderOf(owner)))) ?? []
      const paths = names.map((name) => join(folderOf(owner), name))
      const files = paths.filter((path) => path.endsWith('.json'))
      const others = paths.filter((path) => !files.includes(path) && !path.endsWith(damaged))
      await Promise.all(others.map(removeAbandoned))
      const records = await Promise.all(files.map(readRecord))
      return records.filter((record) => record !== undefined)
    },

    put: (owner, record) =>
      whileForgotten(async () => {
        await checkPrivateFolder(folderOf(owner))
        await writePrivateFile(fileOf(owner, record), JSON.stringify(record))
      }),

    add: (owner, record) =>
      whileForgotten(async () => {
        const path = fileOf(owner, record)
        await checkPrivateFolder(folderOf(owner))
        for (let tries = 0; tries < 100; tries += 1) {
          if (await createPrivateFile(path, JSON.stringify(record))) return record
          const there = await readRecord(path)
          if (there) return there
        }
        throw new FileStoreError(`${path} keeps appearing and disappearing: another program is writing to this folder.`)
      }),

    async remove(owner, name) {
      const path = fileOf(owner, name)
      await checkPrivateFolder(folderOf(owner))
      // Of several concurrent calls, only one moves the file.
      const taken = `${path}.${randomSuffix()}`
      const moved = await unlessMissing(rename(path, taken).then(() => true))
      await rm(taken, { force: true })
      if (moved) await syncFolder(dirname(path))
      return moved ?? false
    },

    async forget(owner) {
      // Renamed first, so that it disappears at once: concurrent writes create a new folder.
      const gone = `${folderOf(owner)}.${randomSuffix()}`
      await unlessMissing(rename(folderOf(owner), gone))
      await syncFolder(root)
      await rm(gone, { recursive: true, force: true, maxRetries: 3 })
    },
  }
}

/** Retries a write if the folder was removed in the meantime. If the folder is not writable, the error names the folder. */
async function whileForgotten<T>(write: () => Promise<T>): Promise<T> {
  for (let left = 20; ; left -= 1) {
    try {
      return await write()
    } catch (error) {
      const code = systemErrorCode(error)
      if (code === 'ENOENT' && left > 0) continue
      if (code === undefined) throw error
      throw new FileStoreError(`Cannot write to the store: ${(error as Error).message}`, { cause: error })
    }
  }
}

/** A file name for text of any length, with any characters. */
export function nameOf(text: string): string {
  return createHash('sha256').update(text).digest('base64url').slice(0, 27)
}

/** Age after which a temporary file counts as abandoned, in milliseconds. */
const abandoned = 3_600_000

/** Removes temporary files left by a program that was killed while writing. */
export async function removeAbandoned(path: string): Promise<void> {
  const stats = await unlessMissing(stat(path))
  if (stats?.isFile() && Date.now() - stats.mtimeMs > abandoned) await rm(path, { force: true })
}

/** Suffix of damaged files that were set aside. */
const damaged = '.damaged'

/** Records that identify the user to whom the other records belong, and those that revoke them. */
const decisive = /^(person|session|revocation)-/

/**
 * Also undefined for a corrupt file, which is unusable: it is set aside, and the other records stay available.
 *
 * @throws FileStoreError for a file that this store did not write or that others could read; for a corrupt record that identifies the
 * owner of the other records, because that owner would then be unknown (attacks L01); and for a corrupt revocation
 */
async function readRecord(path: string): Promise<AgentRecord | undefined> {
  const text = await readPrivateFile(path)
  if (text === undefined) return undefined
  const record = parseJson(text)
  if (record === undefined) {
    const [, kind] = decisive.exec(basename(path)) ?? []
    if (kind === 'revocation')
      throw new FileStoreError(
        `${path} is damaged. It revokes a delegate: restore it from a backup, or revoke the delegate again after you have removed this file.`,
      )
    if (kind !== undefined)
      throw new FileStoreError(
        `${path} is damaged. It identifies the owner of the tokens beside it: move ${dirname(path)} somewhere else, so that users are prompted again.`,
      )
    await unlessMissing(rename(path, `${path}${damaged}`))
    warnOnce(path, `${path} is damaged`, `it was set aside as ${path}${damaged}; users may be prompted again.`)
    return undefined
  }
  if (typeof record !== 'object' || record === null || !('kind' in record))
    throw new FileStoreError(`${path} was not written by this store: move it somewhere else.`)
  return record as AgentRecord
}

/** How long a record remains stored after it expires, in seconds: clocks differ, and a response may still arrive. */
const margin = 3600

/**
 * Removes what is no longer needed from a store's folder: expired records, and all records of a browser whose session has expired or is now
 * empty. Unreadable files are left in place, and do not stop the sweep of other folders.
 *
 * @param now Unix seconds
 * @throws FileStoreError for the first file that cannot be read, once all folders have been swept
 */
export async function sweepRecords(root: string, now: number): Promise<void> {
  let failed: Promise<void> | undefined
  for (const entry of await readdir(root, { withFileTypes: true })) {
    if (!entry.isDirectory()) continue
    const swept = sweepOwner(join(root, entry.name), now).catch(ignoreMissing)
    await swept.catch(() => {
      failed ??= swept
    })
  }
  await failed
}

async function sweepOwner(folder: string, now: number): Promise<void> {
  if (await sweepFiles(folder, now)) return removeWhole(folder, now)
  // Fails unless the folder is empty, and therefore also if another process is writing files to it.
  await rmdir(folder)
}

/** Removes expired records. Resolves to whether the other files in the folder are not needed either. */
async function sweepFiles(folder: string, now: number): Promise<boolean> {
  const files = (await readdir(folder)).filter((name) => name.endsWith('.json')).map((name) => join(folder, name))
  const left = new Set<AgentRecord['kind'] | undefined>()
  for (const file of files) {
    const { kind, until } = await readEnd(file)
    const hasEnded = until !== undefined && until + margin <= now
    if (hasEnded && kind === 'session') return true
    if (hasEnded) await rm(file, { force: true })
    else left.add(kind)
  }
  // Without a token or a pending consent, the browser has only a session cookie.
  return left.has('session') && [...left].every((kind) => kind && ['session', 'person', 'past'].includes(kind))
}

async function readEnd(file: string): Promise<Pick<AgentRecord, 'until'> & { kind?: AgentRecord['kind'] }> {
  const record = parseJson((await readPrivateFile(file)) ?? '')
  return typeof record === 'object' && record !== null ? record : {}
}

/**
 * Removes a folder. It is renamed first, so that it disappears at once: concurrent writes create a new folder. If another process wrote to it
 * just before, its files are moved back.
 */
async function removeWhole(folder: string, now: number): Promise<void> {
  const gone = `${folder}.${randomSuffix()}`
  await rename(folder, gone)
  if (!(await sweepFiles(gone, now))) {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    // Files that were written since are newer.
    for (const name of await readdir(gone)) await linked(join(gone, name), join(folder, name))
  }
  await rm(gone, { recursive: true, force: true, maxRetries: 3 })
}

function ignoreMissing(error: unknown): void {
  if (!['ENOENT', 'ENOTEMPTY', 'EEXIST'].includes(systemErrorCode(error) ?? '')) throw error
}
