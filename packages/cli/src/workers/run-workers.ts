import type { Worker } from 'node:cluster'
import cluster from 'node:cluster'
import { once } from 'node:events'
import type { Log } from 'countersign/observability'
import { exitStatus, usageError } from '../command/errors.js'
import { onStopOrHangUp } from '../terminal/interruption.js'
import type { Terminal } from '../terminal/terminal.js'

/** Milliseconds before a worker that ended by itself is replaced. */
const pause = 1000

const listening = 'listening'
const readAgain = 'read again'
const placeVariable = 'WORKER_PLACE'

/** Tells that this process listens, where it is one of several. */
export function tellListening(): void {
  cluster.worker?.send(listening)
}

/** Calls back when the first of several processes was told to read the configuration again. */
export function onReadAgain(callback: () => void): void {
  cluster.worker?.on('message', (message) => {
    if (message === readAgain) callback()
  })
}

/** Lets go of the other processes, which would keep this one alive. */
export function leaveWorkers(): void {
  cluster.worker?.disconnect()
}

/** The port for operators of this process: where it is one of several, its own comes after that of the one before. */
export function ownAdminPort(port: number): number {
  return port + (cluster.isWorker ? Number(process.env[placeVariable] ?? 0) : 0)
}

interface RunWorkersOptions {
  /** Told each process that ended by itself. */
  log: Log
  /** Whether SIGHUP has all of them read their configuration again; else it ends them. @default false */
  rereads?: boolean
}

/**
 * Runs this very command in so many processes, which take the connections of one port in turn, until it is told to stop.
 * One that ends is replaced; where the first one cannot start, none does.
 *
 * @returns the exit status
 */
export async function runWorkers(
  count: number,
  terminal: Terminal,
  { rereads = false, log }: RunWorkersOptions,
): Promise<number> {
  const { notify, onStop } = terminal
  let isStopping = false
  let hasStarted = false
  const workers = new Set<Worker>()
  function stop(): void {
    isStopping = true
    for (const worker of workers) worker.kill('SIGTERM')
  }
  function tellAll(): void {
    for (const worker of workers) if (worker.isConnected()) worker.send(readAgain)
  }
  const stopListening = rereads ? onStopOrHangUp(terminal, stop, tellAll) : onStop(stop)

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
      notify(`A process of the server ended with ${status ?? 'a signal'}, and is replaced.`)
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
        // The first one has made what all need: the schema, the keys.
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

/** Signals that ask a process to end; one that has not started yet does not catch them. */
const asking: ReadonlySet<string | null> = new Set(['SIGINT', 'SIGTERM', 'SIGHUP'])

function statusOfStopped(status: number | null, signal: NodeJS.Signals | null): number {
  return status ?? (asking.has(signal) ? exitStatus.done : exitStatus.refused)
}

/** The connection that a process was handed last. */
interface HandedOver {
  /** Closes it in this process, unless that has happened. */
  close(): void
}

/**
 * Notes what a process is handed, one connection after the other: Node keeps each open here until the process says that it
 * took it, also where that process was killed and never will.
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

/** How many processes: one where nothing is said. */
export function parseWorkers(text: unknown): number {
  const count = Number(text ?? 1)
  if (Number.isInteger(count) && count >= 1 && count <= mostWorkers) return count
  throw usageError(`--workers takes a whole number from 1 to ${mostWorkers}.`)
}
