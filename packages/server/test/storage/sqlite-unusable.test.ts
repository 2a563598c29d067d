import { spawnSync } from 'node:child_process'
import { chmodSync, chownSync, existsSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import Database from 'better-sqlite3'
import { sqliteStorage } from 'countersign-server/sqlite'
import { describe, expect, it } from 'vitest'
import { newUser } from './fixtures.js'
import { temporaryFile } from './temporary-file.js'

const untimed = { sweepInterval: 0 }
const isRoot = process.getuid?.() === 0
const nobody = 65_534

async function filled(): Promise<string> {
  const path = temporaryFile()
  const storage = sqliteStorage(path, untimed)
  await newUser(storage)
  await storage.close()
  return path
}

/** The schema version that this program writes. */
function versionOf(path: string): number {
  const database = new Database(path, { readonly: true })
  const version = Number(database.pragma('user_version', { simple: true }))
  database.close()
  return version
}

function change(path: string, sql: string): void {
  const database = new Database(path)
  database.exec(sql)
  database.close()
}

describe('an unusable database', () => {
  it.each([1, 998])('whose schema is newer by %i is refused and left unchanged, with a fix', async (newer) => {
    const path = await filled()
    const known = versionOf(path)
    const version = known + newer
    change(path, `pragma user_version = ${version}`)
    const before = readFileSync(path)
    expect(() => sqliteStorage(path, untimed)).toThrow(
      expect.objectContaining({
        name: 'StorageError',
        code: 'schema_newer',
        message: expect.stringMatching(
          new RegExp(
            `schema ${version}; this version supports up to ${known}\\): install the newer version again, or restore`,
          ),
        ),
      }),
    )
    expect(readFileSync(path).equals(before)).toBe(true)
    change(path, `pragma user_version = ${known}`)
    await sqliteStorage(path, untimed).close()
  })

  it.each([
    ['no version', 'create table notes (text text)'],
    ['a version that Countersign uses', 'create table notes (text text); pragma user_version = 1'],
  ])('of another program, with %s, is refused and left unchanged', (_, sql) => {
    const path = temporaryFile()
    change(path, sql)
    const before = readFileSync(path)
    expect(() => sqliteStorage(path, untimed)).toThrow(
      expect.objectContaining({ code: 'not_ours', message: expect.stringContaining('use another file') }),
    )
    expect(readFileSync(path).equals(before)).toBe(true)
  })

  it('in a folder that does not exist cannot be opened', () => {
    const path = `${temporaryFile()}/missing/auth.db`
    expect(() => sqliteStorage(path, untimed)).toThrow(expect.objectContaining({ code: 'unavailable' }))
  })

  it('that is an empty file is initialized like a new one', async () => {
    const path = temporaryFile()
    change(path, 'select 1')
    await sqliteStorage(path, untimed).close()
  })
})

/** The result of opening it, as this user unless another one is named. */
function openAs(path: string, user?: number): { owner?: string; code?: string; message?: string } {
  const script = fileURLToPath(new URL('as-user.mjs', import.meta.url))
  const { stdout, stderr } = spawnSync(
    process.execPath,
    [script, path, ...(user === undefined ? [] : [String(user)])],
    {
      encoding: 'utf8',
    },
  )
  if (stdout === '') throw new Error(stderr)
  return JSON.parse(stdout) as ReturnType<typeof openAs>
}

/** A file owned by the user that opens it: root may write regardless of its mode. */
async function ownFile(): Promise<{ path: string; open: () => ReturnType<typeof openAs> }> {
  const path = await filled()
  if (isRoot) for (const file of [path, dirname(path)]) chownSync(file, nobody, nobody)
  return { path, open: () => openAs(path, isRoot ? nobody : undefined) }
}

describe('an unwritable database', () => {
  it('is opened if possible', async () => {
    const { open } = await ownFile()
    expect(open()).toEqual({ owner: 'https://auth.example' })
  })

  it.each([0o400, 0o200, 0o000])('with mode %o: reports what to change', async (mode) => {
    const { path, open } = await ownFile()
    chmodSync(path, mode)
    expect(open()).toMatchObject({
      name: 'StorageError',
      code: 'not_writable',
      message: `${path} cannot be written: give its user write access, for example with chmod u+rw ${path}.`,
    })
  })

  it.each(['-wal', '-shm'])('with a file %s next to it of mode 400: names that file', async (end) => {
    const { path, open } = await ownFile()
    const holding = new Database(path)
    holding.exec("insert into resource (identifier) values ('x')")
    if (isRoot) chownSync(path + end, nobody, nobody)
    chmodSync(path + end, 0o400)
    expect(open()).toMatchObject({ code: 'not_writable', message: expect.stringContaining(`chmod u+rw ${path}${end}`) })
    holding.close()
  })

  it('in a folder that is not writable: reports the command that fixes it', async () => {
    const { path, open } = await ownFile()
    chmodSync(dirname(path), 0o500)
    expect(open()).toMatchObject({
      code: 'not_writable',
      message: expect.stringContaining(`chmod u+wx ${dirname(path)}`),
    })
    chmodSync(dirname(path), 0o700)
  })

  it.runIf(isRoot)('owned by another user: names both users, and how to transfer it', async () => {
    const path = await filled()
    chmodSync(dirname(path), 0o777)
    expect(openAs(path, nobody)).toMatchObject({
      code: 'not_writable',
      message: `${path} cannot be written: it belongs to user 0, but this process runs as user ${nobody}: run the program as the owner, or chown ${nobody} ${path}.`,
    })
    expect(existsSync(`${path}-wal`)).toBe(false)
  })
})
