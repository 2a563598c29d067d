import { fieldValues } from 'countersign/wire'

/** The header names that `Connection` says are of this connection only, in lower case (RFC 9110 §7.6.1). */
export function connectionOptions(rawHeaders: readonly string[]): ReadonlySet<string> {
  const values = fieldValues({ rawHeaders }, 'connection')
  return new Set(values.flatMap((value) => value.split(',').map((option) => option.trim().toLowerCase())))
}
