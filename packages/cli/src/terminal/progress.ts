import type { Terminal } from './terminal.js'

/** Time after which work that is still running is reported, and the interval between further reports, in milliseconds. */
const first = 2000
const interval = 10_000

/**
 * Awaits work, and reports at the terminal that it is still running, first after two seconds and then every ten seconds. Programs get no
 * reports.
 *
 * @param text what is being done: `Copying the database`
 * @param isBlocking whether the work may block the process, as with a large SQLite database. If so, it is announced at once.
 */
export async function withProgress<T>(
  { notify, asking }: Pick<Terminal, 'notify' | 'asking'>,
  text: string,
  work: () => Promise<T>,
  { isBlocking = false }: { isBlocking?: boolean } = {},
): Promise<T> {
  if (asking.output.isTTY !== true) return work()
  if (isBlocking) notify(`${text} …`)
  const since = performance.now()
  const report = () => notify(`${text}: ${Math.round((performance.now() - since) / 1000)} s`)
  let timer: ReturnType<typeof setTimeout> | undefined
  const next = (wait: number) => {
    timer = setTimeout(() => {
      report()
      next(interval)
    }, wait).unref()
  }
  next(first)
  try {
    return await work()
  } finally {
    clearTimeout(timer)
  }
}
