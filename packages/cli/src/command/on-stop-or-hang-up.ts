import type { Stop, Terminal } from '../terminal/terminal.js'

/**
 * For a command that reads its configuration again at SIGHUP, which ends others: calls back at each, and when the command is asked
 * to end. Gives what stops that.
 */
export function onStopOrHangUp(
  { onStop }: Terminal,
  onEnd: (by: Stop['by']) => void,
  onHangUp: () => void,
): () => void {
  let isOver = false
  let release = (): void => undefined
  function listen(): void {
    if (isOver) return
    release = onStop(({ by }) => {
      if (by !== 'SIGHUP') return onEnd(by)
      release()
      // When whoever told us has told everybody: what listens now is told of the next one.
      queueMicrotask(listen)
      onHangUp()
    })
  }
  listen()
  return () => {
    isOver = true
    release()
  }
}
