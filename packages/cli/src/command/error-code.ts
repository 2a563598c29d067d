/** The code of an error of the system, such as `ENOENT`; of any other, what it says. */
export function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error)
}
