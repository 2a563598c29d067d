import { randomBytes } from 'node:crypto'
import { ConfigurationError } from 'countersign/node'
import { loadConfig, parseMasterKey, readMasterKey, requireSafeStart } from 'countersign-server'
import { describe, expect, it } from 'vitest'
import { configurationFolder } from './configuration-folder.js'

const key = randomBytes(32).toString('base64url')
const provider = {
  id: 'corp',
  name: 'Corp',
  issuer: 'https://id.example',
  clientId: 'c',
  clientSecret: 'k4Jw93lsQ0dMv7Zz',
}
const production = { issuer: 'https://auth.example', database: 'auth.db', masterKeyFile: 'master.key' }
const development = { ...production, issuer: 'http://127.0.0.1:8003', allowInsecureLoopback: true }

interface Start {
  config?: object
  env?: NodeJS.ProcessEnv
  modes?: { config?: number; key?: number; database?: number }
  /** The environment without a file that holds the master key. */
  keyless?: boolean
}

async function start({ config = {}, env = {}, modes = {}, keyless = false }: Start) {
  const folder = configurationFolder()
  folder.write('master.key', key, modes.key)
  folder.write('auth.db', '', modes.database)
  const path = folder.write(
    'countersign.config.json',
    { ...production, ...(keyless ? { masterKeyFile: undefined } : {}), ...config },
    modes.config,
  )
  const loaded = await loadConfig(path, env)
  await requireSafeStart(loaded, env)
  return readMasterKey(loaded)
}

describe('requireSafeStart (O06)', () => {
  it('starts in production with files that only their owner can read', async () => {
    expect(await start({})).toEqual(Buffer.from(key, 'base64url'))
    await expect(start({ config: { accounts: { identityProviders: [provider] } } })).resolves.toBeDefined()
    await expect(start({ config: development })).resolves.toBeDefined()
  })

  it.each<[string, string, string]>([
    ['a folder', '.', 'is a folder: set the path of a file, such as'],
    ['a file in a folder that does not exist', 'none/auth.db', 'is in a folder that does not exist,'],
    ['a file in a folder inside a file', 'master.key/none/auth.db', 'is in a folder that does not exist,'],
  ])('refuses %s as the database, and says what to do', async (_, database, problem) => {
    await expect(start({ config: { database } })).rejects.toThrow(`database: ${problem}`)
  })

  it.each([
    ['inside a file', 'auth.db/master.key', 'ENOTDIR'],
    ['with a name that is too long', 'k'.repeat(256), 'ENAMETOOLONG'],
  ])('leaves it to the reader of a secret to report that it is inaccessible: %s', async (_, masterKeyFile, code) => {
    await expect(start({ config: { masterKeyFile } })).rejects.toThrow(`masterKeyFile: cannot be read (${code})`)
  })

  it.each<[string, Start, string]>([
    ['disabled TLS verification', { env: { NODE_TLS_REJECT_UNAUTHORIZED: '0' } }, 'NODE_TLS_REJECT_UNAUTHORIZED'],
    [
      'lenient HTTP parsing',
      { env: { NODE_OPTIONS: '--max-http-header-size=8192 --insecure-http-parser' } },
      '--insecure-http-parser',
    ],
    ['an http issuer', { config: { issuer: 'http://auth.example' } }, 'issuer'],
    ['an http issuer on loopback', { config: { issuer: 'http://127.0.0.1:8003' } }, 'issuer'],
    ['fetches from loopback in production', { config: { allowInsecureLoopback: true } }, 'allowInsecureLoopback'],
    [
      'fetches from loopback for an identity provider in production',
      { config: { accounts: { identityProviders: [{ ...provider, allowInsecureLoopback: true }] } } },
      'accounts.identityProviders[0].allowInsecureLoopback',
    ],
    ['a master key from an example', { env: { COUNTERSIGN_MASTER_KEY: '0'.repeat(64) }, keyless: true }, 'masterKey'],
    ['a word as a master key', { env: { COUNTERSIGN_MASTER_KEY: 'changeme' }, keyless: true }, 'masterKey'],
    ['no master key', { keyless: true }, 'masterKey'],
    [
      'development mode in production',
      { config: development, env: { NODE_ENV: 'production' } },
      'allowInsecureLoopback',
    ],
    ['a world-readable key file', { modes: { key: 0o644 } }, 'masterKeyFile'],
    ['a world-readable database', { modes: { database: 0o604 } }, 'database'],
    ['a world-writable database', { modes: { database: 0o602 } }, 'database'],
    [
      'a world-readable configuration with secrets',
      { config: { accounts: { identityProviders: [provider] } }, modes: { config: 0o644 } },
      'the file',
    ],
    [
      'a world-readable proxy password',
      { config: { egressProxy: 'http://user:password@proxy.example:3128' }, modes: { config: 0o644 } },
      'the file',
    ],
    [
      'a world-readable password of the mail server',
      {
        config: { email: { from: 'accounts@auth.example', host: 'mail.example', user: 'auth', password: 'right' } },
        modes: { config: 0o644 },
      },
      'the file',
    ],
    [
      'a default secret',
      { config: { accounts: { identityProviders: [{ ...provider, clientSecret: 'changeme123' }] } } },
      'accounts.identityProviders[0].clientSecret',
    ],
    [
      'a short secret',
      { config: { accounts: { identityProviders: [{ ...provider, clientSecret: 'k4Jw93lsQ0dMv7Z' }] } } },
      'accounts.identityProviders[0].clientSecret',
    ],
  ])('refuses %s and names the setting', async (_what, wrong, setting) => {
    const outcome = await start(wrong).catch((error: unknown) => error)
    expect(outcome).toBeInstanceOf(ConfigurationError)
    expect((outcome as ConfigurationError).problems.map((problem) => problem.setting)).toEqual([setting])
  })

  it('allows a configuration without secrets to be world-readable', async () => {
    await expect(start({ modes: { config: 0o644 } })).resolves.toBeDefined()
    const config = { egressProxy: 'http://proxy.example:3128' }
    await expect(start({ config, modes: { config: 0o644 } })).resolves.toBeDefined()
  })
})

describe('readMasterKey', () => {
  const load = (config: object, env: NodeJS.ProcessEnv = {}) =>
    loadConfig(
      configurationFolder().write('countersign.config.json', { ...production, masterKeyFile: undefined, ...config }),
      env,
    )

  it('reports that the master key is missing, and the consequence for a server that ran before (F14)', async () => {
    for (const config of [{}, { masterKeyFile: 'nowhere.key' }]) {
      await expect(readMasterKey(await load(config))).rejects.toThrow(/is missing.*use its original master key/)
    }
  })

  it('reads it from its variable', async () => {
    const loaded = await load({}, { COUNTERSIGN_MASTER_KEY: key })
    expect(await readMasterKey(loaded)).toEqual(Buffer.from(key, 'base64url'))
  })

  it.each([
    ['hex', randomBytes(32).toString('hex'), true],
    ['base64 with padding', randomBytes(32).toString('base64'), true],
    ['a trailing line break', `${key}\n`, true],
    ['too few bytes', randomBytes(31).toString('hex'), false],
    ['a password', 'correct horse battery staple', false],
    ['zeros', '0'.repeat(64), false],
    ['encoded text', Buffer.from('changeme-changeme-changeme-chang').toString('base64'), false],
    ['a repeating pattern', 'deadbeef'.repeat(8), false],
  ])('checks %s', (_what, text, accepted) => {
    expect('masterKey' in parseMasterKey(text)).toBe(accepted)
  })

  it('never repeats the key in its message', async () => {
    const secret = 'correct horse battery staple'
    const outcome = await readMasterKey(await load({ masterKey: secret })).catch((error: unknown) => String(error))
    expect(outcome).toContain('masterKey')
    expect(outcome).not.toContain(secret)
  })
})
