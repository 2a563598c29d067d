import { randomBytes } from 'node:crypto'

const numbered = 30

/** Names to try in turn for somebody who did not choose one: as wished, with a number, with something random. */
export function* usernameCandidates(wished: string): Generator<string, void> {
  yield wished
  for (let number = 2; number <= numbered; number += 1) yield `${wished}${number}`
  for (;;) yield `${wished}-${randomBytes(4).toString('hex')}`
}
