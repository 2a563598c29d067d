import { isDeepStrictEqual } from 'node:util'
import type { ConfigState, Log } from 'countersign/observability'
import { type LoadedConfig, loadConfig, type Policy, policyOfRules } from 'countersign-server'
import { fileDigest, namesOfChanges } from '../command/changed-files.js'
import { errorReason } from '../command/errors.js'

/** Milliseconds between looks at the file. */
const interval = 2000

/** The policies of a configuration file, as they are now. */
export interface FollowedPolicies {
  policy: Policy
  /** How the last look went. */
  readonly state: () => ConfigState
  stop(): void
}

/**
 * Follows what a JSON configuration says of policies, so that a rule holds within five seconds. A file that cannot be read, or
 * is wrong, changes nothing; what else was changed needs a restart. The log says which.
 */
export function followPolicies({ file, settings }: LoadedConfig, env: NodeJS.ProcessEnv, log: Log): FollowedPolicies {
  let current = settings
  let policy = policyOfRules(settings.policies)
  /** Of what the file said at the last look; nothing is known of when the settings were loaded. */
  let seen: string | undefined
  let isLooking = false
  /** Why the file could not be read at the last look. */
  let unread: string | undefined
  let readAt = Date.now() / 1000

  async function look(): Promise<void> {
    const digest = await fileDigest(file)
    if (digest === seen && unread === undefined) return
    seen = digest
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
    if (unread !== undefined) log.write('info', 'config.read', { file })
    unread = undefined
  }

  function tellUnread(error: unknown): void {
    const reason = errorReason(error)
    if (reason !== unread) log.write('error', 'config.not_read', { file, reason })
    unread = reason
  }

  function tick(): void {
    if (isLooking) return
    isLooking = true
    look()
      .catch(tellUnread)
      .finally(() => {
        isLooking = false
      })
  }

  // Modules are read once by a program.
  const timer = file.endsWith('.json') ? setInterval(tick, interval).unref() : undefined
  if (timer) tick()
  return {
    policy: (request) => policy(request),
    state: () => ({ ok: unread === undefined, readAt }),
    stop: () => clearInterval(timer),
  }
}
