import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type AgentRecord, type AgentStore, memoryStore } from 'countersign/agent'
import { FileStoreError, fileStore } from 'countersign/node'
import { describe, expect, it, onTestFinished, vi } from 'vitest'

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-store-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

const record = (id: string, data: unknown = { of: id }): AgentRecord => ({
  agent: 'https://agent.example',
  edition: 'an edition',
  kind: 'token',
  id,
  data,
})

const stores: [string, () => AgentStore][] = [
  ['memoryStore', memoryStore],
  ['fileStore', () => fileStore(newFolder())],
]

describe.each(stores)('%s', (_name, open) => {
  it('keeps the records of each owner separate, whatever the owner’s name', async () => {
    const store = open()
    const owners = ['', 'alice', '../alice', 'a/b', `${'long'.repeat(200)}`, 'العربية']
    for (const owner of owners) await store.put(owner, record(`of ${owner}`))
    for (const owner of owners) expect(await store.list(owner)).toEqual([record(`of ${owner}`)])
    expect(await store.list('nobody')).toEqual([])
  })

  it('replaces a record of the same kind and id; the last write wins', async () => {
    const store = open()
    await store.put('alice', record('a', 1))
    await store.put('alice', { ...record('a', 'of another kind'), kind: 'person' })
    await store.put('alice', record('a', 2))
    const data = (await store.list('alice')).map((each) => each.data)
    expect(new Set(data)).toEqual(new Set([2, 'of another kind']))
    expect(data).toHaveLength(2)
  })

  it('adds a record once: twenty concurrent calls all return the stored one', async () => {
    const store = open()
    const there = await Promise.all(
      Array.from({ length: 20 }, async (_, number) => store.add('alice', record('a', number))),
    )
    const [kept] = await store.list('alice')
    expect(new Set(there.map(({ data }) => data))).toEqual(new Set([kept?.data]))
  })

  it('removes a record once: one of twenty concurrent calls reports that it existed', async () => {
    const store = open()
    await store.put('alice', record('a'))
    const removed = await Promise.all(Array.from({ length: 20 }, async () => store.remove('alice', record('a'))))
    expect(removed.filter(Boolean)).toHaveLength(1)
    expect(await store.list('alice')).toEqual([])
    expect(await store.remove('nobody', record('a'))).toBe(false)
  })

  it('forgets an owner, and no one else', async () => {
    const store = open()
    for (const owner of ['alice', 'bob']) await store.put(owner, record('a'))
    await store.forget('alice')
    await store.forget('nobody')
    expect([await store.list('alice'), await store.list('bob')]).toEqual([[], [record('a')]])
    await store.put('alice', record('b'))
    expect(await store.list('alice')).toEqual([record('b')])
  })
})

describe('the folder of a fileStore', () => {
  const readFileIf = (path: string) => (statSync(path).isFile() ? readFileSync(path, 'utf8') : '')
  const filesOf = (folder: string) =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name))

  it('is accessible only to its user, like everything in it; file names do not reveal the owner', async () => {
    const folder = join(newFolder(), 'new', 'er')
    const store = fileStore(folder)
    await store.put('alice', record('https://api.example'))
    await store.add('alice', record('b'))
    const modes = [folder, ...filesOf(folder)].map((path) => (statSync(path).mode & 0o777).toString(8))
    expect(modes.toSorted()).toEqual(['600', '600', '700', '700'])
    expect(filesOf(folder).join()).not.toMatch(/alice|api\.example/)
  })

  it('is shared with other processes, and survives a restart', async () => {
    const folder = newFolder()
    const store = fileStore(folder)
    await store.put('alice', record('a'))
    expect(await fileStore(folder).list('alice')).toEqual([record('a')])
    expect([store.isShared, memoryStore().isShared]).toEqual([true, false])
  })

  it.each([0o755, 0o770, 0o701])(
    'is rejected if other users could read it, with the command that fixes it: %o (L04)',
    (mode) => {
      const folder = newFolder()
      chmodSync(folder, mode)
      expect(() => fileStore(folder)).toThrow(
        new FileStoreError(`Other users have access to ${folder}. Run: chmod 700 ${folder}`),
      )
    },
  )

  it.runIf(process.getuid?.() === 0)('is refused where it belongs to another user (L04)', () => {
    const folder = newFolder()
    chownSync(folder, 12_345, 12_345)
    expect(() => fileStore(folder)).toThrow(/belongs to another user \(12345\).*chown/)
  })

  it('is rejected if it is a file, or cannot be created', () => {
    const file = join(newFolder(), 'file')
    writeFileSync(file, '')
    expect(() => fileStore(file)).toThrow(FileStoreError)
    expect(() => fileStore(join(file, 'below'))).toThrow(/Cannot create the folder/)
  })

  it('reports a file in it that other users could read, or that is not a record', async () => {
    const folder = newFolder()
    const store = fileStore(folder)
    await store.put('alice', record('a'))
    const file = filesOf(folder).find((path) => path.endsWith('.json')) ?? ''
    chmodSync(file, 0o644)
    await expect(store.list('alice')).rejects.toThrow(`chmod 600 ${file}`)
    chmodSync(file, 0o600)
    writeFileSync(file, '{"edition": 1}')
    await expect(store.list('alice')).rejects.toThrow(/was not written by this store: move it somewhere else/)
  })

  it.each([
    ['nothing', () => ''],
    ['half of it', (text: string) => text.slice(0, text.length / 2)],
    ['zero bytes written by the disk', (text: string) => '\0'.repeat(text.length)],
  ])('skips a record of which %s is left, and accepts a new one', async (_what, damage) => {
    const folder = newFolder()
    const store = fileStore(folder)
    for (const id of ['a', 'b']) await store.put('alice', record(id))
    const [file = ''] = filesOf(folder).filter((path) => readFileIf(path).includes('"id":"a"'))
    writeFileSync(file, damage(readFileIf(file)))
    expect(await store.list('alice')).toEqual([record('b')])
    expect(await store.add('alice', record('a', 'new'))).toEqual(record('a', 'new'))
    expect(new Set((await store.list('alice')).map(({ id }) => id))).toEqual(new Set(['a', 'b']))
  })

  it('keeps the rest of a damaged record, however old it is', async () => {
    const folder = newFolder()
    const store = fileStore(folder)
    await store.put('alice', record('a'))
    const [file = ''] = filesOf(folder).filter((path) => path.endsWith('.json'))
    writeFileSync(file, '{"ki')
    utimesSync(file, 1_000_000, 1_000_000)
    const emitWarning = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
    for (let times = 0; times < 2; times++) expect(await store.list('alice')).toEqual([])
    expect(readFileIf(`${file}.damaged`)).toBe('{"ki')
    expect(emitWarning.mock.calls).toEqual([[expect.stringContaining(`${file}.damaged`), 'CountersignWarning']])
  })

  it.each(['person', 'session'] as const)(
    'L01: reports a damaged record of kind %s, and returns nothing of its owner',
    async (kind) => {
      const folder = newFolder()
      const store = fileStore(folder)
      const pinned = { ...record('https://auth.example'), kind }
      await store.add('alice', pinned)
      await store.put('bob', record('b'))
      const [file = ''] = filesOf(folder).filter((path) => readFileIf(path).includes(kind))
      writeFileSync(file, readFileIf(file).slice(0, 20))
      for (const use of [() => store.list('alice'), () => store.add('alice', pinned)])
        await expect(use()).rejects.toThrow(
          `${file} is damaged. It identifies the owner of the tokens beside it: move ${dirname(file)}`,
        )
      expect(readFileIf(file)).toHaveLength(20)
      expect(await store.list('bob')).toEqual([record('b')])
      await store.forget('alice')
      expect(await store.add('alice', pinned)).toEqual(pinned)
    },
  )

  it.each([
    ['that other users can write to', (path: string) => chmodSync(path, 0o777), /chmod 700/],
    [
      'that is a link',
      (path: string) => {
        const elsewhere = newFolder()
        rmSync(path, { recursive: true })
        symlinkSync(elsewhere, path)
      },
      /is not a folder, but a file or a link/,
    ],
    [
      'that is a file',
      (path: string) => {
        rmSync(path, { recursive: true })
        writeFileSync(path, '', { mode: 0o600 })
      },
      /is not a folder, but a file or a link/,
    ],
  ])('L04: rejects the folder of an owner %s', async (_what, change, message) => {
    const folder = newFolder()
    const store = fileStore(folder)
    await store.put('alice', record('a'))
    await store.put('bob', record('b'))
    const [of = ''] = readdirSync(folder).filter((name) =>
      readdirSync(join(folder, name)).some((file) => readFileIf(join(folder, name, file)).includes('"id":"a"')),
    )
    change(join(folder, of))
    for (const use of [
      () => store.list('alice'),
      () => store.put('alice', record('c')),
      () => store.add('alice', record('c')),
      () => store.remove('alice', record('a')),
    ])
      await expect(use()).rejects.toThrow(message)
    expect(await store.list('bob')).toEqual([record('b')])
    await store.forget('alice')
    expect(await store.list('alice'), 'forgotten, whatever it was').toEqual([])
  })

  it('reports a write that fails, with the cause', async () => {
    const folder = newFolder()
    const store = fileStore(folder)
    await store.put('alice', record('a'))
    const file = filesOf(folder).find((path) => path.endsWith('.json')) ?? ''
    rmSync(file)
    mkdirSync(file, { mode: 0o700 })
    const error = await Promise.resolve(store.put('alice', record('a'))).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(FileStoreError)
    expect(error).toMatchObject({
      message: expect.stringMatching(/^Cannot write to the store: E[A-Z]+: /),
      cause: { code: expect.stringMatching(/^E/), dest: file },
    })
  })

  it('contains only regular files: a link, a pipe or another file is rejected', async () => {
    const folder = newFolder()
    const store = fileStore(folder)
    await store.put('alice', record('a'))
    const file = filesOf(folder).find((path) => path.endsWith('.json')) ?? ''
    for (const make of [
      () => symlinkSync('/etc/hostname', file),
      () => spawnSync('mkfifo', ['-m', '600', file]),
      () => writeFileSync(file, 'null', { mode: 0o600 }),
    ]) {
      rmSync(file, { force: true })
      make()
      await expect(store.list('alice')).rejects.toThrow(FileStoreError)
    }
  })

  it('stores a record that is written while its owner is forgotten, or loses it entirely', async () => {
    const store = fileStore(newFolder())
    for (let round = 0; round < 20; round++) {
      const writes = ['a', 'b', 'c'].map((id) => store.put('alice', record(id)))
      await Promise.all([...writes, store.add('alice', record('d')), store.forget('alice')])
    }
    await store.forget('alice')
    expect(await store.list('alice')).toEqual([])
  })

  it('removes files half-written by a killed program after an hour, and nothing else', async () => {
    const folder = newFolder()
    const store = fileStore(folder)
    await store.put('alice', record('a'))
    const [of = ''] = readdirSync(folder)
    const [old, young] = [join(folder, of, 'x.json.old'), join(folder, of, 'x.json.young')]
    for (const path of [old, young]) writeFileSync(path, '{"edi', { mode: 0o600 })
    const hourAgo = Date.now() / 1000 - 3700
    utimesSync(old, hourAgo, hourAgo)
    expect(await store.list('alice')).toEqual([record('a')])
    expect(readdirSync(join(folder, of)).filter((name) => name.startsWith('x'))).toEqual(['x.json.young'])
  })
})
