import { foldUsername, type Storage, type User } from 'countersign-server'
import { CommandError } from '../command/command-error.js'

const page = 1000

/** The person with this user name or id. @throws CommandError when there is none */
export async function findPerson(storage: Storage, name: string): Promise<User> {
  const folded = foldUsername(name)
  let after: string | undefined
  do {
    const people: User[] = await storage.listUsers({ query: name, limit: page, after })
    const found = people.find(({ username }) => foldUsername(username) === folded)
    if (found) return found
    after = people.length < page ? undefined : people.at(-1)?.id
  } while (after !== undefined)
  const byId = await storage.findUser(name)
  if (byId && byId.status !== 'closed') return byId
  throw new CommandError(`There is nobody with the user name ${name}.`)
}
