import type { WrittenAgent } from '../agent-folder/agent-folder.js'
import type { KeyChange } from './key-change.js'
import { inMinutes } from './known-keys.js'

/** What whoever typed the command should know before they go on. */
export function warningsOf({ id }: WrittenAgent, kind: KeyChange['kind'], waitSeconds: number | undefined): string[] {
  const { pathname } = new URL(id)
  const warnings: string[] = []
  if (pathname !== '/')
    warnings.push(
      `${id} has a path. Most APIs and auth servers refuse that: they take it only where allowPath is set. Use a host of its own if you can.`,
    )
  // Only --now goes on before others know the key.
  if (kind === 'due' && waitSeconds === undefined)
    warnings.push('The new key is not seen where the agent publishes its keys: others refuse it until you upload it.')
  else if (kind === 'due' && waitSeconds !== undefined && waitSeconds > 0)
    warnings.push(`Others may refuse the new key for ${inMinutes(waitSeconds)}.`)
  return warnings
}
