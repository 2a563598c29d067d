// Opens a database as another system user, and prints the result.
import Database from 'better-sqlite3'
import { sqliteStorage } from 'countersign-server/sqlite'

new Database(':memory:').close() // loads the native addon while it is still readable
const [path, user] = process.argv.slice(2)
if (user !== undefined) {
  process.setgid(Number(user))
  process.setuid(Number(user))
}
try {
  const storage = sqliteStorage(path, { sweepInterval: 0 })
  const owner = await storage.claimIssuer('https://auth.example')
  await storage.close()
  process.stdout.write(JSON.stringify({ owner }))
} catch ({ name, code, message }) {
  process.stdout.write(JSON.stringify({ name, code, message }))
}
