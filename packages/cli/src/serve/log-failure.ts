import type { Log, LogFields } from 'countersign/observability'
import { errorReasons } from 'countersign/wire'
import { StorageError } from 'countersign-server'

/** A chain of causes may be a circle. */
const deepest = 5

/** Writes what failed: with its stack where the program may be wrong, and in one line where the database is away. */
export function logFailure(
  log: Pick<Log, 'write' | 'failure'>,
  event: string,
  error: unknown,
  fields: LogFields = {},
): void {
  const outage = outageIn(error)
  if (outage === undefined) log.failure(event, error, fields)
  else log.write('error', event, { ...fields, error: [outage.message, ...errorReasons(outage)].join(': ') })
}

function outageIn(error: unknown): StorageError | undefined {
  const causes = causesOf(error)
  // What SQLite says of a statement that does not fit the tables.
  if (causes.some((cause) => 'code' in cause && cause.code === 'SQLITE_ERROR')) return undefined
  return causes.filter((cause) => cause instanceof StorageError).find(({ code }) => code === 'unavailable')
}

/** The error and its causes. */
function causesOf(error: unknown): Error[] {
  const causes: Error[] = []
  for (let cause = error; cause instanceof Error && causes.length < deepest; ) {
    causes.push(cause)
    ;({ cause } = cause)
  }
  return causes
}
