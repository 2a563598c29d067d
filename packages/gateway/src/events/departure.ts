import type { ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'

/** Whether a client went before it was answered. An abort signal for each request would take as long as finding its route. */
export interface Departure {
  readonly isGone: boolean
  /** Calls back when it goes, in place of whom was to be called before. */
  onGone(callback: () => void): void
}

/** @param upgraded the client's connection, where it is to become one of another protocol */
export function watchDeparture(outgoing: ServerResponse, upgraded?: Duplex): Departure {
  let isGone = false
  let tell: () => void = () => undefined
  const leave = (): void => {
    isGone = true
    tell()
  }
  outgoing.once('close', () => outgoing.writableFinished || leave())
  upgraded?.once('close', leave)
  return {
    get isGone() {
      return isGone
    },
    onGone(callback) {
      tell = callback
    },
  }
}
