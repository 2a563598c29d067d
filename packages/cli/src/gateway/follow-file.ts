import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { errorReason } from '../command/error-reason.js'

/** Milliseconds between looks at the file. */
const interval = 2000

export interface FollowedFile {
  /** Looks now, and reads it also if it is the same as before. */
  now(): void
  stop(): void
}

/** Calls back when what a file holds has changed; one that cannot be used changes nothing, and is told of once. */
export function followFile(
  file: string,
  onChange: () => Promise<void>,
  onProblem: (reason: string) => void,
): FollowedFile {
  let seen: string | undefined
  /** Why the file could not be used at the last look. */
  let told: string | undefined
  let looking = Promise.resolve()

  async function look(force: boolean): Promise<void> {
    const digest = createHash('sha256')
      .update(await readFile(file))
      .digest('base64')
    const isChanged = seen !== undefined && digest !== seen
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

  tick(false)
  // Modules are read once by a program.
  const timer = file.endsWith('.json') ? setInterval(() => tick(false), interval).unref() : undefined
  return { now: () => tick(true), stop: () => clearInterval(timer) }
}
