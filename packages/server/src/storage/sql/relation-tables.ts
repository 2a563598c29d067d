import { bytes16, idOf, integer, text } from './columns.js'

/** What ties users to agents and resources, besides grants. */
export const relationTables = {
  /** Which user an agent acts for, in editions in which it acts for one only. `delegate` is empty if the agent acts for itself. */
  agent_binding: {
    edition: text.key,
    agent_id: idOf('agent').key,
    delegate: text.key,
    user_id: idOf('app_user'),
    bound_at: integer,
  },

  /**
   * The subject by which each resource knows a user, in every edition. The resources of an origin share one, whose row is that of the origin,
   * except those that knew the user by another one in schema 11. Null if it is the one in `app_user`.
   */
  resource_subject: { user_id: idOf('app_user').key, resource_id: idOf('resource').key, sub: bytes16.orNull },

  /** The subject by which each agent knows a user. Null if it is the one in `app_user`. */
  agent_subject: { user_id: idOf('app_user').key, agent_id: idOf('agent').key, sub: bytes16.unique.orNull },
}
