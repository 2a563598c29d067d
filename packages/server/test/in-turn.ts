/** Returns the items one after the other, a new one on each call. */
export function takeInTurn<T>(all: readonly T[]): () => T {
  let turn = 0
  return () => {
    const next = all[turn++ % all.length]
    if (next === undefined) throw new TypeError('there is no item whose turn it is')
    return next
  }
}
