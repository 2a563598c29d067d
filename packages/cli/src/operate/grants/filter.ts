import type { Storage } from 'countersign-server'
import { findPerson } from '../find-person.js'

type GrantFilter = NonNullable<Parameters<Storage['listGrants']>[0]>

/** The flags that narrow down grants. */
export interface GrantOptions {
  user?: string
  agent?: string
  resource?: string
}

/** The filter that the flags stand for. @throws CommandError when there is no such person */
export async function grantFilter(
  storage: Storage,
  { user, agent, resource }: GrantOptions,
): Promise<Pick<GrantFilter, 'userId' | 'agent' | 'resource'>> {
  return { userId: user === undefined ? undefined : (await findPerson(storage, user)).id, agent, resource }
}
