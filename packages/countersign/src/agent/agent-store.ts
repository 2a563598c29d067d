import type { MaybePromise } from '../lib/maybe-promise.js'

/** An agent's record, as JSON. */
export interface AgentRecord {
  /** The agent's identifier and the name of the AAuth edition. Other agents and editions ignore the record. */
  agent: string
  edition: string
  /**
   * `token`: what a user or a policy rule allowed. `consent`: a decision that a user has yet to make. `lease`: the process that is
   * exchanging a consent's code. `person`: the user to whom an auth server's tokens belong. `past`: how earlier access to a resource ended.
   * `session`: a browser has this owner's cookie. `chat`: a chat user's connection. `agent`: the agent's name for this owner. The others belong to an agent server's delegates.
   */
  kind:
    | 'token'
    | 'consent'
    | 'lease'
    | 'person'
    | 'past'
    | 'session'
    | 'chat'
    | 'agent'
    | 'delegate'
    | 'renewal'
    | 'revocation'
    | 'issued'
    | 'name'
  /** The record's name, unique within its kind and owner; any string. */
  id: string
  data: unknown
  /**
   * Unix time in seconds after which a store may drop the record; for a session, also all other records of its owner. If absent, the record
   * is stored until it is removed.
   */
  until?: number | undefined
}

/** Identifies a record by kind and id. */
export type RecordName = Pick<AgentRecord, 'kind' | 'id'>

/**
 * Stores an agent's tokens and pending consents by owner: a browser session of a web agent, or the single user of any other agent (W26).
 * Every operation is atomic. Records contain secrets: together with the agent's key, they suffice to act as the agent.
 */
export interface AgentStore {
  /** Whether other processes may use the store at the same time. If so, the agent rereads the store while waiting. */
  readonly isShared: boolean
  /** Lists all of an owner's records, in any order. */
  list(owner: string): MaybePromise<readonly AgentRecord[]>
  /** Stores a record, replacing any record with the same name. With concurrent writers, the last write wins. */
  put(owner: string, record: AgentRecord): MaybePromise<void>
  /** Stores a record unless one with the same name exists. Returns the record that is stored. */
  add(owner: string, record: AgentRecord): MaybePromise<AgentRecord>
  /** Removes a record. Returns true if it existed; of several concurrent callers, exactly one gets true. */
  remove(owner: string, name: RecordName): MaybePromise<boolean>
  /** Removes all of an owner's records. */
  forget(owner: string): MaybePromise<void>
}
