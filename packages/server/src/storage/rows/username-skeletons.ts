import { shapesOf } from '../api/shapes-of.js'

/**
 * What a user name looks like: names that look alike have one of these in common (UTS 39, skeletons). One is of the name
 * as it is typed, where a capital I is an l, one of the name in small letters, as which everybody may type it, and one in
 * which a 1 is no l but an i. Those with capitals are of its capitals, whose shapes other alphabets and small capitals
 * have.
 */
export function usernameSkeletons(username: string): string[] {
  const small = username.toLowerCase()
  const inSmall = [username, small, small.replaceAll('1', 'i')].map((name) => shapesOf(shapesOf(name).toLowerCase()))
  const inCapitals = [username, username.toUpperCase()].map(shapesOf)
  return [...new Set([...inSmall, ...inCapitals])]
}
