import type { AccountFrame, AllowedAgent, RemoveAgentPage } from './account-models.js'
import type { ConsentPage, Permission } from './models.js'

/** Posts `action=remove-permission`, `agent`, the agent's id, and `permission`, the name of the first one. */
export interface RemovePermissionPage extends AccountFrame {
  agent: RemoveAgentPage['agent']
  /** What the agent loses: without the user's identity, it also loses what it learns about the user. */
  able: readonly [Permission, ...Permission[]]
  tokenLifetime: number
}

/** Posts `action=extend-permission`, `agent`, the agent's id, `permission`, `state` and `duration`. */
export interface ExtendPermissionPage extends AccountFrame {
  agent: RemoveAgentPage['agent'] & Pick<AllowedAgent, 'bearer'>
  /** What is extended, with its current expiry. */
  able: readonly Permission[]
  permission: string
  /** What the page shows, so that nothing else is extended. */
  state: string
  durations: ConsentPage['durations']
}
