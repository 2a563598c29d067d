import type { Revocation, RevocationFilter, Revocations } from '../api/grant-storage.js'
import type { Statement } from '../sql/engine.js'
import { blockedAgents, disabledUsers } from './revoked-by-operator.js'
import {
  clientsWithFamilies,
  endedSubjects,
  familiesOf,
  grantsOf,
  subjectsOf,
  usedSubjects,
} from './revoked-entries.js'
import { isDisabled, type RevokingUser, removingUsers, toDisabled } from './revoking-users.js'

export async function listRevocations(statement: Statement, filter: RevocationFilter): Promise<Revocations> {
  const { limit, perUser } = filter
  const [agents, disabled] = await Promise.all([blockedAgents(statement, filter), disabledUsers(statement, filter)])
  const isFull = agents.length + sumOf(disabled.map((user) => leastEntries(user, perUser))) > limit
  const listed = isFull ? [] : agents.map(({ identifier }): Revocation => ({ kind: 'agent', value: identifier }))
  const removers = await removingUsers(statement, filter)
  const people = [...(isFull ? [] : disabled.map(toDisabled)), ...removers]
  const { single, byClient, together, isWhole } = share(people, { places: limit - listed.length, perUser })
  const ofDisabled = await subjectsOf(together.filter(isDisabled), (...part) =>
    usedSubjects(statement, filter, ...part),
  )
  const revokedBefore = await subjectsOf(
    together.filter((user) => !isDisabled(user)),
    (...part) => endedSubjects(statement, filter, ...part),
  )
  return {
    revoked: [
      ...listed,
      ...ofDisabled.map(({ sub }): Revocation => ({ kind: 'sub', value: sub })),
      ...(await grantsOf(statement, [...single, ...byClient], filter)),
    ],
    families: filter.families ? await familiesOf(statement, single, filter) : [],
    clientsRevokedBefore: filter.families ? await clientsWithFamilies(statement, byClient, filter) : [],
    revokedBefore,
    before: isFull ? Math.max(...[...agents, ...disabled].map(({ at }) => at)) : undefined,
    isWhole,
  }
}

const sumOf = (counts: readonly number[]) => counts.reduce((sum, count) => sum + count, 0)

/** The number of entries that a user gets before others get more than that. */
const leastEntries = ({ subjects }: { subjects: number }, perUser: number) => Math.min(subjects, perUser)

interface Shares {
  single: RevokingUser[]
  byClient: RevokingUser[]
  /** Users with one entry for each subject, up to `most`. */
  together: (RevokingUser & { most: number })[]
  isWhole: boolean
}

/**
 * Distributes the available entries among users. Each user first gets one for each subject, up to a limit: disabled users first, then oldest
 * accounts first. Then, for as long as entries are left, users get one for each of their grants and families, starting with the users who
 * revoked the fewest. If those are too many, the families of each client share an entry, so that a client that revokes many families does
 * not affect the user's other clients.
 */
function share(people: readonly RevokingUser[], { places, perUser }: { places: number; perUser: number }): Shares {
  const shares: Shares = { single: [], byClient: [], together: [], isWhole: true }
  const heard: RevokingUser[] = []
  let left = places
  for (const person of people) {
    const least = leastEntries(person, perUser)
    shares.isWhole &&= least <= left
    if (!shares.isWhole) break
    heard.push(person)
    left -= least
  }
  for (const person of heard.toSorted((one, other) => (one.ended ?? 0) - (other.ended ?? 0))) {
    const { ended = Infinity, byClient, subjects } = person
    const least = leastEntries(person, perUser)
    const fits = (entries: number) => entries <= perUser && entries - least <= left
    let entries = Math.min(subjects, least + left)
    if (fits(ended)) {
      shares.single.push(person)
      entries = ended
    } else if (!isDisabled(person) && fits(byClient)) {
      shares.byClient.push(person)
      entries = byClient
    } else {
      shares.together.push({ ...person, most: entries })
      shares.isWhole &&= entries === subjects
    }
    left -= entries - least
  }
  return shares
}
