import type { User } from './user.js'

/** By which subjects resources and agents know users. */
export interface SubjectStorage {
  /** Lists the resources and agents that were issued tokens for a user, the origins of these resources, and the subject that each knows. */
  listSubjects(filter: SubjectFilter): Promise<ListedSubject[]>
  /** Returns the user that a resource or an agent knows by this subject; undefined if there is none. */
  findUserBySubject(sub: string): Promise<User | undefined>
}

export interface SubjectFilter {
  userId: string
  /** Maximum number of resources, and of agents. @default 100 */
  limit?: number | undefined
}

export interface ListedSubject {
  /** Who knows the user by the subject. */
  kind: 'resource' | 'agent'
  identifier: string
  sub: string
}
