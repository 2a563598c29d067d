/** What went wrong, in the words of the system: of several addresses that were tried, Node tells only in the code. */
export function errorReason(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.message === '' && 'code' in error ? String(error.code) : error.message
}
