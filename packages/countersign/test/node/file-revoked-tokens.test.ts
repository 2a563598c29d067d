import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AAuthError } from 'countersign'
import { FileStoreError, fileRevokedTokens } from 'countersign/node'
import { expect, it, onTestFinished } from 'vitest'
import {
  openStage,
  requestWith,
  revocation,
  revokes,
  said,
  serve,
  tokenOf,
} from '../editions/draft-11/resource-stage.js'
import { now } from '../editions/draft-11/wire.js'

const issuer = 'https://ps.example'

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-revoked-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

it('a resource refuses a token that was revoked before it restarted', async () => {
  const folder = newFolder()
  const open = () => openStage({ revokedTokens: fileRevokedTokens(folder, { now: () => now }) })
  expect((await serve(open().resource, await revocation(revokes('j1')))).status).toBe(200)
  const read = { require: 'authorization', scope: 'data.read' } as const
  const { response } = await open().send(await requestWith(await tokenOf('auth', { jti: 'j1' })), read)
  expect(said(response).problem).toBe('error=revoked_jwt')
})

it('keeps a token until the latest time that was reported, for every process', async () => {
  let time = now
  const folder = newFolder()
  const open = () => fileRevokedTokens(folder, { now: () => time })
  const [one, two] = [open(), open()]
  for (const seconds of [30, 300, 60]) expect(await one.add(issuer, 'j1', now + seconds)).toBe(true)
  expect(await two.has('https://other.example', 'j1')).toBe(false)
  time += 299
  for (const store of [one, two, open()]) expect(await store.has(issuer, 'j1')).toBe(true)
  time += 1
  for (const store of [one, two, open()]) expect(await store.has(issuer, 'j1')).toBe(false)
})

it('is not disturbed by another process that removes an expired file at the same time', async () => {
  // The store reads the clock between reading an expired file and removing it: the file disappears at each reading in turn.
  let readings = 1
  for (let moment = 1; moment <= readings; moment++) {
    const folder = newFolder()
    await fileRevokedTokens(folder, { now: () => now }).add(issuer, 'j1', now + 100)
    const [file = ''] = readdirSync(folder)
    readings = 0
    const clock = () => {
      readings++
      if (readings === moment) rmSync(join(folder, file), { force: true })
      return now + 100
    }
    expect(await fileRevokedTokens(folder, { now: clock }).add(issuer, 'j2', now + 200)).toBe(true)
  }
})

it('removes the files of expired tokens, and abandoned temporary files', async () => {
  let time = now
  const folder = newFolder()
  const store = fileRevokedTokens(folder, { now: () => time })
  await store.add(issuer, 'j1', now + 100)
  const left = join(folder, 'left.json.tmp')
  writeFileSync(left, '')
  utimesSync(left, 0, 0)
  time += 100
  await store.add(issuer, 'j2', time + 100)
  expect(readdirSync(folder)).toHaveLength(1)
  expect([await store.has(issuer, 'j1'), await store.has(issuer, 'j2')]).toEqual([false, true])
})

it('counts the records of other processes, those before a restart included', async () => {
  let time = now
  const folder = newFolder()
  const open = () => fileRevokedTokens(folder, { now: () => time, total: 4 })
  const site = (at: number) => `https://s${at}.evil.example`
  const first = open()
  for (let at = 0; at < 4; at++) expect(await first.add(site(at), 'j', now + 200)).toBe(true)
  const restarted = open()
  expect(await restarted.add(site(4), 'j', now + 200)).toBe(false)
  expect(await restarted.add(issuer, 'j', now + 200)).toBe(true)
  for (let at = 0; at < 4; at++) expect(await restarted.has(site(at), 'j')).toBe(true)
  time += 200
  expect(await restarted.add(site(4), 'j', time + 200)).toBe(true)
})

it('accepts revocations beside a record that cannot be read', async () => {
  const folder = newFolder()
  const open = () => fileRevokedTokens(folder, { now: () => now, total: 4 })
  for (let at = 0; at < 4; at++) await open().add(`https://s${at}.evil.example`, 'j', now + 200)
  const [file = ''] = readdirSync(folder)
  chmodSync(join(folder, file), 0o644)
  const store = open()
  for (const jti of ['j1', 'j2']) expect(await store.add(issuer, jti, now + 100)).toBe(true)
  expect(await store.has(issuer, 'j2')).toBe(true)
  expect(readdirSync(folder)).toContain(file)
})

it('only its owner can read the records; a damaged record still revokes its token', async () => {
  const folder = newFolder()
  const store = fileRevokedTokens(folder, { now: () => now })
  await store.add(issuer, '../j1', now + 100)
  const [file = ''] = readdirSync(folder)
  const path = join(folder, file)
  expect([statSync(folder).mode & 0o777, statSync(path).mode & 0o777]).toEqual([0o700, 0o600])
  writeFileSync(path, '{"iss')
  expect(await fileRevokedTokens(folder, { now: () => now }).has(issuer, '../j1')).toBe(true)
})

it('fails with 503 while a record cannot be read, and does not open a folder to which others have access', async () => {
  const folder = newFolder()
  const store = fileRevokedTokens(folder, { now: () => now })
  await store.add(issuer, 'j1', now + 100)
  const [file = ''] = readdirSync(folder)
  chmodSync(join(folder, file), 0o644)
  const error = await Promise.resolve(fileRevokedTokens(folder).has(issuer, 'j1')).catch((cause: unknown) => cause)
  expect(error).toBeInstanceOf(AAuthError)
  expect(error).toMatchObject({ code: 'unavailable', retryAfter: 5, cause: expect.any(FileStoreError) })
  chmodSync(folder, 0o755)
  expect(() => fileRevokedTokens(folder)).toThrow(FileStoreError)
})
