import { isDeepStrictEqual } from 'node:util'
import type { ConfigState } from 'countersign/metrics'
import { type LoadedConfig, loadConfig, type Policy, policyOfRules } from 'countersign-server/operate'
import { namesOfChanges, watchFile } from '../command/watch-file.js'
import type { ServerLog } from '../terminal/server-log.js'

/** The policies of a configuration file, kept up to date. */
export interface FollowedPolicies {
  policy: Policy
  /** The outcome of the last check. */
  readonly state: () => ConfigState
  stop(): void
}

/**
 * Watches the policies in a JSON configuration, so that a changed rule takes effect within five seconds. If the file is unreadable or
 * invalid, the previous policies remain active. Changes to other settings require a restart. Both cases are logged.
 */
export function watchPolicies(
  { file, settings }: LoadedConfig,
  env: NodeJS.ProcessEnv,
  log: ServerLog,
): FollowedPolicies {
  let current = settings
  let policy = policyOfRules(settings.policies)
  let readAt = Date.now() / 1000
  const followed = watchFile(file, {
    async onChange(isRecovered) {
      const { settings: next } = await loadConfig(file, env)
      const { policies: before, ...others } = current
      const { policies, ...othersNow } = next
      current = next
      readAt = Date.now() / 1000
      if (!isDeepStrictEqual(policies, before)) {
        policy = policyOfRules(policies)
        log.write('info', 'policies.changed', { rules: policies.length })
      }
      const changed = namesOfChanges(others, othersNow)
      if (changed.length > 0) log.write('warn', 'config.needs_restart', { file, settings: changed.join(' ') })
      if (isRecovered) log.write('info', 'config.read', { file })
    },
    onProblem: (reason) => log.write('error', 'config.not_read', { file, reason }),
  })
  return {
    policy: (request) => policy(request),
    state: () => ({ ok: followed.isUsable(), readAt }),
    stop: () => followed.stop(),
  }
}
