import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { isDeepStrictEqual } from 'node:util'
import { errorReason } from './errors.js'

/** Tells a file that was changed from what it was. */
export async function fileDigest(file: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(file))
    .digest('base64')
}

/** The settings that are not the same, by their names, as `limits.rateFactor`. */
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

/** Milliseconds between two checks of the file. */
const interval = 2000

export interface FollowedFile {
  /** Checks the file now, and reads it even if it has not changed. */
  now(): void
  /** Whether it could be used at the last check. */
  isUsable(): boolean
  stop(): void
}

export interface FollowOptions {
  /** The digest of the file from before it was read: a change since then counts, too. @default unknown, which reads it again */
  since?: string | undefined
  /** Called with whether the file could not be used before. */
  onChange: (isRecovered: boolean) => Promise<void>
  /** Called once for each reason for which the file cannot be used, which changes nothing. */
  onProblem: (reason: string) => void
}

/** Calls back when the content of a file has changed, and again until that could be used. */
export function followFile(file: string, { since, onChange, onProblem }: FollowOptions): FollowedFile {
  let seen = since
  /** Why the file could not be used at the last check. */
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

  // Modules are read once by a program.
  const timer = file.endsWith('.json') ? setInterval(() => tick(false), interval).unref() : undefined
  if (timer) tick(false)
  return { now: () => tick(true), isUsable: () => problem === undefined, stop: () => clearInterval(timer) }
}
