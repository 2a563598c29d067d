import { createHash } from 'node:crypto'
import { constants } from 'node:fs'
import { copyFile, link, readdir, rename, rm, rmdir, stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import type { AgentRecord, AgentStore, RecordName } from '../agent/agent-store.js'
import { parseJson } from '../lib/encodings.js'
import { warnOnce } from '../lib/options.js'
import {
  checkPrivateFolder,
  FileStoreError,
  openPrivateFolder,
  randomSuffix,
  readPrivateFile,
  syncFolder,
  systemErrorCode,
  unlessGone,
  writeBeside,
  writePrivateFile,
} from './private-files.js'

/** Milliseconds between two times that what nobody needs any more is dropped. */
const sweepInterval = 3_600_000

/**
 * Keeps what people allowed an agent in files of their own, one for each record, so that nothing is asked twice: tokens and
 * consents survive restarts and crashes, and several processes of one user share them (W26). What is written has reached the
 * disk when it is answered. The folder and its files are for this user alone; on Windows name one under `%LOCALAPPDATA%`,
 * since modes say nothing there. It holds tokens in plain text: they are of use only to who has the agent's key, too.
 *
 * @param folder made where it is not there
 * @throws FileStoreError where others could read the folder, or it is not this user's, with the command that mends it
 *
 * @example
 * const agent = createAgent({ id, signer, authServers, store: fileStore('/home/alice/.local/state/planner') })
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
      const names = (await unlessGone(readdir(folderOf(owner)))) ?? []
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
        const written = await writeBeside(path, JSON.stringify(record))
        try {
          for (let tries = 0; tries < 100; tries += 1) {
            if (await linked(written, path)) {
              await syncFolder(dirname(path))
              return record
            }
            const there = await readRecord(path)
            if (there) return there
          }
          throw new FileStoreError(`${path} comes and goes: another program writes there, too.`)
        } finally {
          await rm(written, { force: true })
        }
      }),

    async remove(owner, name) {
      const path = fileOf(owner, name)
      await checkPrivateFolder(folderOf(owner))
      // Of several at once one moves it.
      const taken = `${path}.${randomSuffix()}`
      const moved = await unlessGone(rename(path, taken).then(() => true))
      await rm(taken, { force: true })
      if (moved) await syncFolder(dirname(path))
      return moved ?? false
    },

    async forget(owner) {
      // Whole at once: what is written meanwhile begins a new folder.
      const gone = `${folderOf(owner)}.${randomSuffix()}`
      await unlessGone(rename(folderOf(owner), gone))
      await syncFolder(root)
      await rm(gone, { recursive: true, force: true, maxRetries: 3 })
    },
  }
}

/** Writes again where the folder was put away while that was written to it; says which folder takes nothing. */
async function whileForgotten<T>(write: () => Promise<T>): Promise<T> {
  for (let left = 20; ; left -= 1) {
    try {
      return await write()
    } catch (error) {
      const code = systemErrorCode(error) ?? ''
      if (code === 'ENOENT' && left > 0) continue
      if (!unwritable.has(code)) throw error
      throw new FileStoreError(`Nothing can be kept: ${(error as Error).message}`, { cause: error })
    }
  }
}

const unwritable = new Set(['ENOSPC', 'EDQUOT', 'EROFS', 'EACCES', 'EPERM'])

/** A name for a file, of a text that may have any characters and length. */
function nameOf(text: string): string {
  return createHash('sha256').update(text).digest('base64url').slice(0, 27)
}

/** Whether a file got its name: not where there is one of that name. */
async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to)
    return true
  } catch (error) {
    if (systemErrorCode(error) === 'EEXIST') return false
    // Not every file system has a second name for a file.
    if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'EMLINK'].includes(systemErrorCode(error) ?? '')) throw error
    return copied(from, to)
  }
}

async function copied(from: string, to: string): Promise<boolean> {
  try {
    await copyFile(from, to, constants.COPYFILE_EXCL)
    return true
  } catch (error) {
    if (systemErrorCode(error) === 'EEXIST') return false
    throw error
  }
}

/** Milliseconds after which nobody writes a file any more that has no name yet. */
const abandoned = 3_600_000

/** Removes what a program left that was killed while it wrote. */
async function removeAbandoned(path: string): Promise<void> {
  const stats = await unlessGone(stat(path))
  if (stats?.isFile() && Date.now() - stats.mtimeMs > abandoned) await rm(path, { force: true })
}

/** At the end of the name of what is set aside. */
const damaged = '.damaged'

/** Without these nobody knows whose the other records are. */
const ofOwner = /^(person|session)-/

/**
 * Undefined also for one that a disk lost in part: it is set aside, since nobody could use it, and the others go on.
 *
 * @throws FileStoreError for a file that this did not write, or that others could read; and for one that a disk lost in part and
 * that says whose the others are, which would else be anybody's (attacks L01)
 */
async function readRecord(path: string): Promise<AgentRecord | undefined> {
  const text = await readPrivateFile(path)
  if (text === undefined) return undefined
  const record = parseJson(text)
  if (record === undefined) {
    if (ofOwner.test(basename(path)))
      throw new FileStoreError(
        `${path} is damaged, and it says whose the tokens beside it are: move ${dirname(path)} away, so that people are asked again.`,
      )
    await unlessGone(rename(path, `${path}${damaged}`))
    warnOnce(path, `${path} is damaged`, `it is kept as ${path}${damaged}, and somebody may be asked again.`)
    return undefined
  }
  if (typeof record !== 'object' || record === null || !('kind' in record))
    throw new FileStoreError(`${path} is not what was written there: move it away.`)
  return record as AgentRecord
}

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
