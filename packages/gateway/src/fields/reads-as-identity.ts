import { plainName } from './plain-name.js'

/** Whether a header could be read as one that only the gateway writes (G01). */
export function readsAsIdentity(name: string): boolean {
  return /^-*x-+aauth(?:-|$)/.test(plainName(name))
}

/** Headers that tell where a request came from, which only the gateway knows. */
const ofOrigin = new Set([
  'forwarded',
  'x-real-ip',
  'x-client-ip',
  'x-cluster-client-ip',
  'x-original-host',
  'x-host',
  'true-client-ip',
  'cf-connecting-ip',
  'fastly-client-ip',
])

export function readsAsForwarded(name: string): boolean {
  const plain = plainName(name)
  return ofOrigin.has(plain) || /^x-(?:original-)?forwarded(?:-|$)/.test(plain)
}
