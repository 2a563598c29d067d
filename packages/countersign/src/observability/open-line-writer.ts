import sonicBoom from 'sonic-boom'

/** Bytes that may wait to be written. */
const mostWaiting = 1_048_576

/** Milliseconds that what waits may take at the end. */
const patience = 1000

/** Writes lines without waiting for whoever reads them. */
export interface LineWriter {
  write(line: string): void
  /** Writes that failed, and lines that were left out since too many wait. */
  readonly errors: number
  /** Resolves when what waits is written, or cannot be for a second. */
  close(): Promise<void>
}

/** @param to a file descriptor, or a stream */
export function openLineWriter(to: number | NodeJS.WritableStream): LineWriter {
  return typeof to === 'number' ? toDescriptor(to) : toStream(to)
}

function toDescriptor(fd: number): LineWriter {
  let errors = 0
  let isClosing = false
  // A pipe that is full says so again and again until somebody reads; what comes meanwhile waits.
  const boom = new sonicBoom.SonicBoom({ fd, sync: false, maxLength: mostWaiting, retryEAGAIN: () => !isClosing })
  boom.on('error', () => errors++)
  boom.on('drop', () => errors++)
  return {
    write: (line) => void boom.write(line),
    get errors() {
      return errors
    },
    close: () =>
      within(patience, (done) => {
        boom.once('close', done)
        boom.once('error', done)
        boom.end()
      }).finally(() => {
        isClosing = true
      }),
  }
}

function toStream(stream: NodeJS.WritableStream): LineWriter {
  let errors = 0
  stream.on('error', () => errors++)
  const waiting = () => ('writableLength' in stream ? Number(stream.writableLength) : 0)
  return {
    write(line) {
      if (waiting() > mostWaiting) errors++
      else stream.write(line)
    },
    get errors() {
      return errors
    },
    close: () => within(patience, (done) => stream.write('', () => done())),
  }
}

function within(milliseconds: number, begin: (done: () => void) => void): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds)
    begin(() => {
      clearTimeout(timer)
      resolve()
    })
  })
}
