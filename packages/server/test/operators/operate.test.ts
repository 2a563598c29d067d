import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmodSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import {
  type ListedGrant,
  parseMasterKey,
  type RecordedEvent,
  type Storage,
  type StoredKey,
  type User,
} from 'countersign-server'
import { storedOAuthKeys } from 'countersign-server/editions/oauth'
import { readSchemaVersion, sqliteStorage } from 'countersign-server/sqlite'
import { describe, expect, it } from 'vitest'
import { has, need } from '../../../../test/needs.js'
import { refreshable, rememberedGrant } from '../storage/fixtures.js'
import { commandPath, createOperatorStage, type OperatorStage } from './operator-stage.js'

const password = { input: 'a long password\n' }

/** A stage whose database exists, as after a first start. */
async function createStageWith<T>(fill: (storage: Storage) => Promise<T>): Promise<[OperatorStage, T]> {
  const stage = await createOperatorStage()
  return [stage, await inDatabase(stage, fill)]
}

async function inDatabase<T>(stage: OperatorStage, work: (storage: Storage) => Promise<T>): Promise<T> {
  const storage = sqliteStorage(stage.database, { sweepInterval: 0 })
  try {
    return await work(storage)
  } finally {
    await storage.close()
  }
}

const addAlice = (storage: Storage) => storage.createUser({ username: 'Alice', passwordHash: '$argon2id$none' })

describe('countersign server users', () => {
  it('adds a user once, and lists users as text and as JSON', async () => {
    const [stage] = await createStageWith(async () => undefined)
    const added = await stage.ask<User>('server users add bob --email bob@example.com --password-stdin', password)
    expect(added).toMatchObject({ username: 'bob', email: 'bob@example.com', status: 'active' })
    const again = await stage.run('server users add BOB --password-stdin', password)
    expect(again).toMatchObject({ status: 1, stdout: '', stderr: expect.stringContaining('BOB is already taken') })
    const alike = await stage.run('server users add b0b --password-stdin', password)
    expect(alike).toMatchObject({
      status: 1,
      stdout: '',
      stderr: expect.stringContaining('b0b looks like an existing user'),
    })
    const mixed = await stage.run('server users add \u0430lice --password-stdin', password)
    expect(mixed).toMatchObject({
      status: 2,
      stdout: '',
      stderr: expect.stringContaining('must use a single alphabet'),
    })
    expect(await stage.ask('server users list')).toMatchObject([{ id: added.id, username: 'bob' }])
    expect((await stage.run('server users list --query nobody')).stdout.split('\n')).toHaveLength(2)
    expect((await stage.run('server users list')).stdout).toMatch(/^USERNAME +NAME +EMAIL .*\nbob .* active/)
  })

  it('records who ran the command, or the name they gave, in the audit log', async () => {
    const [stage] = await createStageWith(async () => undefined)
    await stage.ask('server users add bob --by carol@ops --password-stdin', password)
    await stage.ask('server users disable bob --by carol@ops')
    const { stdout } = await stage.run('server audit export')
    expect(stdout.match(/"by":"operator:carol@ops"/g)).toHaveLength(2)
    const unnamed = await stage.run('server users enable bob --by=')
    expect(unnamed).toMatchObject({ status: 2, stderr: expect.stringContaining('--by must be 1 to 100') })
  })

  it('refuses a weak password, and a missing one', async () => {
    const [stage] = await createStageWith(async () => undefined)
    const weak = await stage.run('server users add bob --password-stdin', { input: 'password1\n' })
    expect(weak).toMatchObject({ status: 1, stderr: expect.stringContaining('too easy to guess') })
    const none = await stage.run('server users add bob')
    expect(none).toMatchObject({ status: 2, stderr: expect.stringContaining('--password-stdin') })
    expect(await stage.run('server users add bob --password secret')).toMatchObject({ status: 2 })
    expect(await stage.ask('server users list')).toEqual([])
  })

  it('removes the passkeys of a user who lost them', async () => {
    const [stage, alice] = await createStageWith(addAlice)
    const by = { userId: alice.id, credentialRevision: 0 }
    await inDatabase(stage, (storage) =>
      storage.addPasskey({ ...by, credentialId: 'lost', publicKey: new Uint8Array(32), counter: 0 }),
    )
    const remove = () => stage.run('server users remove-passkeys alice')
    expect(await remove()).toMatchObject({
      status: 0,
      stdout: 'Removed 1 passkey from the account Alice, and signed the user out everywhere.\n',
    })
    expect(await remove()).toMatchObject({ status: 0, stdout: 'The account Alice has no passkeys.\n' })
    expect(await inDatabase(stage, (storage) => storage.listPasskeys(alice.id))).toEqual([])
  })

  it('resets the second factor of a user who lost it, signs them out, and shows who has one', async () => {
    const [stage, alice] = await createStageWith(addAlice)
    const hash = createHash('sha256').update('code').digest('base64url')
    const factor = { sealedSecret: 'sealed', usedStep: 1, recoveryHashes: [hash] }
    await inDatabase(stage, async (storage) => {
      await storage.setSecondFactor({ userId: alice.id, credentialRevision: 0, ...factor })
      const session = { idHash: hash, factorAddedAt: 0, idleSeconds: 600, lifetime: 600, most: 50 }
      await storage.createSession({ userId: alice.id, credentialRevision: 1, ...session })
    })
    const show = async () => (await stage.run('server users show alice')).stdout
    expect(await show()).toMatch(/Second factor +app, since .*, recovery codes left: 1/)
    const reset = () => stage.run('server users reset-factor alice --by carol')
    expect(await reset()).toMatchObject({
      status: 0,
      stdout: 'Removed the second factor of the account Alice, and signed the user out everywhere.\n',
    })
    expect(await reset()).toMatchObject({ status: 0, stdout: 'The account Alice has no second factor.\n' })
    expect(await show()).toMatch(/Second factor +none/)
    expect(await inDatabase(stage, (storage) => storage.listSessions({ userId: alice.id }))).toEqual([])
    expect(await inDatabase(stage, (storage) => storage.listEvents({ event: 'factor.removed' }))).toMatchObject([
      { userId: alice.id, data: { by: 'operator:carol', sessionsEnded: 1 } },
    ])
  })

  it('prints a link with which a new user sets their password, and another one only until they have', async () => {
    const [stage] = await createStageWith(async () => undefined)
    const invite = () => stage.run('server users invite bob --name Bob --email bob@example.com --by carol')
    const first = await invite()
    expect(first).toMatchObject({ status: 0, stderr: '' })
    expect(first.stdout).toMatch(
      /^Give this link to bob alone[\s\S]*\n.*until \d{4}-[^\n]*:\nhttp\S+\/account\/link\?token=aalk_[\w-]{43}\n$/,
    )
    expect(await stage.ask('server users show bob')).toMatchObject({ displayName: 'Bob', hasPassword: false })
    expect(await stage.run('server users invite bob --name Robert')).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('server users edit'),
    })
    const { stdout } = await invite()
    const tokenHash = createHash('sha256')
      .update(/aalk_\S+/.exec(stdout)?.[0] ?? '')
      .digest('base64url')
    const used = (storage: Storage) => storage.setPasswordByLink({ tokenHash, passwordHash: 'hash' })
    expect(await inDatabase(stage, used)).toMatchObject({ username: 'bob', email: 'bob@example.com' })
    expect(await invite()).toMatchObject({
      status: 1,
      stdout: '',
      stderr: expect.stringContaining('server users reset'),
    })
    expect(await stage.ask('server users list')).toHaveLength(1)
    const events = await inDatabase(stage, (storage) => storage.listEvents({ event: 'link.created' }))
    expect(events.map(({ data }) => data?.by)).toEqual(['operator:carol', 'operator:carol'])
  })

  it('prints a link with which a user sets a new password, unless the account is disabled', async () => {
    const [stage, alice] = await createStageWith(addAlice)
    const now = Math.floor(Date.now() / 1000)
    const reset = await stage.ask<{ username: string; url: string; expiresAt: number }>('server users reset alice')
    expect(reset).toMatchObject({ username: 'Alice', url: expect.stringMatching(/\/account\/link\?token=aalk_/) })
    expect(reset.expiresAt).toBeGreaterThanOrEqual(now + 1200)
    const withoutConfig = await stage.run(`server users reset alice --db ${stage.database}`, { config: false })
    expect(withoutConfig).toMatchObject({ status: 2, stderr: expect.stringContaining('use --config') })
    await inDatabase(stage, (storage) => storage.setUserStatus(alice.id, 'disabled'))
    const refused = await stage.run('server users reset alice')
    expect(refused).toMatchObject({ status: 1, stdout: '', stderr: expect.stringContaining('disabled or closed') })
  })

  it('disables, enables and sets a new password, and ends sessions', async () => {
    const [stage, alice] = await createStageWith(addAlice)
    expect(await stage.ask('server users disable alice')).toMatchObject({ id: alice.id, status: 'disabled' })
    expect(await stage.ask('server users list --status disabled')).toHaveLength(1)
    expect(await stage.ask(`server users enable ${alice.id}`)).toMatchObject({ status: 'active' })
    expect(await stage.ask('server users unlock alice')).toMatchObject({ id: alice.id })
    expect(await stage.ask('server users remove-passkeys alice')).toMatchObject({ id: alice.id, passkeys: 0 })
    expect(await stage.run('server users passwd alice --password-stdin', password)).toMatchObject({ status: 0 })
    const events = await inDatabase(stage, (storage) => storage.listEvents({ userId: alice.id }))
    const by = `operator:${userInfo().username}`
    expect(events.map(({ event, data }) => [event, data?.by])).toEqual([
      ['user.created', undefined],
      ['user.disabled', by],
      ['user.enabled', by],
      ['user.unlocked', by],
      ['password.changed', by],
    ])
    const unlocked = await stage.run('server users unlock alice')
    expect(unlocked).toMatchObject({ stdout: expect.stringContaining('is not locked out.') })
    const unknown = await stage.run('server users disable ali')
    expect(unknown).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('no user with the username, id or “sub” ali'),
    })
  })

  it('shows and edits a user, lists their sessions and ends them', async () => {
    const [stage, alice] = await createStageWith(addAlice)
    const shown = await stage.ask('server users show alice')
    expect(shown).toMatchObject({ id: alice.id, hasPassword: true, passkeys: [], sessions: 0, grants: 0 })
    expect((await stage.run('server users show alice')).stdout).toMatch(/^Username {7}Alice\n/)
    expect(await stage.run('server users edit alice')).toMatchObject({ status: 2 })
    expect(await stage.run('server users edit alice --email x')).toMatchObject({ status: 2 })
    expect(await stage.ask('server users edit alice --email new@example.com --name Alice --by carol')).toMatchObject({
      email: 'new@example.com',
      displayName: 'Alice',
    })
    expect(await stage.ask('server users edit alice --email=')).toMatchObject({ email: null, displayName: 'Alice' })
    await inDatabase(stage, (storage) =>
      storage.editUser({ userId: alice.id, displayName: 'A\nStatus         closed' }),
    )
    expect((await stage.run('server users show alice')).stdout).toMatch(/^Name {11}A Status closed$/m)
    expect((await stage.run('server users edit alice --email a@example.com')).stdout).toMatch(
      /^Alice: name A Status.*\n$/,
    )
    const signIn = (name: string) =>
      inDatabase(stage, async (storage) => {
        const { credentialRevision } = (await storage.findUser(alice.id)) ?? expect.fail()
        const session = {
          userId: alice.id,
          credentialRevision,
          idHash: createHash('sha256').update(name).digest('base64url'),
          factorAddedAt: 0,
          most: 9,
        }
        return storage.createSession({ ...session, idleSeconds: 600, lifetime: 600, ip: '192.0.2.1', userAgent: name })
      })
    await signIn('a')
    await signIn('b')
    const [, older] = await stage.ask<{ id: string; userAgent: string }[]>('server users sessions alice')
    expect(await stage.ask(`server users sessions alice --end ${older?.id} --by carol`)).toEqual({ ended: 1 })
    expect(await stage.run(`server users sessions alice --end ${older?.id}`)).toMatchObject({ status: 1 })
    expect((await stage.run('server users sessions alice')).stdout).toContain('192.0.2.1')
    expect(await stage.ask('server users sessions alice --end-all --by carol')).toEqual({ ended: 1 })
    expect(await stage.ask('server users sessions alice')).toEqual([])
    const events = await inDatabase(stage, (storage) => storage.listEvents({ userId: alice.id }))
    const by = events.filter(({ data }) => data?.by === 'operator:carol').map(({ event }) => event)
    expect(by).toEqual(['user.edited', 'session.ended', 'sessions.ended'])
  })

  it('accepts a password that is typed twice, and rejects two that differ', async () => {
    const [stage] = await createStageWith(async () => undefined)
    const differ = await stage.run('server users add bob', { hidden: ['a long password', 'a long passwort'] })
    expect(differ).toMatchObject({
      status: 1,
      stdout: '',
      stderr: expect.stringContaining('The passwords do not match'),
    })
    expect(await stage.ask('server users list')).toEqual([])
    const same = await stage.run('server users add bob', { hidden: ['a long password', 'a long password'] })
    expect(same).toMatchObject({ status: 0, stdout: 'bob can now sign in.\n' })
  })

  it.skipIf(!has('a terminal'))('prompts for the password twice at a terminal, and echoes neither', async () => {
    const [stage] = await createStageWith(async () => undefined)
    const command = `${process.execPath} ${commandPath} server users add bob --config ${stage.config}`
    const child = spawn('script', ['-qec', command, '/dev/null'])
    let shown = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      shown += text
    })
    await expect.poll(() => shown).toContain('Password: ')
    child.stdin.write('a long password\r')
    await expect.poll(() => shown).toContain('Again: ')
    child.stdin.write('a long password\r')
    const status = await new Promise((resolve) => child.once('close', resolve))
    expect({ status, shown }).toEqual({ status: 0, shown: expect.stringContaining('bob can now sign in.') })
    expect(shown).not.toContain('long password')
  })
})

describe('countersign server keys', () => {
  it('generates a master key in a file that only its owner can read, and never overwrites one', async () => {
    const stage = await createOperatorStage()
    const file = stage.masterKey
    expect(statSync(file).mode & 0o777).toBe(0o600)
    const before = readFileSync(file, 'utf8')
    expect(Buffer.from(before.trim(), 'base64url')).toHaveLength(32)
    const again = await stage.run(`server keys generate-master --output ${file}`, { config: false })
    expect(again).toMatchObject({ status: 1, stderr: expect.stringContaining('nothing was changed') })
    expect(readFileSync(file, 'utf8')).toBe(before)
  })

  it('lists states and never private parts; rotates without a configuration if given the master key', async () => {
    const stage = await createOperatorStage()
    const { stop } = await stage.serve()
    await stop()
    const listed = await stage.run(`server keys list --json --db ${stage.database}`, { config: false })
    const keys = JSON.parse(listed.stdout) as { purpose: string; state: string }[]
    expect(keys.map(({ purpose, state }) => `${purpose} ${state}`).sort()).toEqual([
      'secret active',
      'sign active',
      'sign next',
    ])
    expect(listed.stdout).not.toContain('private')

    const without = await stage.run(`server keys rotate --now --db ${stage.database}`, { config: false })
    expect(without).toMatchObject({ status: 2, stderr: expect.stringContaining('master key is missing') })
    const wrong = { COUNTERSIGN_MASTER_KEY: (await stage.run('server keys generate-master', { config: false })).stdout }
    const refused = await stage.run(`server keys rotate --now --db ${stage.database}`, { config: false, env: wrong })
    expect(refused).toMatchObject({ status: 1, stderr: expect.stringContaining('a different master key') })
    const rotated = await stage.run(
      `server keys rotate --now --db ${stage.database} --master-key-file ${stage.masterKey}`,
      {
        config: false,
      },
    )
    expect(rotated).toMatchObject({ status: 0, stdout: expect.stringContaining('is now the signing key') })
    expect(rotated.stderr).not.toContain('edition')
  })

  it('lists the keys of all editions, and rotates those of one', async () => {
    const stage = await createOperatorStage()
    const { stop } = await stage.serve()
    await stop()
    const read = parseMasterKey(readFileSync(stage.masterKey, 'utf8'))
    if ('problem' in read) throw new TypeError(read.problem)
    const storage = sqliteStorage(stage.database, { sweepInterval: 0 })
    await storedOAuthKeys({ storage, ...read })
    await storage.close()
    const keysOf = async (edition: string) => {
      const keys = await stage.ask<StoredKey[]>('server keys list')
      return keys
        .filter((key) => key.purpose === 'sign' && key.edition === edition)
        .map(({ kid, state }) => [kid, state])
    }
    expect((await stage.run('server keys list')).stdout).toMatch(/EDITION +oauth/)
    const [january, oauth] = [await keysOf('january'), await keysOf('oauth')]
    const unknown = await stage.run('server keys rotate --now --edition other')
    expect(unknown).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('contains keys for: january, oauth'),
    })
    const { activated } = await stage.ask<{ activated: string }>('server keys rotate --now --edition oauth')
    expect(oauth).toContainEqual([activated, 'next'])
    expect(await keysOf('january')).toEqual(january)
    expect((await keysOf('oauth')).map(([, state]) => state).sort()).toEqual(['active', 'next', 'retiring'])
    const first = await stage.run('server keys rotate --now')
    expect(first).toMatchObject({ status: 0, stderr: expect.stringContaining('add --edition oauth') })
    expect(await keysOf('january')).not.toEqual(january)
  })
})

describe('countersign server agents', () => {
  it('blocks, lists and unblocks, and reports when nothing changed', async () => {
    const [stage] = await createStageWith(async () => undefined)
    const agent = 'https://agent.example'
    expect(await stage.ask(`server agents block ${agent}`)).toEqual({ agent, blocked: true, changed: true })
    expect(await stage.ask(`server agents block ${agent}`)).toEqual({ agent, blocked: true, changed: false })
    expect(await stage.ask('server agents list --blocked --query agent')).toMatchObject([
      { agent, blockedBy: expect.stringMatching(/^operator:/) },
    ])
    expect((await stage.run(`server agents unblock ${agent}`)).stdout).toBe(`${agent} can make requests again.\n`)
    expect(await stage.ask('server agents list --blocked')).toEqual([])
    const slip = await stage.run('server agents block https://agent.example/')
    expect(slip).toMatchObject({ status: 2, stderr: expect.stringContaining('is not a valid identifier') })
  })

  it('blocks an OAuth client by its client_id, and every client on a host', async () => {
    const client = 'https://client.example/oauth/client.json'
    const [stage] = await createStageWith(async (storage) => {
      for (const agent of [client, 'opaque-client'])
        await storage.recordAgent({ agent, redirectHosts: [], keyThumbprints: [] })
    })
    const changed = { blocked: true, changed: true }
    expect(await stage.ask(`server agents block ${client}`)).toEqual({ agent: client, ...changed })
    expect(await stage.ask('server agents block opaque-client')).toEqual({ agent: 'opaque-client', ...changed })
    expect(await stage.ask('server agents block client.example')).toEqual({
      agent: 'https://client.example',
      ...changed,
    })
    expect((await stage.run(`server agents unblock ${client}`)).stdout).toBe(
      `${client} is still blocked with its host: to unblock all agents and clients there, run countersign server agents unblock https://client.example.\n`,
    )
    const { stdout } = await stage.run('server agents list --query client.json')
    expect(stdout).toMatch(/BLOCKED +with its host, \d{4}/)
    expect(await stage.run('server agents block unknown-client')).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('No client has the id unknown-client.'),
    })
    expect((await stage.ask<object[]>('server agents list --blocked')).length).toBe(2)
  })
})

describe('countersign server grants', () => {
  const other = 'https://other.example'
  const fill = async (storage: Storage) => {
    const alice = await addAlice(storage)
    const one = await rememberedGrant(storage, {}, {}, alice)
    const two = await rememberedGrant(storage, { agent: other }, { account: 'work' }, alice)
    const three = await rememberedGrant(storage)
    return { one: one.grantId, two: two.grantId, three: three.grantId }
  }

  it('lists the grants that match the flags', async () => {
    const [stage, { one, two, three }] = await createStageWith(fill)
    const ids = async (flags: string) =>
      (await stage.ask<ListedGrant[]>(`server grants list ${flags}`)).map(({ id }) => id)
    expect(await ids('--live')).toEqual([three, two, one])
    expect(await ids('--user alice')).toEqual([two, one])
    expect(await ids(`--agent ${other}`)).toEqual([two])
    expect(await ids('--query nothing')).toEqual([])
    const few = await stage.run('server grants list --limit 1')
    expect(few).toMatchObject({ status: 0, stderr: expect.stringContaining('more than 1') })
    expect(await stage.run('server grants list --limit none')).toMatchObject({ status: 2 })
    expect(await stage.run('server grants list --user nobody')).toMatchObject({ status: 1 })
  })

  it('prints rows that are too wide for columns as one line per field, without truncation', async () => {
    const [stage, { three }] = await createStageWith(fill)
    const { stdout } = await stage.run('server grants list --live')
    expect(stdout).toMatch(new RegExp(`^ID +${three}\\nUSERNAME +`))
    expect(stdout.match(/^AGENT {8}https:/gm)).toHaveLength(3)
    expect(stdout.match(/ \(work\)$/gm)).toHaveLength(1)
    for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80)
  })

  it('revokes one by its id, once, on behalf of the operator', async () => {
    const [stage, { one }] = await createStageWith(fill)
    expect(await stage.ask(`server grants revoke ${one}`)).toEqual({ revoked: 1 })
    expect(await stage.run(`server grants revoke ${one}`)).toMatchObject({ status: 1 })
    expect(await stage.ask('server grants list --ended')).toMatchObject([
      { id: one, revokedBy: expect.stringMatching(/^operator:/) },
    ])
  })

  it('names the grant that is left of one whose permission the user removed', async () => {
    const [stage, { grantId, rest }] = await createStageWith(async (storage) => {
      const { user, grantId } = await rememberedGrant(storage, { scope: 'a b' })
      await storage.removePermissions({ grantId, userId: user.id, names: ['b'] })
      return { grantId, rest: (await storage.listGrants({ live: true }))[0]?.id ?? '' }
    })
    const { status, stderr } = await stage.run(`server grants revoke ${grantId}`)
    expect({ status, text: stderr.replaceAll(/\s+/g, ' ') }).toMatchObject({
      status: 1,
      text: expect.stringContaining(`but the agent has others for this user and resource: ${rest}.`),
    })
    expect(await stage.ask(`server grants revoke ${rest}`)).toEqual({ revoked: 1 })
    expect((await stage.run(`server grants revoke ${rest}`)).stderr).toContain('It has ended.')
    expect((await stage.run('server grants revoke unknown')).stderr).not.toContain('It has ended.')
  })

  it('revokes all that match, and everything only with --yes', async () => {
    const [stage, { three }] = await createStageWith(fill)
    expect(await stage.run('server grants revoke')).toMatchObject({ status: 2 })
    expect(await stage.run('server grants revoke --all')).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('--yes'),
    })
    expect(await stage.run(`server grants revoke ${three} --user alice`)).toMatchObject({ status: 2 })
    expect(await stage.run('server grants revoke --all --yes --user alice')).toMatchObject({ status: 2 })
    expect((await stage.run('server grants revoke --user alice')).stdout).toBe('2 grants were revoked.\n')
    expect((await stage.run('server grants revoke --agent aauth:agent@agent.example')).stdout).toBe(
      '0 grants were revoked. --agent is the AGENT in server grants list.\n',
    )
    expect(await stage.ask('server grants list --live')).toMatchObject([{ id: three }])
    expect(await stage.ask('server grants revoke --all --yes')).toEqual({ revoked: 1 })
    expect(await stage.ask('server grants list --live')).toEqual([])
  })
})

describe('countersign server audit export', () => {
  it('lists the known events if a name matches none, including those that an application records', async () => {
    const [stage] = await createStageWith((storage) => storage.recordEvent({ event: 'app.event' }))
    const slip = await stage.run('server audit export --event grant.revokd')
    expect(slip).toMatchObject({
      status: 2,
      stdout: '',
      stderr: expect.stringContaining('No event grant.revokd was found'),
    })
    expect(slip.stderr).toContain('grant.revoked')
    for (const line of slip.stderr.split('\n')) expect(line.length).toBeLessThanOrEqual(80)
    expect(await stage.run('server audit export --event grant.revoked')).toEqual({ status: 0, stdout: '', stderr: '' })
    expect((await stage.run('server audit export --event app.event')).stdout).toContain('"event":"app.event"')
  })

  it('prints every event once, in order, as JSON lines, across pages', async () => {
    const [stage] = await createStageWith(async (storage) => {
      for (let i = 0; i < 1005; i++) await storage.recordEvent({ event: 'test.happened', data: { i } })
    })
    const { stdout } = await stage.run('server audit export --event test.happened')
    const events = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as RecordedEvent)
    expect(events.map(({ data }) => data?.i)).toEqual(Array.from({ length: 1005 }, (_, i) => i))
  })

  it('prints each time in ISO 8601, which --since and --until accept', async () => {
    const [stage] = await createStageWith((storage) => storage.recordEvent({ event: 'test.happened' }))
    const { stdout } = await stage.run('server audit export')
    const { at } = JSON.parse(stdout) as { at: string }
    expect(at).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
    expect(Math.abs(Date.parse(at) - Date.now())).toBeLessThan(60_000)
    const anHourAhead = `${new Date(Date.parse(at) + 3_600_000).toISOString().slice(0, 19)}+01:00`
    for (const same of [at, anHourAhead]) {
      expect((await stage.run(`server audit export --since ${same}`)).stdout).toBe(stdout)
      expect((await stage.run(`server audit export --until ${same}`)).stdout).toBe('')
    }
    expect((await stage.run(`server audit export --since ${at.slice(0, 10)}`)).stdout).toBe(stdout)
  })

  it('filters by user, agent and time', async () => {
    const [stage, alice] = await createStageWith(async (storage) => {
      const user = await addAlice(storage)
      await storage.recordEvent({ event: 'test.happened', agent: 'https://agent.example' })
      return user
    })
    const lines = async (flags: string) => {
      const { status, stdout } = await stage.run(`server audit export ${flags}`)
      expect(status).toBe(0)
      return stdout
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as RecordedEvent)
    }
    expect(await lines('--user alice')).toMatchObject([{ event: 'user.created', userId: alice.id }])
    expect(await lines('--agent https://agent.example')).toMatchObject([{ event: 'test.happened' }])
    expect(await lines('--since 2000-01-01T00:00:00Z')).toHaveLength(2)
    expect(await lines('--until 2000-01-01T00:00:00Z')).toEqual([])
    expect(await lines('--since 9999999999')).toEqual([])
  })

  it.each([
    'yesterday',
    'yesterday-1',
    '01/31/2026',
    '2026-01-31T12:00:00',
    '2026-02-31',
    '2026-13-01',
    '2026-01-31T25:00:00Z',
    '2026',
    '202601',
    '20260131',
    '202601311200',
  ])('refuses --since %s', async (time) => {
    const stage = await createOperatorStage()
    const { status, stdout, stderr } = await stage.run(`server audit export --since ${time}`)
    expect({ status, stdout, stderr }).toEqual({
      status: 2,
      stdout: '',
      stderr: expect.stringContaining('--since must'),
    })
  })
})

describe('every operator command', () => {
  it('reports which server it needs to know, and never creates a missing database', async () => {
    const stage = await createOperatorStage()
    const unnamed = await stage.run('server users list', { config: false })
    expect(unnamed).toMatchObject({ status: 2, stderr: expect.stringContaining('--config <file> or --db <database>') })
    const both = await stage.run(`server users list --db ${stage.database}`)
    expect(both).toMatchObject({ status: 2 })
    const configuration = await stage.run(`server users list --db ${stage.config}`, { config: false })
    expect(configuration).toMatchObject({ status: 2, stderr: expect.stringContaining('is not a SQLite database') })
    for (const command of ['server users list', `server keys list --db ${stage.database}`]) {
      const { status, stderr } = await stage.run(command, command.includes('--db') ? { config: false } : {})
      expect({ status, stderr }).toEqual({ status: 2, stderr: expect.stringContaining('The database') })
    }
    expect(() => statSync(stage.database)).toThrow('ENOENT')
  })

  it('explains how to handle a database owned by another user', async () => {
    const isRoot = process.getuid?.() === 0
    if (isRoot) need('setpriv')
    const [stage] = await createStageWith(addAlice)
    chmodSync(stage.folder, 0o555)
    // This checkout may be readable by root only: let another user read all of it, and write nothing.
    const rights = ['--inh-caps=+dac_read_search', '--ambient-caps=+dac_read_search', '--securebits=+no_setuid_fixup']
    const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', ...rights]
    const asOther = isRoot ? nobody : ['env']
    const [program, ...args] = [
      ...asOther,
      process.execPath,
      commandPath,
      'server',
      'users',
      'list',
      '--db',
      stage.database,
    ]
    const { status, stderr } = spawnSync(program, args, { encoding: 'utf8' })
    chmodSync(stage.folder, 0o755)
    expect({ status, stderr }).toEqual({ status: 1, stderr: expect.stringContaining('cannot be written') })
  })

  it('prints untrusted text with control characters escaped', async () => {
    const [stage] = await createStageWith((storage) =>
      storage.recordAgent({
        agent: 'https://agent.example',
        name: 'Evil\u001b[2J\nname',
        redirectHosts: [],
        keyThumbprints: [],
      }),
    )
    const { stdout } = await stage.run('server agents list')
    expect(stdout).toContain('Evil\\u001b[2J name')
    expect(stdout).toMatch(/^AGENT +https:\/\/agent\.example\nSELF-REPORTED NAME +\S+ name\nFIRST SEEN/)
  })
})

describe('countersign server db backup', () => {
  it('copies an older schema as it is, so that there is a backup from before the upgrade', async () => {
    const [stage] = await createStageWith(addAlice)
    const change = new Database(stage.database)
    change.exec('drop index auth_request_open; pragma user_version = 23')
    change.close()
    const copy = join(stage.folder, 'copy.db')
    expect(await stage.run(`server db backup ${copy}`)).toMatchObject({ status: 0, stderr: '' })
    for (const file of [stage.database, copy]) expect(readSchemaVersion(file).found).toBe(23)
    expect(await stage.ask('server users list')).toMatchObject([{ username: 'Alice' }])
    expect(readSchemaVersion(stage.database).found).toBeGreaterThan(23)
  })

  it('makes a copy that only its user can read, during concurrent writes, and that a server starts from', async () => {
    const [stage] = await createStageWith(addAlice)
    const writing = new Database(stage.database)
    writing.exec('begin immediate')
    const copy = join(stage.folder, 'copy.db')
    const umask = process.umask(0)
    try {
      // The first command records the issuer: it does not wait for writers.
      const failed = await stage.run(`server db backup ${copy}`)
      expect(failed).toMatchObject({ status: 1, stderr: expect.stringContaining('is not responding') })
      expect(existsSync(copy)).toBe(false)
      const direct = await stage.run(`server db backup ${copy} --db ${stage.database}`, { config: false })
      expect(direct).toMatchObject({
        status: 0,
        stderr: '',
        stdout: expect.stringContaining(`The backup is in ${copy}.`),
      })
    } finally {
      process.umask(umask)
    }
    expect(statSync(copy).mode & 0o777).toBe(0o600)
    writing.exec('rollback')
    writing.close()
    expect(readdirSync(stage.folder).filter((name) => name.startsWith('copy.db'))).toEqual(['copy.db'])
    const restored = sqliteStorage(copy, { sweepInterval: 0 })
    expect(await restored.listUsers()).toMatchObject([{ username: 'Alice' }])
    await restored.close()
    const checked = new Database(copy)
    expect(checked.pragma('integrity_check', { simple: true })).toBe('ok')
    expect(() => checked.exec("update audit_event set event = 'other'")).toThrow(/an audit event is/)
    checked.close()
  })

  it('overwrites nothing, and leaves nothing behind if it could not write', async () => {
    const [stage] = await createStageWith(addAlice)
    const copy = join(stage.folder, 'copy.db')
    writeFileSync(copy, 'something that is needed')
    const again = await stage.run(`server db backup ${copy}`)
    expect(again).toMatchObject({ status: 1, stdout: '', stderr: `${copy} already exists: use a new file name.\n` })
    expect(readFileSync(copy, 'utf8')).toBe('something that is needed')
    const nowhere = await stage.run(`server db backup ${join(stage.folder, 'missing', 'copy.db')}`)
    expect(nowhere).toMatchObject({ status: 1, stderr: expect.stringContaining('could not be copied to') })
    expect(await stage.run('server db backup')).toMatchObject({ status: 2 })
    expect(await stage.ask(`server db backup ${join(stage.folder, 'other.db')}`)).toEqual({
      file: join(stage.folder, 'other.db'),
    })
  })
})

describe('countersign server db finish-restore', () => {
  it('ends the sessions and requests that a backup brought back, on behalf of the operator, and reports what it leaves', async () => {
    const [stage, grant] = await createStageWith((storage) => refreshable(storage))
    // Like a server with its own keys.
    await inDatabase(stage, (storage) => storage.claimIssuer(stage.issuer, 600))
    const { status, stdout } = await stage.run('server db finish-restore --by carol')
    expect({ status, stdout }).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('0 sessions, 0 open requests, 0 codes, 1 refresh tokens, 0 devices.'),
    })
    for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80)
    expect(await stage.ask('server db finish-restore')).toEqual({
      sessions: 0,
      requests: 0,
      codes: 0,
      refreshTokens: 0,
      devices: 0,
    })
    const refused = await inDatabase(stage, (storage) => storage.refreshGrant(grant.refresh))
    expect(refused).toEqual({ outcome: 'refused', reason: 'revoked' })
    expect((await stage.run('server audit export --event database.restored')).stdout).toContain('"by":"operator:carol"')
  })

  it('refuses a database that no server has ever used, and leaves an empty one empty', async () => {
    const [stage] = await createStageWith(addAlice)
    const withoutKeys = await stage.run('server db finish-restore')
    expect(withoutKeys).toMatchObject({
      status: 1,
      stdout: '',
      stderr: expect.stringMatching(/^Nothing was restored: /),
    })
    writeFileSync(stage.database, '')
    for (const command of ['server db finish-restore', 'server db check', 'server users list']) {
      const { status, stdout, stderr } = await stage.run(command)
      expect({ status, stdout, stderr }, command).toMatchObject({ status: 1, stdout: '' })
      expect(stderr).toContain('is empty')
      expect(stderr).toContain('the restore failed')
    }
    expect(statSync(stage.database).size).toBe(0)
  })
})

describe('countersign server db check', () => {
  it('finds nothing in a database that only this program wrote', async () => {
    const [stage] = await createStageWith((storage) => refreshable(storage))
    expect(await stage.run('server db check')).toMatchObject({ status: 0, stdout: 'All checks passed.\n', stderr: '' })
    expect(await stage.ask('server db check')).toEqual([])
  })

  it('reports violated invariants, by row ids, and exits with status 1', async () => {
    const [stage, { grantId }] = await createStageWith((storage) => refreshable(storage))
    const other = new Database(stage.database)
    other.exec('update consent_grant set revoked_at = created_at - 3')
    other.close()
    const { status, stdout, stderr } = await stage.run('server db check')
    expect({ status, stderr }).toEqual({ status: 1, stderr: '' })
    expect(stdout).toContain(`I4 token_after_removal.`)
    expect(stdout).toContain(`\n  grant ${grantId}\n`)
    for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80)
    const json = await stage.run('server db check --json')
    expect(json.status).toBe(1)
    expect(JSON.parse(json.stdout)).toContainEqual({
      invariant: 'I12',
      check: 'removal_without_event',
      never: 'A grant was revoked, but the audit log has no event for it.',
      rows: { grant: grantId },
    })
  })
})
