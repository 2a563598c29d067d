import type { KeyMove, KeyState } from './key-storage.js'

const order: readonly KeyState[] = ['next', 'active', 'retiring', 'gone']

/** @throws TypeError when a key would move backwards or stay, or is named twice */
export function requireForward(moves: readonly KeyMove[]): void {
  for (const { from, to } of moves) {
    if (order.indexOf(to) <= order.indexOf(from)) throw new TypeError(`a key cannot move from ${from} to ${to}`)
  }
  if (new Set(moves.map(({ kid }) => kid)).size !== moves.length) throw new TypeError('a key is moved twice at once')
}
