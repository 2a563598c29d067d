/**
 * Which user each agent acts for, in editions in which an agent acts for one user only. A binding is deleted with the last grant, live or
 * ended, of its user for its agent.
 */
export interface BindingStorage {
  /** Returns the user that an agent acts for; undefined if it acts for no one yet. */
  findBinding(agent: BoundAgent): Promise<Binding | undefined>
  /** Lists the agents that act for a user only, newest first. */
  listBindings(filter: BindingFilter): Promise<Binding[]>
  /**
   * Lets an agent act for no one: removes its binding to the user, revokes the user's grants for it, and ends its open requests, in one
   * transaction. Returns false if the agent does not act for this user.
   */
  removeBinding(removal: BindingRemoval): Promise<boolean>
}

/** An agent that acts for one user. */
export interface BoundAgent {
  /** The name of the edition in which the agent sends its requests. */
  edition: string
  agent: string
  delegate: string | null
}

export interface Binding extends BoundAgent {
  userId: string
  /** When the user first allowed one of the agent's requests. */
  boundAt: number
}

export interface BindingFilter {
  userId: string
  agent?: string | undefined
  /** @default 100 */
  limit?: number | undefined
}

export interface BindingRemoval extends BoundAgent {
  userId: string
  /** Who removes the binding: the user's id, or the name of the process. */
  by: string
}
