import fs, {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createSigner, type PrivateJwk } from 'countersign'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { holdClock } from '../../../test/hold-clock.js'
import { needInFile } from '../../../test/needs.js'
import { simulatePublicNetwork } from '../../countersign/test/discovery/public-network.js'
import { certificateOf, startTlsServer, trust } from '../../countersign/test/discovery/tls-server.js'
import type { Finished } from './run-command.js'
import { startProgram } from './run-program.js'

const id = 'https://me.example'
needInFile('openssl')
const certificate = certificateOf('me.example')

let scratch: string
let home: string
let out: string
beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), 'countersign-init-'))
  home = join(scratch, 'home')
  out = join(scratch, 'site')
})
afterEach(() => {
  vi.useRealTimers()
  rmSync(scratch, { recursive: true, force: true })
})

/** A static file host at https://me.example, which serves the most recent upload. */
async function openHost({ cacheControl }: { cacheControl?: string } = {}) {
  trust(certificate)
  const files = new Map<string, string>()
  const host = {
    files,
    status: 404,
    upload() {
      for (const path of ['.well-known/aauth-agent', 'jwks.json'])
        files.set(`/${path}`, readFileSync(join(out, path), 'utf8'))
    },
    change(path: string, change: object) {
      files.set(path, JSON.stringify({ ...(JSON.parse(files.get(path) ?? '{}') as object), ...change }))
    },
  }
  const server = await startTlsServer(certificate, ({ url = '' }, response) => {
    const text = files.get(url)
    // As static file hosts do for a name without an extension.
    const headers = {
      'content-type': 'application/octet-stream',
      ...(cacheControl === undefined ? {} : { 'cache-control': cacheControl }),
    }
    response.writeHead(text === undefined ? host.status : 200, headers).end(text)
  })
  simulatePublicNetwork({ 'me.example': [['93.184.216.34']] }, server.port)
  return host
}

function init(...flags: string[]): Promise<Finished> {
  return startProgram(['agent', 'init', ...flags], { env: { COUNTERSIGN_HOME: home } }).finished
}

/** The same command for an agent with a host. */
function initHere(...flags: string[]): Promise<Finished> {
  return init('--upload-folder', out, ...flags)
}

const readJson = (...path: string[]) => JSON.parse(readFileSync(join(...path), 'utf8')) as Record<string, unknown>
const agentFile = () => readJson(home, 'agent.json') as { signingKey: string; nextKey?: string; since?: number }
const keyFiles = () =>
  readdirSync(home)
    .filter((name) => name.startsWith('key-'))
    .toSorted()
const publishedKids = () => (readJson(out, 'jwks.json').keys as { kid: string }[]).map(({ kid }) => `key-${kid}.json`)
const flat = (text: string) => text.replaceAll(/\s+/g, ' ')

/** All output fits a terminal, except lines that are meant to be copied. */
function expectNarrow({ stdout, stderr }: Finished) {
  for (const line of (stdout + stderr).split('\n'))
    if (!/^ *(?:- |GET )?\S+$|^ {2}countersign/.test(line)) expect(line.length).toBeLessThanOrEqual(80)
}

describe('countersign agent init', () => {
  it('generates the key, and the two documents for a static file host', async () => {
    await openHost()
    const made = await initHere('--id', id, '--name', 'My scripts')
    expect(made.status).toBe(0)
    expectNarrow(made)
    expect(readJson(out, '.well-known/aauth-agent')).toEqual({
      agent: id,
      jwks_uri: `${id}/jwks.json`,
      redirect_uris: ['http://127.0.0.1/callback'],
      name: 'My scripts',
    })
    const { signingKey } = agentFile()
    const { jwk } = await createSigner(readJson(home, signingKey) as unknown as PrivateJwk)
    expect(readJson(out, 'jwks.json')).toEqual({ keys: [jwk] })
    expect(jwk).not.toHaveProperty('d')
    for (const name of ['agent.json', signingKey]) expect(statSync(join(home, name)).mode & 0o777).toBe(0o600)
    expect(statSync(home).mode & 0o777).toBe(0o700)
    expect(made.stdout).toContain('They are not published yet.')
    expect(made.stdout).toContain('  countersign fetch --auth-server https://auth.example https://api.example/events\n')
    expect(made.stdout).not.toContain(String(readJson(home, signingKey).d))
    const upload = made.stdout.slice(made.stdout.indexOf('Upload'), made.stdout.indexOf('They are not'))
    expect(upload.trim().split('\n').length).toBeLessThanOrEqual(10)
  })

  it('reports that both documents are up, whatever media type the host uses', async () => {
    const host = await openHost()
    await initHere('--id', id)
    host.upload()
    const seen = await initHere()
    expect({ status: seen.status, up: seen.stdout.includes('Both documents are published') }).toEqual({
      status: 0,
      up: true,
    })
    expect(seen.stdout).not.toMatch(/Upload|Content-Type/)
  })

  it('keeps the key and writes the documents again when run a second time', async () => {
    await openHost()
    await initHere('--id', id, '--name', 'One')
    const before = { keys: keyFiles(), file: agentFile(), jwks: readJson(out, 'jwks.json') }
    rmSync(out, { recursive: true })
    expect((await initHere()).status).toBe(1)
    expect({ keys: keyFiles(), file: agentFile(), jwks: readJson(out, 'jwks.json') }).toEqual(before)
    expect((await initHere('--id', id, '--name', 'Two', '--auth-server', 'https://auth.example')).status).toBe(0)
    expect(keyFiles()).toEqual(before.keys)
    expect(agentFile()).toEqual({ ...before.file, name: 'Two', authServers: ['https://auth.example'] })
    const { stdout } = await initHere()
    expect(stdout).toContain('  countersign fetch https://api.example/events\n')
  })

  it('keeps members that were added to the description', async () => {
    await openHost()
    await initHere('--id', id)
    const path = join(out, '.well-known/aauth-agent')
    const added = { homepage: `${id}/scripts`, redirect_uris: ['com.example.app:/callback'] }
    writeFileSync(path, JSON.stringify({ ...readJson(path), ...added }))
    await initHere('--name', 'Two')
    expect(readJson(path)).toEqual({
      agent: id,
      jwks_uri: `${id}/jwks.json`,
      name: 'Two',
      homepage: `${id}/scripts`,
      redirect_uris: ['http://127.0.0.1/callback', 'com.example.app:/callback'],
    })
  })

  it.each<[string, string, object, string]>([
    ['no keys', '/jwks.json', { keys: [] }, 'Its jwks.json lacks the agent’s key: upload the new jwks.json.'],
    [
      'a different key',
      '/jwks.json',
      { keys: [{ kty: 'OKP', crv: 'Ed25519', x: 'Xx4_L89E6RsyvDTzN9wuN3cDwgifPkXMgFJv_HMIxdk', kid: 'theirs' }] },
      'Its jwks.json lacks the agent’s key: upload the new jwks.json.',
    ],
    [
      'a different jwks_uri',
      '/.well-known/aauth-agent',
      { jwks_uri: `${id}/other.json` },
      `Its jwks_uri is ${id}/other.json`,
    ],
    [
      'a different redirect URL',
      '/.well-known/aauth-agent',
      { redirect_uris: ['http://127.0.0.1:8004/callback'] },
      'Its redirect_uris do not include http://127.0.0.1/callback',
    ],
    ['a different name', '/.well-known/aauth-agent', { name: 'x' }, 'Its name is not “My scripts”'],
    ['a different agent', '/.well-known/aauth-agent', { agent: 'https://you.example' }, `Set agent to ${id}, exactly.`],
  ])('reports how to fix a host that has %s', async (_case, path, change, problem) => {
    const host = await openHost()
    await initHere('--id', id, '--name', 'My scripts')
    host.upload()
    host.files.set('/other.json', host.files.get('/jwks.json') ?? '')
    host.change(path, change)
    const seen = await initHere()
    expect(seen.status).toBe(1)
    expect(flat(seen.stdout)).toContain('The published documents are not correct. - ')
    expect(flat(seen.stdout)).toContain(problem)
    expectNarrow(seen)
  })

  it('ends with 3 where the host is not responding, and with 0 where it made something', async () => {
    const host = await openHost()
    host.status = 503
    expect((await initHere('--id', id)).status).toBe(0)
    const seen = await initHere()
    expect(seen.status).toBe(3)
    expect(seen.stdout).toContain('They could not be checked.')
  })

  it('warns about an identifier with a path, and writes documents for that path', async () => {
    await openHost()
    const made = await initHere('--id', `${id}/~me`)
    expect(made.status).toBe(0)
    expect(flat(made.stderr)).toContain(
      `Warning: ${id}/~me has a path. Most APIs and auth servers refuse such identifiers`,
    )
    expect(made.stdout).toContain(`  ${id}/~me/.well-known/aauth-agent\n  ${id}/~me/jwks.json\n`)
    expect(readJson(out, '.well-known/aauth-agent')).toMatchObject({
      agent: `${id}/~me`,
      jwks_uri: `${id}/~me/jwks.json`,
    })
    expectNarrow(made)
  })

  it('prints one JSON document', async () => {
    const host = await openHost()
    const made = await initHere('--id', id, '--auth-server', 'https://auth.example', '--json')
    const kid = agentFile().signingKey.slice(4, -5)
    const files = ['.well-known/aauth-agent', 'jwks.json'].map((path) => ({
      file: join(out, path),
      url: `${id}/${path}`,
    }))
    const document = {
      agent: id,
      folder: home,
      did: 'made',
      signing_key: kid,
      next_key: null,
      wait_seconds: null,
      upload: { folder: out, files },
      published: { outcome: 'absent', problems: [], advice: [] },
      warnings: [],
      next: 'countersign fetch https://api.example/events',
    }
    expect({ status: made.status, document: JSON.parse(made.stdout) as unknown }).toEqual({ status: 0, document })
    host.upload()
    expect(JSON.parse((await initHere('--json')).stdout)).toEqual({
      ...document,
      did: 'kept',
      published: { outcome: 'up', problems: [], advice: [] },
    })
  })

  it('creates an agent on this machine, which has nothing to upload', async () => {
    const made = await init('--id', 'http://127.0.0.1:8004')
    expect({ status: made.status, stderr: made.stderr }).toEqual({ status: 0, stderr: '' })
    expect(made.stdout).not.toContain('Upload')
    expect((await init()).status).toBe(0)
    expect(keyFiles()).toHaveLength(1)
  })

  it('includes the given folder in the next command, quoted for a shell', async () => {
    const folder = join(scratch, "it's mine")
    const { stdout } = await init('--id', 'http://127.0.0.1:8004', '--home', folder)
    expect(stdout).toContain(`countersign fetch --home '${folder.replace("'", "'\\''")}' --auth-server`)
    expect(existsSync(join(folder, 'agent.json'))).toBe(true)
    expect(existsSync(home)).toBe(false)
  })

  it.each<[string, string[], string]>([
    ['no id', [], 'agent init requires --id https://…'],
    ['an invalid id', ['--id', 'me.example'], 'add https:// in front (https://me.example)'],
    ['an id with http', ['--id', 'http://me.example'], 'use https instead of http'],
    ['an invalid auth server', ['--id', id, '--auth-server', 'x'], '--auth-server is not a valid identifier'],
    [
      'a name of spaces only',
      ['--id', id, '--name', ' '],
      '--name must be 1 to 200 characters on one line, not only spaces.',
    ],
    ['--rotate without an existing key', ['--rotate'], 'There is no agent in '],
    ['--leaked without --rotate', ['--id', id, '--leaked'], '--leaked requires --rotate'],
    ['--now without --rotate', ['--id', id, '--now'], '--now requires --rotate'],
    ['--leaked with --now', ['--id', id, '--rotate', '--now', '--leaked'], "Option '--now' cannot be used with"],
    [
      '--upload-folder for an agent on this machine',
      ['--id', 'http://127.0.0.1:8004', '--upload-folder', 'x'],
      'nothing to upload',
    ],
    ['an invalid network', ['--id', id, '--allow-network', 'x'], '--allow-network: x'],
  ])('exits with 2 for %s, and creates nothing', async (_case, flags, message) => {
    const { status, stdout, stderr } = await init(...flags)
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
    expect(stderr).toContain(message)
    expect(stderr.trimEnd().split('\n').length).toBeLessThanOrEqual(2)
    expect(existsSync(home)).toBe(false)
  })

  it('rejects an id that differs from the folder’s', async () => {
    await init('--id', 'http://127.0.0.1:8004')
    const before = agentFile()
    const { status, stderr } = await initHere('--id', id)
    expect({ status, stderr }).toEqual({
      status: 2,
      stderr: `${home} already contains the agent http://127.0.0.1:8004: use another folder with --home, or move the existing one somewhere else.\n`,
    })
    expect(agentFile()).toEqual(before)
    expect(existsSync(out)).toBe(false)
  })

  it('refuses to write documents over its own key, or over those of other agents', async () => {
    const above = await init('--id', id, '--upload-folder', scratch)
    expect({ status: above.status, stderr: above.stderr }).toEqual({
      status: 2,
      stderr: `${scratch} would be uploaded together with the private key, which is in ${home}: use another folder for --upload-folder.\n`,
    })
    mkdirSync(join(out, '.well-known'), { recursive: true })
    writeFileSync(join(out, 'jwks.json'), '{"keys":[]}')
    const alone = await initHere('--id', id)
    expect({ status: alone.status, stderr: alone.stderr }).toEqual({
      status: 1,
      stderr: `${out} contains documents that may belong to an agent other than ${id}: use another folder with --upload-folder.\n`,
    })
    writeFileSync(join(out, '.well-known/aauth-agent'), '{"agent":"https://you.example"}')
    expect((await initHere('--id', id)).status).toBe(1)
    expect(existsSync(home)).toBe(false)
    expect(readFileSync(join(out, 'jwks.json'), 'utf8')).toBe('{"keys":[]}')
  })

  it('reports which document or folder cannot be written', async () => {
    await openHost()
    writeFileSync(out, 'a file')
    const { status, stderr } = await initHere('--id', id)
    expect({ status, stderr }).toEqual({
      status: 1,
      stderr: `${out}/.well-known/aauth-agent cannot be read (ENOTDIR).\n`,
    })
    writeFileSync(home, 'a file')
    expect((await init('--id', id)).stderr).toBe(`${home}/agent.json cannot be read (ENOTDIR).\n`)
  })

  it('rejects a folder that other users can read (L04)', async () => {
    await init('--id', 'http://127.0.0.1:8004')
    chmodSync(home, 0o755)
    const { status, stderr } = await init()
    expect({ status, stderr }).toEqual({
      status: 1,
      stderr: `Other users have access to ${home}. Run: chmod 700 ${home}\n`,
    })
  })
})

describe('countersign agent init --rotate', () => {
  it('publishes two keys, then one, and continues only when everyone has both', async () => {
    const clock = holdClock(1_800_000_000_000)
    const host = await openHost({ cacheControl: 'max-age=240' })
    await initHere('--id', id)
    host.upload()
    const { signingKey: old } = agentFile()

    const announced = await initHere('--rotate')
    expect(announced.status).toBe(0)
    expectNarrow(announced)
    const next = agentFile().nextKey ?? ''
    expect(agentFile()).toMatchObject({ signingKey: old })
    expect(publishedKids()).toEqual([old, next])

    const early = await initHere('--rotate')
    expect(early.status).toBe(1)
    expect(early.stderr).toContain(
      `${id} does not publish both keys yet, so the old key stays in use. Its jwks.json lacks the next key: upload the new jwks.json.\n`,
    )

    host.upload()
    const first = await initHere('--rotate')
    expect({ status: first.status, stderr: first.stderr.split('\n').at(-2) }).toEqual({
      status: 1,
      stderr:
        'Other parties may still have only the old key for up to 4 minutes: run countersign agent init --rotate again after that, or with --now if failed requests are acceptable.',
    })
    clock.pass(181)
    expect((await initHere('--rotate')).stderr).toContain('only the old key for up to 1 minute')
    expect(agentFile()).toEqual(expect.objectContaining({ signingKey: old, nextKey: next }))
    expect(publishedKids()).toEqual([old, next])

    clock.pass(59)
    const changed = await initHere('--rotate')
    expect(changed.status).toBe(0)
    expectNarrow(changed)
    expect(agentFile()).toEqual({ id, authServers: [], signingKey: next })
    expect(keyFiles()).toEqual([next])
    expect(publishedKids()).toEqual([next])

    const behind = await initHere()
    expect(flat(behind.stdout)).toContain(
      `contains the key ${old.slice(4, -5)}, which this agent does not use to sign.`,
    )
    host.upload()
    expect(flat((await initHere()).stdout)).not.toContain('which this agent does not use to sign')
  })

  it('counts from when init first saw both, and reports how long it takes', async () => {
    const clock = holdClock(1_800_000_000_000)
    const host = await openHost()
    await initHere('--id', id)
    await initHere('--rotate')
    host.upload()
    const seen = await initHere()
    expect(seen.status).toBe(0)
    expect(seen.stdout).toContain(
      'In 5 minutes, all other parties will have both keys:\n  countersign agent init --rotate\n',
    )
    expect(JSON.parse((await initHere('--json')).stdout)).toMatchObject({ wait_seconds: 300 })
    clock.pass(300)
    expect((await initHere()).stdout).toContain(
      'All other parties have both keys:\n  countersign agent init --rotate\n',
    )
    expect((await initHere('--rotate')).status).toBe(0)
  })

  it.each([
    ['max-age=5', 60],
    ['max-age=86400', 600],
    ['no-store', 60],
  ])('waits for the cache lifetime of others with %s', async (cacheControl, seconds) => {
    holdClock(1_800_000_000_000)
    const host = await openHost({ cacheControl })
    await initHere('--id', id)
    await initHere('--rotate')
    host.upload()
    expect(JSON.parse((await initHere('--json')).stdout)).toMatchObject({ wait_seconds: seconds })
  })

  it('restarts the wait if the host lost one of the keys, or if the clock was set back', async () => {
    const clock = holdClock(1_800_000_000_000)
    const host = await openHost()
    await initHere('--id', id)
    host.upload()
    const single = host.files.get('/jwks.json') ?? ''
    await initHere('--rotate')
    host.upload()
    await initHere()
    clock.pass(300)
    host.files.set('/jwks.json', single)
    expect((await initHere('--rotate')).status).toBe(1)
    host.upload()
    expect((await initHere('--rotate')).stderr).toContain('only the old key for up to 5 minutes')
    clock.pass(-9000)
    expect((await initHere('--rotate')).stderr).toContain('only the old key for up to 5 minutes')
    clock.pass(300)
    expect((await initHere('--rotate')).status).toBe(0)
  })

  it('does not go on where the host is not responding, and does not forget what it saw', async () => {
    const clock = holdClock(1_800_000_000_000)
    const host = await openHost()
    await initHere('--id', id)
    await initHere('--rotate')
    host.upload()
    await initHere()
    clock.pass(300)
    const files = new Map(host.files)
    host.files.clear()
    host.status = 503
    const away = await initHere('--rotate')
    expect(away.status).toBe(3)
    expect(away.stderr).toContain(`${id} could not be checked, so the old key stays in use.`)
    for (const [path, text] of files) host.files.set(path, text)
    expect((await initHere('--rotate')).status).toBe(0)
  })

  it('continues immediately with --now, and warns about what may fail', async () => {
    holdClock(1_800_000_000_000)
    const host = await openHost()
    await initHere('--id', id)
    await initHere('--rotate')
    const { nextKey } = agentFile()
    const unseen = await initHere('--rotate', '--now')
    expect(unseen.status).toBe(0)
    expect(flat(unseen.stderr)).toContain('Warning: The new key is not published yet')
    expect(agentFile()).toEqual({ id, authServers: [], signingKey: nextKey })
    await initHere('--rotate')
    host.upload()
    const early = await initHere('--rotate', '--now')
    expect(flat(early.stderr)).toContain('Warning: Other parties may refuse the new key for up to 5 minutes.')
  })

  it('--leaked immediately publishes only a new key, even during a rotation', async () => {
    const host = await openHost({ cacheControl: 'max-age=120' })
    await initHere('--id', id)
    host.upload()
    for (const middle of [false, true]) {
      if (middle) await initHere('--rotate')
      const before = keyFiles()
      const replaced = await initHere('--rotate', '--leaked')
      expect(replaced.status).toBe(0)
      expectNarrow(replaced)
      expect(keyFiles()).toHaveLength(1)
      for (const name of before) expect(keyFiles()).not.toContain(name)
      expect(publishedKids()).toEqual(keyFiles())
      expect(agentFile()).toEqual({ id, authServers: [], signingKey: keyFiles()[0] })
      expect(flat(replaced.stdout)).toContain('The old key keeps working for up to 2 minutes after the upload.')
      expect(replaced.stdout).toContain(`  countersign server agents block ${id}\n`)
    }
  })

  it('immediately changes the key of an agent on this machine', async () => {
    await init('--id', 'http://127.0.0.1:8004')
    const before = keyFiles()
    expect((await init('--rotate')).status).toBe(0)
    expect(keyFiles()).toHaveLength(1)
    expect(keyFiles()).not.toEqual(before)
  })
})

/** Makes the program die at its nth rename or removal of a file: that operation and all later ones fail. */
function dieAt(step: number): { died: () => boolean } {
  const real = { rename: fs.promises.rename, rm: fs.promises.rm }
  let steps = 0
  const unlessDead = <A extends unknown[]>(work: (...args: A) => Promise<void>) =>
    async function orDead(...args: A): Promise<void> {
      steps++
      if (steps >= step) throw new Error('killed')
      return work(...args)
    }
  Object.assign(fs.promises, { rename: unlessDead(real.rename), rm: unlessDead(real.rm) })
  syncBuiltinESMExports()
  return {
    died() {
      Object.assign(fs.promises, real)
      syncBuiltinESMExports()
      return steps >= step
    },
  }
}

describe('countersign agent init when it is killed', () => {
  it.each<[string, string[][], string[]]>([
    ['during the first run', [], ['--id', id]],
    ['while announcing a key', [['--id', id]], ['--rotate']],
    ['while changing the key', [['--id', id], ['--rotate']], ['--rotate', '--now']],
    ['after a key leaked', [['--id', id]], ['--rotate', '--leaked']],
    ['after a key leaked during a rotation', [['--id', id], ['--rotate']], ['--rotate', '--leaked']],
  ])('%s leaves a working folder, whenever it is killed', async (_case, before, flags) => {
    await openHost()
    let deaths = 0
    for (let step = 1; step < 20; step++) {
      for (const folder of [home, out]) rmSync(folder, { recursive: true, force: true })
      for (const each of before) await initHere(...each)
      const death = dieAt(step)
      const { status } = await initHere(...flags)
      if (!death.died()) break
      deaths++
      expect(status).toBe(1)
      const again = await initHere('--id', id)
      expect({ step, stderr: again.stderr.replaceAll(/^GET .*\n/gm, '') }).toEqual({ step, stderr: '' })
      const { signingKey, nextKey } = agentFile()
      expect(publishedKids()).toEqual(nextKey === undefined ? [signingKey] : [signingKey, nextKey])
      expect(keyFiles()).toEqual(expect.arrayContaining(publishedKids()))
    }
    expect(deaths).toBeGreaterThanOrEqual(4)
  })
})
