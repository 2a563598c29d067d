import { randomBytes } from 'node:crypto'
import { constants, mkdirSync, type Stats, statSync } from 'node:fs'
import { copyFile, type FileHandle, link, lstat, mkdir, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'

/** A failed operation on a private folder or file. The message names the path and, if known, the remedy. */
export class FileStoreError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'FileStoreError'
  }
}

const isWindows = process.platform === 'win32'

/**
 * Creates a folder that only its owner can read (mode 0700), or checks an existing one. On Windows, modes have no effect: choose a folder
 * under `%LOCALAPPDATA%`.
 *
 * @throws FileStoreError if the folder cannot be created, if others have access to it, or if another user owns it; the message says what to
 * do (attacks L04)
 */
export function openPrivateFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
  } catch (cause) {
    throw new FileStoreError(`Cannot create the folder ${folder}: ${(cause as Error).message}`, { cause })
  }
  const stats = statSync(folder)
  if (!stats.isDirectory()) throw new FileStoreError(`${folder} is not a folder: choose another path.`)
  requirePrivate(folder, stats, '700')
}

/**
 * Checks a folder within a private folder before its content is used. A missing folder counts as empty.
 *
 * @throws FileStoreError if others have access to it, if another user owns it, or if it is not a folder but, for example, a link to one
 * (attacks L04)
 */
export async function checkPrivateFolder(folder: string): Promise<void> {
  const stats = await unlessMissing(lstat(folder))
  if (!stats) return
  if (!stats.isDirectory())
    throw new FileStoreError(`${folder} is not a folder, but a file or a link: move it somewhere else.`)
  requirePrivate(folder, stats, '700')
}

/**
 * Reads a file that only its owner can read; undefined if it does not exist. Only regular files are read: links are not followed, and a
 * pipe is never waited for.
 *
 * @throws FileStoreError for anything else, for a file to which others have access, and for another user's file (attacks L04)
 */
export async function readPrivateFile(path: string): Promise<string | undefined> {
  const file = await openUnlinked(path)
  if (!file) return undefined
  try {
    const stats = await file.stat()
    if (!stats.isFile()) throw new FileStoreError(`${path} is not a regular file: move it somewhere else.`)
    requirePrivate(path, stats, '600')
    return await file.readFile('utf8')
  } finally {
    await file.close()
  }
}

/** Writes a file that only its owner can read (mode 0600). The write is atomic; when it resolves, the data is on disk. */
export async function writePrivateFile(path: string, text: string): Promise<void> {
  await rename(await writeTemporary(path, text), path)
  await syncFolder(dirname(path))
}

/**
 * Like {@link writePrivateFile}, but creates a new file. Of several concurrent callers, in any process, exactly one gets true; the others
 * get false, as for a file that exists.
 */
export async function createPrivateFile(path: string, text: string): Promise<boolean> {
  const written = await writeTemporary(path, text)
  try {
    if (!(await linked(written, path))) return false
    await syncFolder(dirname(path))
    return true
  } finally {
    await rm(written, { force: true })
  }
}

/** Links a file to a name. False if the name is already taken. */
export async function linked(from: string, to: string): Promise<boolean> {
  try {
    // Not every file system supports hard links.
    await link(from, to).catch((error: unknown) =>
      systemErrorCode(error) === 'EEXIST' ? Promise.reject(error) : copyFile(from, to, constants.COPYFILE_EXCL),
    )
    return true
  } catch (error) {
    if (systemErrorCode(error) === 'EEXIST') return false
    throw error
  }
}

/** Writes a file's content to a temporary file beside it, and syncs the temporary file to disk. Resolves to its path. */
async function writeTemporary(path: string, text: string): Promise<string> {
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

/** Syncs a folder's entries to disk. Windows does that when it syncs the file. */
export async function syncFolder(folder: string): Promise<void> {
  if (isWindows) return
  const opened = await unlessMissing(open(folder))
  try {
    await opened?.sync()
  } finally {
    await opened?.close()
  }
}

/** A suffix that makes a temporary file's name unique. */
export function randomSuffix(): string {
  return randomBytes(9).toString('base64url')
}

async function openUnlinked(path: string): Promise<FileHandle | undefined> {
  try {
    // Windows has neither of the last two constants.
    return await unlessMissing(open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK))
  } catch (cause) {
    if (systemErrorCode(cause) !== 'ELOOP') throw cause
    throw new FileStoreError(`${path} is a link, not a file: remove the link.`, { cause })
  }
}

function requirePrivate(path: string, { mode, uid }: Stats, wanted: '700' | '600'): void {
  if (isWindows) return
  const own = process.geteuid?.()
  if (own !== undefined && uid !== own)
    throw new FileStoreError(
      `${path} belongs to another user (${uid}), who could read its content: choose another folder, or run as root: chown -R ${own} ${path}`,
    )
  if ((mode & 0o077) !== 0) throw new FileStoreError(`Other users have access to ${path}. Run: chmod ${wanted} ${path}`)
}

/** The result of a file operation, or undefined if the file or folder does not exist. */
export async function unlessMissing<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined
    throw error
  }
}

/** The code of a system error, such as `ENOENT`. */
export function systemErrorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined
}
