import { stat } from 'node:fs/promises'
import { isDeepStrictEqual } from 'node:util'
import { type LoadedConfig, loadConfig, type Policy, policyOfRules } from 'countersign-server'
import type { Log } from 'countersign-server/observability'
import { errorReason } from '../command/error-reason.js'

/** Milliseconds between looks at the file. */
const interval = 2000

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
    if (!isDeepStrictEqual(others, othersNow)) log.write('warn', 'config.needs_restart', { file })
  }

  function tick(): void {
    if (isLooking) return
    isLooking = true
    look()
      .catch((error: unknown) => log.write('error', 'config.not_read', { file, reason: errorReason(error) }))
      .finally(() => {
        isLooking = false
      })
  }

  // Modules are read once by a program.
  const timer = file.endsWith('.json') ? setInterval(tick, interval).unref() : undefined
  if (timer) tick()
  return { policy: (request) => policy(request), stop: () => clearInterval(timer) }
}
