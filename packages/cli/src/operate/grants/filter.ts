import type { Storage } from 'countersign-server'
import type { Flag } from '../../command/command.js'
import { findPerson } from '../find-person.js'

/** The flags that narrow down grants. */
export const grantFlags: readonly Flag[] = [
  { flags: '--user <username>', description: 'only those of this person, by user name or id' },
  { flags: '--agent <id>', description: 'only those for this agent' },
  { flags: '--resource <id>', description: 'only those at this resource' },
]

type GrantFilter = NonNullable<Parameters<Storage['listGrants']>[0]>

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
