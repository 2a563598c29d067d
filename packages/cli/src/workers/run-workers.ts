import type { Worker } from 'node:cluster'
import cluster from 'node:cluster'
import { once } from 'node:events'
import { exitStatus, usageError } from '../command/errors.js'
import type { ServerLog } from '../terminal/server-log.js'
import type { Terminal } from '../terminal/terminal.js'

/** Delay before replacing a worker that exited unexpectedly, in milliseconds. */
const pause = 1000

const listening = 'listening'
const readAgain = 'read again'
const placeVariable = 'WORKER_PLACE'

/** Reports to the primary process that this worker is listening. */
export function notifyListening(): void {
  cluster.worker?.send(listening)
}

/** In a worker: calls back when the primary process has been asked to reload the configuration. */
export function onReload(callback: () => void): void {
  cluster.worker?.on('message', (message) => {
    if (message === readAgain) callback()
  })
}

/** Disconnects a worker from the primary process. An open connection would keep the worker running. */
export function leaveWorkers(): void {
  cluster.worker?.disconnect()
}

/** Returns the admin port of this process: each worker has its own, numbered consecutively from the configured one. */
export function workerAdminPort(port: number): number {
  return port + (cluster.isWorker ? Number(process.env[placeVariable] ?? 0) : 0)
}

interface RunWorkersOptions {
  /** Logs each process that exited unexpectedly. */
  log: ServerLog
  /** Whether SIGHUP makes all workers reload their configuration instead of stopping them. @default false */
  reloadOnHangUp?: boolean
}

/**
 * Runs this command in the given number of worker processes, which share the connections of one port, until the command is stopped. A
 * worker that exits is replaced. If the first worker cannot start, no others are started.
 *
 * @returns the exit status
 */
export async function runWorkers(
  count: number,
  terminal: Terminal,
  { reloadOnHangUp = false, log }: RunWorkersOptions,
): Promise<number> {
  const { notify, onStop } = terminal
  let isStopping = false
  let hasStarted = false
  const workers = new Set<Worker>()
  function stop(): void {
    isStopping = true
    for (const worker of workers) worker.kill('SIGTERM')
  }
  function broadcastReload(): void {
    for (const worker of workers) if (worker.isConnected()) worker.send(readAgain)
  }
  const stopListening = onStop(stop, { onHangUp: reloadOnHangUp ? broadcastReload : undefined })

  async function keep(place: number): Promise<number> {
    for (;;) {
      const worker = cluster.fork({ [placeVariable]: String(place) })
      workers.add(worker)
      const handedOver = followHandedOver(worker)
      const [status, signal] = (await once(worker, 'exit')) as [number | null, NodeJS.Signals | null]
      workers.delete(worker)
      if (isStopping) return statusOfStopped(status, signal)
      if (status !== exitStatus.done) handedOver.close()
      if (!hasStarted) return status ?? exitStatus.refused
      notify(`A server process exited with ${status ?? 'a signal'} and is being replaced.`)
      log.write('error', 'worker.ended', { pid: worker.process.pid, ended: status ?? signal ?? undefined })
      await new Promise((resolve) => setTimeout(resolve, pause))
      if (isStopping) return exitStatus.done
    }
  }

  try {
    return await new Promise<number>((resolve, reject) => {
      const kept: Promise<number>[] = []
      cluster.on('message', (_worker, message) => {
        if (message !== listening || hasStarted || isStopping) return
        hasStarted = true
        // The first worker has created what all of them need: the schema and the keys.
        for (let place = 1; place < count; place += 1) kept.push(keep(place))
      })
      const first = keep(0)
      kept.push(first)
      first.then(() => Promise.all(kept)).then((statuses) => resolve(Math.max(...statuses)), reject)
    })
  } finally {
    stopListening()
    cluster.removeAllListeners('message')
  }
}

/** Signals that stop a process. A worker that is still starting does not handle them yet. */
const asking: ReadonlySet<string | null> = new Set(['SIGINT', 'SIGTERM', 'SIGHUP'])

function statusOfStopped(status: number | null, signal: NodeJS.Signals | null): number {
  return status ?? (asking.has(signal) ? exitStatus.done : exitStatus.refused)
}

/** The connection most recently handed over to a worker. */
interface HandedOver {
  /** Closes the connection in this process, unless it is already closed. */
  close(): void
}

/**
 * Tracks the connection handed over to a worker. Node keeps each such connection open in this process until the worker has acknowledged it,
 * which never happens if the worker was killed.
 */
function followHandedOver({ process: child }: Worker): HandedOver {
  const send = child.send.bind(child) as (...sent: unknown[]) => boolean
  let last: HandedOver | undefined
  child.send = (...sent: unknown[]) => {
    const [, handle] = sent
    if (isClosable(handle)) last = handle
    return send(...sent)
  }
  return { close: () => last?.close() }
}

function isClosable(handle: unknown): handle is HandedOver {
  return typeof handle === 'object' && handle !== null && 'close' in handle && typeof handle.close === 'function'
}

const mostWorkers = 64

/** Parses the number of processes; the default is one. */
export function parseWorkers(text: unknown): number {
  const count = Number(text ?? 1)
  if (Number.isInteger(count) && count >= 1 && count <= mostWorkers) return count
  throw usageError(`--workers must be a whole number from 1 to ${mostWorkers}.`)
}
