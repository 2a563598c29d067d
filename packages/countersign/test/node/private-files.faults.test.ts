import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import promises from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { AgentRecord } from 'countersign/agent'
import { fileStore } from 'countersign/node'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createPrivateFile } from '../../src/node/private-files.js'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'countersign-faults-'))
})
afterEach(() => {
  vi.restoreAllMocks()
  syncBuiltinESMExports()
  rmSync(folder, { recursive: true, force: true })
})

const failure = (code: string) => Object.assign(new Error(`${code}: not now`), { code })

/** Makes a file operation fail with these codes, one per call, and then for ever with the last one unless that is empty. */
function failWith(operation: 'link' | 'copyFile' | 'rename', codes: readonly string[]) {
  const real = promises[operation] as (...given: unknown[]) => Promise<void>
  let calls = 0
  const fake = vi.spyOn(promises, operation).mockImplementation(async (...given: unknown[]) => {
    const code = codes[Math.min(calls++, codes.length - 1)]
    if (code) throw failure(code)
    return real(...given)
  })
  syncBuiltinESMExports()
  return fake
}

const record: AgentRecord = { agent: 'a', edition: 'e', kind: 'token', id: '1', data: {} }

describe('a file system without hard links', () => {
  it.each(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'EMLINK'])(
    'creates a file exactly once, and leaves nothing else: %s',
    async (code) => {
      failWith('link', [code])
      const path = join(folder, 'key.json')
      expect([await createPrivateFile(path, 'one'), await createPrivateFile(path, 'two')]).toEqual([true, false])
      expect(readFileSync(path, 'utf8')).toBe('one')
      expect(readdirSync(folder)).toEqual(['key.json'])
    },
  )

  it('reports why it cannot create a file, and leaves nothing', async () => {
    failWith('link', ['EPERM'])
    failWith('copyFile', ['ENOSPC'])
    await expect(createPrivateFile(join(folder, 'key.json'), 'one')).rejects.toThrow('ENOSPC')
    expect(readdirSync(folder)).toEqual([])
  })
})

describe('a store whose folder is forgotten while it writes', () => {
  it('tries again, up to 20 times', async () => {
    const store = fileStore(folder)
    failWith('rename', [...Array.from({ length: 20 }, () => 'ENOENT'), ''])
    await store.put('alice', record)
    expect(await store.list('alice')).toEqual([record])
  })

  it('then reports that it cannot write', async () => {
    failWith('rename', ['ENOENT'])
    await expect(fileStore(folder).put('alice', record)).rejects.toMatchObject({
      name: 'FileStoreError',
      message: 'Cannot write to the store: ENOENT: not now',
      cause: { code: 'ENOENT' },
    })
  })

  it('does not try again after any other failure', async () => {
    const rename = failWith('rename', ['ENOSPC'])
    await expect(fileStore(folder).put('alice', record)).rejects.toThrow('Cannot write to the store: ENOSPC: not now')
    expect(rename).toHaveBeenCalledTimes(1)
  })
})

it('gives up on a record that keeps appearing and disappearing', async () => {
  const link = failWith('link', ['EEXIST'])
  await expect(fileStore(folder).add('alice', record)).rejects.toThrow(
    /\.json keeps appearing and disappearing: another program is writing to this folder\.$/,
  )
  expect(link).toHaveBeenCalledTimes(100)
})
