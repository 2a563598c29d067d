import type { AuthRequest } from '../storage/api/storage.js'

/** By how much a request is put off, and how often. */
export const extension = { seconds: 600, times: 12 }

/** Whether the end of a request can be put off once more. */
export function canExtend({ extensions }: AuthRequest): boolean {
  return extensions < extension.times
}
