import type { MaybePromise } from '../lib/maybe-promise.js'

/** What an agent keeps, as JSON. */
export interface AgentRecord {
  /** The agent that it is of, by its identifier, and the edition of AAuth, by name: others leave it alone. */
  agent: string
  edition: string
  /**
   * `token`: what a user, or a rule, allowed. `consent`: what a user has to decide. `lease`: which process exchanges the code of a
   * consent. `person`: whose the tokens of an auth server are. `session`: that a browser has this owner's cookie.
   */
  kind: 'token' | 'consent' | 'lease' | 'person' | 'session'
  /** Its name among those of its kind and owner; any text. */
  id: string
  data: unknown
  /**
   * Unix seconds after which nobody needs it any more, so that a store may drop it: for a session, with all else of its owner.
   * Absent: it is kept until it is removed.
   */
  until?: number | undefined
}

/** A record by its name. */
export type RecordName = Pick<AgentRecord, 'kind' | 'id'>

/**
 * Where an agent keeps tokens and the consents that people have not decided yet, by owner: a browser session of a web agent,
 * or the one person of any other (W26). Each verb happens whole or not at all. Records hold secrets: whoever reads them acts
 * for the agent where it can sign, too.
 */
export interface AgentStore {
  /** Whether other processes may use it at the same time: the agent then looks again while it waits. */
  readonly isShared: boolean
  /** All records of an owner, in any order. */
  list(owner: string): MaybePromise<readonly AgentRecord[]>
  /** Keeps a record in place of the one of the same name. Of several writers the last one wins. */
  put(owner: string, record: AgentRecord): MaybePromise<void>
  /** Keeps a record unless there is one of its name; gives the one that is there then. */
  add(owner: string, record: AgentRecord): MaybePromise<AgentRecord>
  /** Removes a record; whether it was there: of several at once one is told so. */
  remove(owner: string, name: RecordName): MaybePromise<boolean>
  /** Removes all records of an owner. */
  forget(owner: string): MaybePromise<void>
}
