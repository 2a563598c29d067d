import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'

const resolving = `export async function resolve(specifier, context, next) {
  if (specifier !== 'better-sqlite3') return next(specifier, context)
  throw Object.assign(new Error("Cannot find package 'better-sqlite3'"), { code: 'ERR_MODULE_NOT_FOUND' })
}`
const asModule = (text: string) => `data:text/javascript,${encodeURIComponent(text)}`
const withoutSqlite = asModule(
  `import { register } from 'node:module'; register(${JSON.stringify(asModule(resolving))})`,
)

/** What a program prints where better-sqlite3 is not installed. */
async function run(program: string): Promise<string> {
  const args = ['--import', withoutSqlite, '--input-type=module', '--eval', program]
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: import.meta.dirname })
  return stdout.trim()
}

it('is what needs better-sqlite3: the root entry is imported without it', async () => {
  expect(await run(`console.log(typeof (await import('countersign-server')).createAuthServer)`)).toBe('function')
})

it('says, without better-sqlite3, how to install it', async () => {
  const program = `await import('countersign-server/sqlite').catch(({ name, code, message }) => console.log(name, code, message))`
  expect(await run(program)).toBe(
    'StorageError unavailable SQLite needs the package better-sqlite3, which is not installed: npm install better-sqlite3',
  )
})
