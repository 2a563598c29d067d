import { chmodSync, chownSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generatePrivateJwk } from 'countersign'
import { afterEach, describe, expect, it } from 'vitest'
import { findAgentFolder } from '../../src/agent-folder/folder-files.js'

const signing = await generatePrivateJwk({ kid: 'a' })
const next = await generatePrivateJwk({ kid: 'b' })

const folders: string[] = []
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

/** A valid agent folder, with the given changes. */
function folderWith(files: Readonly<Record<string, string>> = {}): string {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-agent-'))
  folders.push(folder)
  const file = { id: 'https://me.example', authServers: [], signingKey: 'key-a.json', nextKey: 'key-b.json' }
  const written = {
    'agent.json': JSON.stringify(file),
    'key-a.json': JSON.stringify(signing),
    'key-b.json': JSON.stringify(next),
    ...files,
  }
  for (const [name, text] of Object.entries(written)) writeFileSync(join(folder, name), text, { mode: 0o600 })
  return folder
}

describe('the folder of an agent', () => {
  it('contains the agent’s identity, its keys, and the location of its tokens', async () => {
    const path = folderWith()
    expect(await findAgentFolder(path)).toEqual({
      path,
      id: 'https://me.example',
      authServers: [],
      keys: { signing, next },
      storePath: join(path, 'store'),
    })
  })

  it('is not created if missing', async () => {
    const path = join(folderWith(), 'none')
    expect(await findAgentFolder(path)).toBeUndefined()
    expect(() => statSync(path)).toThrow('ENOENT')
  })

  it.each<[string, Record<string, string>, string]>([
    ['an agent.json that is not JSON', { 'agent.json': '{' }, 'agent.json is not a JSON object'],
    [
      'an agent.json with an unknown member',
      { 'agent.json': '{"naem":1}' },
      'has an unknown member naem: did you mean name?',
    ],
    ['a key file without a key', { 'key-a.json': '{"kid":"a"}' }, 'key-a.json does not contain a private JWK'],
    ['a key under another key’s name', { 'key-a.json': JSON.stringify(next) }, 'rename the file to key-b.json'],
    [
      'halves of two different keys',
      { 'key-b.json': JSON.stringify({ ...next, d: signing.d }) },
      'key-b.json does not contain a usable key',
    ],
  ])('is rejected with %s', async (_case, files, message) => {
    await expect(findAgentFolder(folderWith(files))).rejects.toMatchObject({
      message: expect.stringContaining(message) as string,
      exitCode: 2,
    })
  })

  it('is rejected if a key is missing', async () => {
    const path = folderWith()
    rmSync(join(path, 'key-b.json'))
    await expect(findAgentFolder(path)).rejects.toThrow('key-b.json is missing')
  })

  it.each(['', 'agent.json', 'key-a.json'])('is rejected if other users can read it (L04): /%s', async (name) => {
    const path = folderWith()
    const place = name === '' ? path : join(path, name)
    const mode = name === '' ? '700' : '600'
    chmodSync(place, name === '' ? 0o755 : 0o640)
    await expect(findAgentFolder(path)).rejects.toThrow(
      `Other users have access to ${place}. Run: chmod ${mode} ${place}`,
    )
    chmodSync(place, Number.parseInt(mode, 8))
    await expect(findAgentFolder(path)).resolves.toMatchObject({ id: 'https://me.example' })
  })

  it.runIf(process.getuid?.() === 0).each(['', 'agent.json', 'key-b.json'])(
    'is rejected if another user owns it (L04): /%s',
    async (name) => {
      const path = folderWith()
      chownSync(join(path, name), 12_345, 12_345)
      await expect(findAgentFolder(path)).rejects.toThrow(/belongs to another user \(12345\).*chown/)
    },
  )

  it('is rejected if it is a file', async () => {
    const path = join(folderWith(), 'agent.json')
    await expect(findAgentFolder(path)).rejects.toThrow(`${path}/agent.json cannot be read (ENOTDIR).`)
  })

  it('is rejected if a key is a symbolic link', async () => {
    const path = folderWith()
    rmSync(join(path, 'key-a.json'))
    symlinkSync(join(path, 'key-b.json'), join(path, 'key-a.json'))
    await expect(findAgentFolder(path)).rejects.toThrow(/is a link, not a file: remove the link/)
  })
})
