import { userInfo } from 'node:os'
import { usageError } from '../usage-error.js'
import type { ChangeOptions } from './operation-flags.js'

/** Who works at this command line, as the audit names them: who they say they are, or else the system user. */
export function operatorName({ by }: ChangeOptions): string {
  if (by !== undefined) {
    if (!/^[\p{L}\p{N}\p{P}\p{S}]{1,100}$/u.test(by))
      throw usageError('--by takes a name of 1 to 100 characters, without spaces.')
    return `operator:${by}`
  }
  try {
    return `operator:${userInfo().username}`
  } catch (error) {
    // A container may run as a user that has no name.
    if (error instanceof Error && 'code' in error) return `operator:uid-${process.getuid?.() ?? 'unknown'}`
    throw error
  }
}
