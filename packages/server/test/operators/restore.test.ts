import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { blockUnder, runBlock } from './manual.js'
import { commandPath, createOperatorStage } from './operator-stage.js'

const password = { input: 'a long password\n' }

/** A server that ran and was stopped, with a backup from when alice was its only user. Bob was added later. */
async function createStage() {
  const stage = await createOperatorStage()
  const backups = join(stage.folder, 'backups')
  mkdirSync(backups)
  const server = await stage.serve()
  await stage.run('server users add alice --password-stdin', password)
  const copy = join(backups, 'auth-2026-01-01T000000Z.db')
  await stage.run(`server db backup ${copy}`)
  await stage.run('server users add bob --password-stdin', password)
  await server.stop()
  const stubs = {
    systemctl: `echo "$@" >> ${join(stage.folder, 'systemctl')}`,
    curl: '',
    runuser: 'shift 3; exec "$@"',
    // Only root can change the owner of files.
    install: '/usr/bin/install $(echo "$@" | sed "s/-[og] countersign//g")',
    countersign: `exec ${process.execPath} ${commandPath} "$@"`,
  }
  const commands = blockUnder('backup.md', 'Restore SQLite')
    .replaceAll('/var/backups/countersign', backups)
    .replaceAll('/var/lib/countersign', stage.folder)
    .replaceAll('/etc/countersign/countersign.config.json', stage.config)
  const restore = () => runBlock(commands, stubs, {}, ['bash'])
  const users = async () =>
    (await stage.ask<{ username: string }[]>('server users list')).map(({ username }) => username)
  return { ...stage, backups, copy, restore, users, told: () => readFileSync(join(stage.folder, 'systemctl'), 'utf8') }
}

it('the manual’s commands restore the newest copy, and move the existing database aside', async () => {
  const { folder, restore, users, told } = await createStage()
  expect(await users()).toEqual(['alice', 'bob'])
  await restore()
  expect(await users()).toEqual(['alice'])
  expect(told()).toBe('stop countersign.service\nstart countersign.service\n')
  const aside = readdirSync(folder).filter((name) => name.startsWith('before-'))
  expect(aside).toHaveLength(1)
  expect(readdirSync(join(folder, aside[0] ?? ''))).toContain('auth.db')
})

it.each<[string, (whole: Buffer) => Buffer]>([
  ['is truncated', (whole) => whole.subarray(0, whole.length / 2)],
  ['is empty', () => Buffer.alloc(0)],
  ['is not a backup', () => Buffer.from('text')],
])('the manual’s commands change and stop nothing if the newest copy %s', async (_what, spoil) => {
  const { backups, copy, restore, users, told } = await createStage()
  writeFileSync(join(backups, 'auth-2026-01-02T000000Z.db'), spoil(readFileSync(copy)))
  await expect(restore()).rejects.toThrow(/auth-2026-01-02/)
  expect(await users()).toEqual(['alice', 'bob'])
  expect(told).toThrow('ENOENT')
})
