import { createLog } from 'countersign/log'
import type { ServerLog } from '../terminal/server-log.js'
import type { Terminal } from '../terminal/terminal.js'

/** Logs to standard output while a command is running. */
export async function withLog<T>({ output }: Terminal, work: (log: ServerLog) => Promise<T>): Promise<T> {
  const log = createLog({ to: descriptorOf(output) ?? output })
  const onUnhandled = (error: unknown) => log.failure('unhandled_rejection', error)
  process.on('unhandledRejection', onUnhandled)
  try {
    return await work(log)
  } finally {
    process.removeListener('unhandledRejection', onUnhandled)
    await log.close()
  }
}

/** Returns the file descriptor of standard output, because writing to the stream itself would block on a slow reader. */
function descriptorOf(output: NodeJS.WritableStream): number | undefined {
  return 'fd' in output && typeof output.fd === 'number' ? output.fd : undefined
}
