import { foldUsername } from './fold-username.js'

/** What a closed account is called from then on; unique, and nobody's name. */
export function closedUsername(userId: string): string {
  return `closed-${userId}`
}

/** Whether a name is kept for a closed account, so that nobody can take it first. */
export function isClosedUsername(username: string): boolean {
  return /^closed-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(foldUsername(username))
}
