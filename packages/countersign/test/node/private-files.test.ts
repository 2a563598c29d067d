import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FileStoreError, fileStore, openPrivateFolder, readPrivateFile, writePrivateFile } from 'countersign/node'
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'countersign-private-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

describe('a private file', () => {
  it('is written in full, accessible only to its user, in folders accessible only to its user', async () => {
    const path = join(folder, 'a', 'key.json')
    await writePrivateFile(path, 'one')
    await writePrivateFile(path, 'two')
    expect(await readPrivateFile(path)).toBe('two')
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(statSync(join(folder, 'a')).mode & 0o777).toBe(0o700)
    expect(readdirSync(join(folder, 'a'))).toEqual(['key.json'])
  })

  it('is on disk, with its name, when the write resolves', async () => {
    const synced: boolean[] = []
    const probe = await open(folder)
    const { prototype } = probe.constructor as { prototype: FileHandle }
    await probe.close()
    const sync = vi.spyOn(prototype, 'sync').mockImplementation(async function (this: FileHandle) {
      synced.push((await this.stat()).isDirectory())
    })
    onTestFinished(() => sync.mockRestore())
    await writePrivateFile(join(folder, 'key.json'), 'one')
    expect(synced).toEqual([false, true])
    const store = fileStore(join(folder, 'store'))
    await store.put('alice', { agent: 'a', edition: 'e', kind: 'token', id: '1', data: {} })
    synced.length = 0
    await store.forget('alice')
    expect(synced).toEqual([true])
  })

  it('that does not exist is undefined', async () => {
    expect(await readPrivateFile(join(folder, 'none'))).toBeUndefined()
    expect(await readPrivateFile(join(folder, 'no', 'folder'))).toBeUndefined()
  })

  it('is rejected if other users can read it, or if it is a link or a folder (L04)', async () => {
    const path = join(folder, 'key.json')
    await writePrivateFile(path, 'one')
    chmodSync(path, 0o604)
    await expect(readPrivateFile(path)).rejects.toThrow(`Other users have access to ${path}. Run: chmod 600 ${path}`)
    symlinkSync(path, join(folder, 'link'))
    await expect(readPrivateFile(join(folder, 'link'))).rejects.toThrow(FileStoreError)
    await expect(readPrivateFile(folder)).rejects.toThrow(FileStoreError)
  })
})

it('a private folder is created if missing, and rejected if other users can read it (L04)', () => {
  openPrivateFolder(join(folder, 'a', 'b'))
  expect(statSync(join(folder, 'a', 'b')).mode & 0o777).toBe(0o700)
  chmodSync(folder, 0o750)
  expect(() => openPrivateFolder(folder)).toThrow(`Other users have access to ${folder}. Run: chmod 700 ${folder}`)
})
