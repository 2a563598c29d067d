import type { CountersignEvent, OnEvent, Role, Tell } from './events.js'
import { warnOnce } from './warn-once.js'

/**
 * What tells events to a listener that may fail; undefined without one, so that `tell?.({ … })` then makes no event.
 *
 * @param of whose events they are: its identifier
 * @throws TypeError for what is no function
 */
export function createTell(role: Role, of: string, onEvent: OnEvent | undefined): Tell | undefined {
  if (onEvent === undefined) return undefined
  if (typeof onEvent !== 'function') throw new TypeError('onEvent must be a function')
  const warn = (error: unknown): void => warnOnce(of, 'onEvent', `it failed: ${String(error)}`)
  const told = async (event: CountersignEvent): Promise<void> => onEvent(event)
  // The beginning of an async function runs at once, in the context of the request, and throws nothing.
  return (event) => void told({ role, ...event } as CountersignEvent).catch(warn)
}
