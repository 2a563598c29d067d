import { fieldValues } from 'countersign/wire'

const none: ReadonlySet<string> = new Set()

/** The header names that `Connection` says are of this connection only, in lower case (RFC 9110 §7.6.1). */
export function connectionOptions(rawHeaders: readonly string[]): ReadonlySet<string> {
  const values = fieldValues({ rawHeaders }, 'connection')
  if (values.length === 0) return none
  const options = values.flatMap((value) => value.split(',').map((option) => option.trim().toLowerCase()))
  return new Set(options.filter((option) => option !== ''))
}
