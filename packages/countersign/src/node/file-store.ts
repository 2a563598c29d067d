import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { constants, mkdirSync, type Stats, statSync } from 'node:fs'
import { copyFile, link, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { hostname } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import type { AgentRecord, AgentStore, RecordName } from '../agent/agent-store.js'

/** What a store cannot do with its folder; the message says how to mend it. */
export class FileStoreError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'FileStoreError'
  }
}

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
  openPrivately(root)
  const folderOf = (owner: string) => join(root, nameOf(owner))
  const fileOf = (owner: string, { kind, id }: RecordName) => join(folderOf(owner), `${nameOf(`${kind} ${id}`)}.json`)

  return {
    isShared: true,

    async list(owner) {
      const names = (await unlessGone(readdir(folderOf(owner)))) ?? []
      const paths = names.map((name) => join(folderOf(owner), name))
      const files = paths.filter((path) => path.endsWith('.json'))
      await Promise.all(paths.filter((path) => !files.includes(path)).map(removeAbandoned))
      const records = await Promise.all(files.map(readRecord))
      return records.flatMap((record) => (record === undefined || isOfTheDead(record) ? [] : [plain(record)]))
    },

    put: (owner, record) =>
      whileForgotten(async () => {
        const path = fileOf(owner, record)
        await rename(await writeNew(path, record), path)
        await sync(dirname(path))
      }),

    add: (owner, record) =>
      whileForgotten(async () => {
        const path = fileOf(owner, record)
        const written = await writeNew(path, record)
        try {
          for (let tries = 0; tries < 100; tries += 1) {
            if (await linked(written, path)) {
              await sync(dirname(path))
              return record
            }
            const there = await readRecord(path)
            if (there) return plain(there)
          }
          throw new FileStoreError(`${path} comes and goes: another program writes there, too.`)
        } finally {
          await rm(written, { force: true })
        }
      }),

    async remove(owner, name) {
      const path = fileOf(owner, name)
      // Of several at once one moves it.
      const taken = `${path}.${suffix()}`
      const moved = await unlessGone(rename(path, taken).then(() => true))
      await rm(taken, { force: true })
      if (moved) await sync(dirname(path))
      return moved ?? false
    },

    async forget(owner) {
      // Whole at once: what is written meanwhile begins a new folder.
      const gone = `${folderOf(owner)}.${suffix()}`
      await unlessGone(rename(folderOf(owner), gone))
      await sync(root)
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
      const code = codeOf(error) ?? ''
      if (code === 'ENOENT' && left > 0) continue
      if (!unwritable.has(code)) throw error
      throw new FileStoreError(`Nothing can be kept: ${(error as Error).message}`, { cause: error })
    }
  }
}

const unwritable = new Set(['ENOSPC', 'EDQUOT', 'EROFS', 'EACCES', 'EPERM'])

/** A record as it is written: who waits for something is told from one who ended since. */
interface StoredRecord extends AgentRecord {
  by?: { host: string; pid: number; instance: string }
}

/** This process, among those that had its number before. */
const instance = randomUUID()

function stored(record: AgentRecord): StoredRecord {
  return record.kind === 'waiting' ? { ...record, by: { host: hostname(), pid: process.pid, instance } } : record
}

function plain({ by: _by, ...record }: StoredRecord): AgentRecord {
  return record
}

/** Whether a process of this machine wrote it, to say that it waits, which has ended. */
function isOfTheDead({ by }: StoredRecord): boolean {
  if (by?.host !== hostname()) return false
  return by.pid === process.pid ? by.instance !== instance : !isRunning(by.pid)
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return codeOf(error) === 'EPERM'
  }
}

/** A name for a file, of a text that may have any characters and length. */
function nameOf(text: string): string {
  return createHash('sha256').update(text).digest('base64url').slice(0, 27)
}

function suffix(): string {
  return randomBytes(9).toString('base64url')
}

const isWindows = process.platform === 'win32'

/** @throws FileStoreError for a folder that others could read, or that is another user's (attacks L04) */
function openPrivately(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
  } catch (cause) {
    throw new FileStoreError(`The folder ${folder} cannot be made: ${(cause as Error).message}`, { cause })
  }
  const stats = statSync(folder)
  if (!stats.isDirectory()) throw new FileStoreError(`${folder} is no folder: name another one.`)
  if (isWindows) return
  requireOwn(folder, stats)
  if ((stats.mode & 0o077) !== 0)
    throw new FileStoreError(`Others can read the tokens in ${folder}: chmod 700 ${folder}`)
}

function requireOwn(path: string, { uid }: Stats): void {
  const own = process.geteuid?.()
  if (own === undefined || uid === own) return
  throw new FileStoreError(
    `${path} is another user’s (${uid}), who could read the tokens: name another folder, or as root: chown -R ${own} ${path}`,
  )
}

/** Writes a record beside its place, where it has reached the disk; nobody takes it for a record there. */
async function writeNew(path: string, record: AgentRecord): Promise<string> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  const written = `${path}.${suffix()}`
  const file = await open(written, 'wx', 0o600)
  try {
    await file.writeFile(JSON.stringify(stored(record)))
    await file.sync()
  } finally {
    await file.close()
  }
  return written
}

/** Whether a file got its name: not where there is one of that name. */
async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to)
    return true
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false
    // Not every file system has a second name for a file.
    if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'EMLINK'].includes(codeOf(error) ?? '')) throw error
    return copied(from, to)
  }
}

async function copied(from: string, to: string): Promise<boolean> {
  try {
    await copyFile(from, to, constants.COPYFILE_EXCL)
    return true
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false
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

/** @throws FileStoreError for a file that this did not write, or that others could read */
async function readRecord(path: string): Promise<StoredRecord | undefined> {
  // Neither what another place holds, nor what waits for somebody to write.
  const file = await unlessGone(
    open(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0)),
  )
  if (!file) return undefined
  try {
    const stats = await file.stat()
    if (!stats.isFile()) throw new SyntaxError('no file')
    if (!isWindows && (stats.mode & 0o077) !== 0)
      throw new FileStoreError(`Others can read the token in ${path}: chmod 600 ${path}`)
    if (!isWindows) requireOwn(path, stats)
    const record: unknown = JSON.parse(await file.readFile('utf8'))
    if (typeof record !== 'object' || record === null || !('kind' in record)) throw new SyntaxError('no record')
    return record as StoredRecord
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause
    throw new FileStoreError(`${path} is not what was written there: move it away.`, { cause })
  } finally {
    await file.close()
  }
}

async function unlessGone<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    if (codeOf(error) === 'ELOOP')
      throw new FileStoreError(`A link is where a record should be: remove it (${(error as Error).message})`, {
        cause: error,
      })
    throw error
  }
}

/** Has a name in a folder reach the disk; Windows does that with the file. */
async function sync(folder: string): Promise<void> {
  if (isWindows) return
  const opened = await unlessGone(open(folder))
  try {
    await opened?.sync()
  } finally {
    await opened?.close()
  }
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined
}
