import type { MaybePromise } from '../lib/maybe-promise.js'

/** A record of an agent, as JSON. */
export interface AgentRecord {
  /** The agent's identifier and the name of the edition of AAuth: other agents and editions ignore the record. */
  agent: string
  edition: string
  /**
   * `token`: what a user, or a rule, allowed. `consent`: what a user has to decide. `lease`: which process exchanges the code of a
   * consent. `person`: whose the tokens of an auth server are. `session`: that a browser has this owner's cookie.
   */
  kind: 'token' | 'consent' | 'lease' | 'person' | 'session'
  /** Its name among the records of its kind and owner; any text. */
  id: string
  data: unknown
  /**
   * Unix seconds after which a store may drop it: for a session, with all other records of its owner.
   * Absent: it is stored until it is removed.
   */
  until?: number | undefined
}

/** A record by its name. */
export type RecordName = Pick<AgentRecord, 'kind' | 'id'>

/**
 * Stores an agent's tokens and pending consents by owner: a browser session of a web agent, or the one user of any other agent
 * (W26). Each verb is atomic. Records hold secrets: with the agent's key, they are enough to act for the agent.
 */
export interface AgentStore {
  /** Whether other processes may use it at the same time: the agent then reads it again while it waits. */
  readonly isShared: boolean
  /** All records of an owner, in any order. */
  list(owner: string): MaybePromise<readonly AgentRecord[]>
  /** Stores a record, and replaces the one of the same name. Of several writers the last one wins. */
  put(owner: string, record: AgentRecord): MaybePromise<void>
  /** Stores a record unless there is one of its name; returns the one that is stored. */
  add(owner: string, record: AgentRecord): MaybePromise<AgentRecord>
  /** Removes a record; returns true if it was there, to one of several concurrent callers. */
  remove(owner: string, name: RecordName): MaybePromise<boolean>
  /** Removes all records of an owner. */
  forget(owner: string): MaybePromise<void>
}
