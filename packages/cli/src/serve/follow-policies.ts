import { stat } from 'node:fs/promises'
import { isDeepStrictEqual } from 'node:util'
import { type LoadedConfig, loadConfig, type Policy, policyOfRules } from 'countersign-server'
import type { Log } from 'countersign-server/observability'
import { errorReason } from '../command/error-reason.js'

/** Milliseconds between looks at the file. */
const interval = 2000

/** The settings that are not the same, by their names. */
function namesOfChanges(before: object, after: object): string[] {
  const [old, now] = [new Map(Object.entries(before)), new Map(Object.entries(after))]
  const names = new Set([...old.keys(), ...now.keys()])
  return [...names].filter((name) => !isDeepStrictEqual(old.get(name), now.get(name)))
}

/** The policies of a configuration file, as they are now. */
export interface FollowedPolicies {
  policy: Policy
  stop(): void
}

/**
 * Follows what a JSON configuration says of policies, so that a rule holds within five seconds. A file that cannot be read, or
 * is wrong, changes nothing; what else was changed needs a restart. The log says which.
 */
export function followPolicies({ file, settings }: LoadedConfig, env: NodeJS.ProcessEnv, log: Log): FollowedPolicies {
  let current = settings
  let policy = policyOfRules(settings.policies)
  let seen: number | undefined
  let isLooking = false
  let wasUnread = false

  async function look(): Promise<void> {
    const { mtimeMs } = await stat(file)
    const isFirst = seen === undefined
    if (mtimeMs === seen) return
    seen = mtimeMs
    if (isFirst) return
    const { settings: next } = await loadConfig(file, env)
    const { policies: before, ...others } = current
    const { policies, ...othersNow } = next
    current = next
    if (!isDeepStrictEqual(policies, before)) {
      policy = policyOfRules(policies)
      log.write('info', 'policies.changed', { rules: policies.length })
    }
    const changed = namesOfChanges(others, othersNow)
    if (changed.length > 0) log.write('warn', 'config.needs_restart', { file, settings: changed.join(' ') })
    if (wasUnread) log.write('info', 'config.read', { file })
    wasUnread = false
  }

  function tick(): void {
    if (isLooking) return
    isLooking = true
    look()
      .catch((error: unknown) => {
        wasUnread = true
        log.write('error', 'config.not_read', { file, reason: errorReason(error) })
      })
      .finally(() => {
        isLooking = false
      })
  }

  // Modules are read once by a program.
  const timer = file.endsWith('.json') ? setInterval(tick, interval).unref() : undefined
  if (timer) tick()
  return { policy: (request) => policy(request), stop: () => clearInterval(timer) }
}
