import { readFileSync } from 'node:fs'

/**
 * What each character looks like, from the characters that look like it: the confusables of Unicode 16 (UTS 39 §4), but
 * for those that NFKD takes apart already.
 */
const lookAlikes: Readonly<Record<string, string>> = JSON.parse(
  readFileSync(new URL('../../../assets/look-alikes.json', import.meta.url), 'utf8'),
)

const shapes = new Map([
  ...Object.entries(lookAlikes).flatMap(([shape, characters]) =>
    Array.from(characters, (character): [string, string] => [character, shape]),
  ),
  // What UTS 39 leaves out, or takes for another letter than most fonts draw.
  ['w', 'vv'],
  ['\u04CF', 'l'],
])

/**
 * What a user name looks like: names that look alike have one of these in common (UTS 39, skeletons). One is of the name
 * as it is typed, where a capital I is an l, one of the name in small letters, as which everybody may type it, and one in
 * which a 1 is no l but an i.
 */
export function usernameSkeletons(username: string): string[] {
  const small = username.toLowerCase()
  return [...new Set([username, small, small.replaceAll('1', 'i')].map(skeletonOf))]
}

function skeletonOf(username: string): string {
  return shapesOf(shapesOf(username).toLowerCase())
}

function shapesOf(text: string): string {
  const characters = Array.from(text.normalize('NFKD'), (character) => shapes.get(character) ?? character)
  // A dot above i or j is there already.
  return characters
    .join('')
    .normalize('NFKD')
    .replaceAll(/(?<=[ij])\u0307/g, '')
}
