import { userInfo } from 'node:os'

/** Who works at this command line, as the audit names them. */
export function operatorName(): string {
  try {
    return `operator:${userInfo().username}`
  } catch (error) {
    // A container may run as a user that has no name.
    if (error instanceof Error && 'code' in error) return `operator:uid-${process.getuid?.() ?? 'unknown'}`
    throw error
  }
}
