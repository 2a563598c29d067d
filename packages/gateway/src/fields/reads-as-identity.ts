import { plainName } from './plain-name.js'

/** Whether a header could be read as one that only the gateway writes (G01). */
export function readsAsIdentity(name: string): boolean {
  return /^-*x-+aauth(?:-|$)/.test(plainName(name))
}
