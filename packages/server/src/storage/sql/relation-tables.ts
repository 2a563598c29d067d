import { idOf, integer, text } from './columns.js'

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
}
