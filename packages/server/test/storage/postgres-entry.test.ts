import { expect, it } from 'vitest'
import { runWithout } from '../../../countersign/test/run-without.js'

const run = (program: string) => runWithout('pg', program, import.meta.dirname)

it('is the only part that needs pg: the root entry is imported without it', async () => {
  expect(await run(`console.log(typeof (await import('countersign-server')).createAuthServer)`)).toBe('function')
})

it('explains how to install pg if it is missing', async () => {
  const program = `await import('countersign-server/postgres').catch(({ name, code, message }) => console.log(name, code, message))`
  expect(await run(program)).toBe(
    'StorageError misconfigured PostgreSQL requires the pg package, which is not installed: npm install pg@8',
  )
})
