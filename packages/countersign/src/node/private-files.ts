import { randomBytes } from 'node:crypto'
import { constants, mkdirSync, type Stats, statSync } from 'node:fs'
import { type FileHandle, lstat, mkdir, open, rename } from 'node:fs/promises'
import { dirname } from 'node:path'

/** What cannot be done with a folder or file that is for its user alone; the message says how to mend it. */
export class FileStoreError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'FileStoreError'
  }
}

const isWindows = process.platform === 'win32'

/**
 * Makes a folder that its user alone can read (mode 0700), or checks the one that is there. On Windows modes say nothing:
 * name one under `%LOCALAPPDATA%`.
 *
 * @throws FileStoreError for one that others could read, or that is another user's, with the command that mends it (attacks L04)
 */
export function openPrivateFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
  } catch (cause) {
    throw new FileStoreError(`The folder ${folder} cannot be made: ${(cause as Error).message}`, { cause })
  }
  const stats = statSync(folder)
  if (!stats.isDirectory()) throw new FileStoreError(`${folder} is no folder: name another one.`)
  requirePrivate(folder, stats, '700')
}

/**
 * Checks a folder within one for its user alone, before what is in it counts; absent, there is nothing in it.
 *
 * @throws FileStoreError for one that others could write to, or that is no folder, such as a link to one (attacks L04)
 */
export async function checkPrivateFolder(folder: string): Promise<void> {
  const stats = await unlessGone(lstat(folder))
  if (!stats) return
  if (!stats.isDirectory()) throw new FileStoreError(`${folder} is not the folder that was made there: move it away.`)
  requirePrivate(folder, stats, '700')
}

/**
 * The text of a file that its user alone can read, or undefined where there is none. Nothing but a file is read: neither what
 * a link leads to, nor what waits for somebody to write.
 *
 * @throws FileStoreError for anything else, for a file that others could read, and for another user's (attacks L04)
 */
export async function readPrivateFile(path: string): Promise<string | undefined> {
  const file = await openUnlinked(path)
  if (!file) return undefined
  try {
    const stats = await file.stat()
    if (!stats.isFile()) throw new FileStoreError(`${path} is not what was written there: move it away.`)
    requirePrivate(path, stats, '600')
    return await file.readFile('utf8')
  } finally {
    await file.close()
  }
}

/** Writes a file that its user alone can read (mode 0600): whole or not at all, and on the disk when it resolves. */
export async function writePrivateFile(path: string, text: string): Promise<void> {
  await rename(await writeBeside(path, text), path)
  await syncFolder(dirname(path))
}

/** Writes what a file shall hold beside its place, where it has reached the disk; resolves to where it is. */
export async function writeBeside(path: string, text: string): Promise<string> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  const written = `${path}.${randomSuffix()}`
  const file = await open(written, 'wx', 0o600)
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
  return written
}

/** Has a name in a folder reach the disk; Windows does that with the file. */
export async function syncFolder(folder: string): Promise<void> {
  if (isWindows) return
  const opened = await unlessGone(open(folder))
  try {
    await opened?.sync()
  } finally {
    await opened?.close()
  }
}

/** What makes a name beside a file's one of its own. */
export function randomSuffix(): string {
  return randomBytes(9).toString('base64url')
}

async function openUnlinked(path: string): Promise<FileHandle | undefined> {
  try {
    return await unlessGone(open(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0)))
  } catch (cause) {
    if (systemErrorCode(cause) !== 'ELOOP') throw cause
    throw new FileStoreError(`A link is where a file should be: remove it (${path})`, { cause })
  }
}

function requirePrivate(path: string, { mode, uid }: Stats, wanted: '700' | '600'): void {
  if (isWindows) return
  const own = process.geteuid?.()
  if (own !== undefined && uid !== own)
    throw new FileStoreError(
      `${path} is another user’s (${uid}), who could read what is in it: name another folder, or as root: chown -R ${own} ${path}`,
    )
  if ((mode & 0o077) !== 0) throw new FileStoreError(`Others can read what is in ${path}: chmod ${wanted} ${path}`)
}

/** What a work with files came to, or undefined where what it was about is not there. */
export async function unlessGone<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined
    throw error
  }
}

/** The code of an error of the system, such as `ENOENT`. */
export function systemErrorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined
}
