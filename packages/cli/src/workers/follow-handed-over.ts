import type { Worker } from 'node:cluster'

/** The connection that a process was handed last. */
export interface HandedOver {
  /** Closes it in this process, unless that has happened. */
  close(): void
}

/**
 * Notes what a process is handed, one connection after the other: Node keeps each open here until the process says that it
 * took it, also where that process was killed and never will.
 */
export function followHandedOver({ process: child }: Worker): HandedOver {
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
