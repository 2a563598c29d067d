/** One of several after the other, each time it is asked for. */
export function takeInTurn<T>(all: readonly T[]): () => T {
  let turn = 0
  return () => {
    const next = all[turn++ % all.length]
    if (next === undefined) throw new TypeError('there is nobody whose turn it is')
    return next
  }
}
