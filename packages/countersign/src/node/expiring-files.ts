import { readdir, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { parseJson } from '../lib/encodings.js'
import type { MaybePromise } from '../lib/maybe-promise.js'
import { warnOnce } from '../lib/options.js'
import { nameOf, removeAbandoned } from './file-store.js'
import {
  createPrivateFile,
  FileStoreError,
  openPrivateFolder,
  readPrivateFile,
  syncFolder,
  systemErrorCode,
  unlessMissing,
  writePrivateFile,
} from './private-files.js'

/** How often the folder is read again, in seconds: expired records are removed, and those of other processes are counted. */
const sweepInterval = 60

interface ExpiringFilesOptions<R> {
  /** Unix seconds. */
  now: () => number
  /** The record in the members of a file; undefined if some are missing. */
  recordIn: (members: Partial<R>) => R | undefined
  /** Counts a record that another process wrote, or this one before a restart. */
  count: (record: R) => MaybePromise<unknown>
  /** What {@link ExpiringFilesOptions.forget} needs to know of a record. @default nothing */
  keyOf?: (record: R) => string
  /** Called when a counted record was removed, in this or another process. @default nothing */
  forget?: (key: string) => void
}

/** Records in small files of a folder that the processes of one machine share, each until it expires. */
export interface ExpiringFiles<R> {
  /** The record with a name, even if it has expired. `damaged` if the file contains something else. */
  read(name: string): Promise<R | 'damaged' | undefined>
  write(name: string, record: R): Promise<void>
  /** Writes a record unless there is one with its name. Of several concurrent callers, exactly one gets true. */
  create(name: string, record: R): Promise<boolean>
  remove(name: string): Promise<void>
  /** Removes what has expired, and counts the records of other processes, at most once a minute. */
  sweep(): Promise<void>
  pathOf(name: string): string
}

/**
 * Opens a folder of expiring records.
 *
 * @throws FileStoreError if the folder cannot be created, if others have access to it, or if another user owns it
 */
export function openExpiringFiles<R extends { until: number }>(
  folder: string,
  { now, recordIn, count, keyOf = () => '', forget = () => undefined }: ExpiringFilesOptions<R>,
): ExpiringFiles<R> {
  const root = resolve(folder)
  openPrivateFolder(root)
  /** The records that this process has counted, by file name. */
  const known = new Map<string, { until: number; key: string }>()
  let sweptAt = Number.NEGATIVE_INFINITY
  let sweeping: Promise<void> | undefined
  const fileOf = (name: string) => `${nameOf(name)}.json`

  async function readFile(file: string): Promise<R | 'damaged' | undefined> {
    const text = await readPrivateFile(join(root, file))
    return text === undefined ? undefined : (recordIn(Object(parseJson(text)) as Partial<R>) ?? 'damaged')
  }

  function keep(file: string, record: R): void {
    known.set(file, { until: record.until, key: keyOf(record) })
  }

  function drop(file: string): void {
    const record = known.get(file)
    if (known.delete(file) && record) forget(record.key)
  }

  async function sweepFile(file: string): Promise<void> {
    const path = join(root, file)
    if (!file.endsWith('.json')) return removeAbandoned(path)
    if ((known.get(file)?.until ?? 0) > now()) return
    const record = await readFile(file)
    if (!record || record === 'damaged') return
    if (record.until <= now()) {
      drop(file)
      await rm(path, { force: true })
      return
    }
    keep(file, record)
    await count(record)
  }

  /** Whoever needs the record gets the error. The other records do not depend on it. */
  function reportUnreadable(error: unknown): void {
    if (!(error instanceof FileStoreError || systemErrorCode(error) !== undefined)) throw error
    warnOnce(root, (error as Error).message, 'this file was left in place, and its record is not counted.')
  }

  async function sweep(): Promise<void> {
    // Records must still expire if the clock has been set back.
    if (Math.abs(now() - sweptAt) < sweepInterval) return
    const at = now()
    // Taken first: records that are written in the meantime may be missing in the listing.
    const before = [...known.keys()]
    const files = (await unlessMissing(readdir(root))) ?? []
    const there = new Set(files)
    for (const file of before) if (!there.has(file)) drop(file)
    for (const file of files) await sweepFile(file).catch(reportUnreadable)
    sweptAt = at
  }

  return {
    read: (name) => readFile(fileOf(name)),
    async write(name, record) {
      await writePrivateFile(join(root, fileOf(name)), JSON.stringify(record))
      keep(fileOf(name), record)
    },
    async create(name, record) {
      const isNew = await createPrivateFile(join(root, fileOf(name)), JSON.stringify(record))
      if (isNew) keep(fileOf(name), record)
      return isNew
    },
    async remove(name) {
      await rm(join(root, fileOf(name)), { force: true })
      await syncFolder(root)
      drop(fileOf(name))
    },
    sweep() {
      // Concurrent calls share one sweep.
      sweeping ??= sweep().finally(() => {
        sweeping = undefined
      })
      return sweeping
    },
    pathOf: (name) => join(root, fileOf(name)),
  }
}
