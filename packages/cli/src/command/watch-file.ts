import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { isDeepStrictEqual } from 'node:util'
import { errorReason } from './errors.js'

/** Returns a digest of a file's content, to detect changes. */
export async function fileDigest(file: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(file))
    .digest('base64')
}

/** Returns the names of the settings that differ, such as `limits.rateFactor`. */
export function namesOfChanges(before: object, after: object, within = ''): string[] {
  const [old, now] = [new Map(Object.entries(before)), new Map(Object.entries(after))]
  const names = new Set([...old.keys(), ...now.keys()])
  return [...names].flatMap((name) => {
    const [was, is]: unknown[] = [old.get(name), now.get(name)]
    if (isDeepStrictEqual(was, is)) return []
    return isGroup(was) && isGroup(is) ? namesOfChanges(was, is, `${within}${name}.`) : [within + name]
  })
}

function isGroup(setting: unknown): setting is object {
  return typeof setting === 'object' && setting !== null && !Array.isArray(setting)
}

/** Interval between two checks of the file, in milliseconds. */
const interval = 2000

export interface FollowedFile {
  /** Checks the file now, and reloads it even if it has not changed. */
  now(): void
  /** Whether the file was usable at the last check. */
  isUsable(): boolean
  stop(): void
}

export interface FollowOptions {
  /**
   * Digest of the file, computed before the file was first loaded, so that a change made since then is detected. @default unknown: the
   * file is read again
   */
  since?: string | undefined
  /** Called when the file has changed; `isRecovered` says whether the file was unusable before. */
  onChange: (isRecovered: boolean) => Promise<void>
  /** Called once for each distinct reason why the file is unusable. The previous settings remain in effect. */
  onProblem: (reason: string) => void
}

/** Watches a file: calls back when its content has changed. If the new content is unusable, retries until it is usable. */
export function watchFile(file: string, { since, onChange, onProblem }: FollowOptions): FollowedFile {
  let seen = since
  /** Why the file was unusable at the last check. */
  let problem: string | undefined
  let checking = Promise.resolve()

  async function check(force: boolean): Promise<void> {
    const digest = await fileDigest(file)
    const isRecovered = problem !== undefined
    if (digest === seen && !isRecovered && !force) return
    seen = digest
    await onChange(isRecovered)
    problem = undefined
  }

  function tick(force: boolean): void {
    checking = checking.then(() => check(force)).catch((error: unknown) => report(errorReason(error)))
  }

  function report(reason: string): void {
    if (reason !== problem) onProblem(reason)
    problem = reason
  }

  // A process loads a module only once.
  const timer = file.endsWith('.json') ? setInterval(() => tick(false), interval).unref() : undefined
  if (timer) tick(false)
  return { now: () => tick(true), isUsable: () => problem === undefined, stop: () => clearInterval(timer) }
}
