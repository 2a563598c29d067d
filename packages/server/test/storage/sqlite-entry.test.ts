import { expect, it } from 'vitest'
import { runWithout } from '../../../countersign/test/run-without.js'

const run = (program: string) => runWithout('better-sqlite3', program, import.meta.dirname)

it('is the only part that needs better-sqlite3: the root entry is imported without it', async () => {
  expect(await run(`console.log(typeof (await import('countersign-server')).createAuthServer)`)).toBe('function')
})

it('explains how to install better-sqlite3 if it is missing', async () => {
  const program = `await import('countersign-server/sqlite').catch(({ name, code, message }) => console.log(name, code, message))`
  expect(await run(program)).toBe(
    'StorageError misconfigured SQLite requires the better-sqlite3 package, which is not installed: npm install better-sqlite3',
  )
})
