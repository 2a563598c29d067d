import { fileDigest } from '../command/changed-files.js'
import { errorReason } from '../command/errors.js'

/** Milliseconds between looks at the file. */
const interval = 2000

export interface FollowedFile {
  /** Looks now, and reads it also if it is the same as before. */
  now(): void
  /** Whether it could be used at the last look. */
  isUsable(): boolean
  stop(): void
}

export interface FollowOptions {
  /** Of the file, from before it was read: a change since then counts, too. */
  since: string
  onChange: () => Promise<void>
  /** Called once for each reason for which the file cannot be used, which changes nothing. */
  onProblem: (reason: string) => void
}

/** Calls back when what a file holds has changed. */
export function followFile(file: string, { since, onChange, onProblem }: FollowOptions): FollowedFile {
  let seen = since
  /** Why the file could not be used at the last look. */
  let told: string | undefined
  let looking = Promise.resolve()

  async function look(force: boolean): Promise<void> {
    const digest = await fileDigest(file)
    const isChanged = digest !== seen
    seen = digest
    if (isChanged || force) await onChange()
    told = undefined
  }

  function tick(force: boolean): void {
    looking = looking.then(() => look(force)).catch((error: unknown) => tell(errorReason(error)))
  }

  function tell(reason: string): void {
    if (reason !== told) onProblem(reason)
    told = reason
  }

  // Modules are read once by a program.
  const timer = file.endsWith('.json') ? setInterval(() => tick(false), interval).unref() : undefined
  if (timer) tick(false)
  return { now: () => tick(true), isUsable: () => told === undefined, stop: () => clearInterval(timer) }
}
