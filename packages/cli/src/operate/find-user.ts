import { foldUsername, type Storage, type User } from 'countersign-server/operate'
import { CommandError } from '../command/errors.js'

const pageSize = 1000

/** Finds the user with this username. */
export async function findByName(storage: Storage, name: string): Promise<User | undefined> {
  const folded = foldUsername(name)
  let after: string | undefined
  do {
    const people: User[] = await storage.listUsers({ query: name, limit: pageSize, after })
    const found = people.find(({ username }) => foldUsername(username) === folded)
    if (found) return found
    after = people.length < pageSize ? undefined : people.at(-1)?.id
  } while (after !== undefined)
  return undefined
}

/** Finds the user with this username or id. @throws CommandError if there is no such user */
export async function findUser(storage: Storage, name: string): Promise<User> {
  const byName = await findByName(storage, name)
  if (byName) return byName
  const byId = (await storage.findUser(name)) ?? (await storage.findUserBySubject(name))
  if (byId && byId.status !== 'closed') return byId
  throw new CommandError(`There is no user with the username, id or “sub” ${name}.`)
}
