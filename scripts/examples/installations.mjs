import assert from 'node:assert/strict'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { countersign, freePort } from './parties.mjs'
import { programsOf, runAndAllow, untilServed } from './stage.mjs'

const events = /^200 The events of \S+\.\n$/

/** An agent with two installations, one of which is revoked while the other keeps working. */
async function twoInstallations(stage) {
  const { root, dist, cwd, authServer, api } = stage
  const vendor = programsOf(stage)
  await countersign(root, ['agent', 'keys', 'generate', '--output', 'agent-key.json'], { cwd }).ended
  writeFileSync(join(cwd, 'invitations.json'), JSON.stringify({ first: 'laptop-7', second: 'laptop-8' }))
  const id = `http://127.0.0.1:${await freePort()}`
  const env = { AGENT_ID: id, AUTH_SERVER: authServer, API: api.url }
  const manage = async (...args) => (await vendor.run('agent-server', env, ...args).ended).stdout

  function install(folder, INVITATION) {
    const path = join(cwd, folder)
    mkdirSync(path, { recursive: true })
    const programs = programsOf({ dist, cwd: path })
    return {
      run: () => programs.run('installation', env).ended,
      runAndAllow: () => runAndAllow(programs, 'installation', { ...env, INVITATION }),
      fail: async (said) => {
        const { status, stdout, stderr } = await programs.run('installation', { ...env, INVITATION }).ended
        assert.deepEqual([status, stdout], [1, ''], stderr)
        assert.match(stderr, said)
      },
      forgetTokens: () => rmSync(join(path, 'state'), { recursive: true }),
    }
  }

  const first = install('first', 'first')
  await first.fail(/^The agent server \S+ does not respond\. Try again later\.$/m)
  const server = vendor.run('agent-server', env)
  try {
    await untilServed(id)
    await install('stranger', 'guess').fail(/: This installation was not recognized\.$/m)
    const allowed = await first.runAndAllow()
    assert.deepEqual([allowed.status, events.test(allowed.printed)], [0, true], allowed.stdout)
    const again = await first.run()
    assert.deepEqual([again.status, again.stdout], [0, allowed.printed], again.stderr)
    await install('copy', 'first').fail(/: This installation was not recognized\.$/m)
    const second = install('second', 'second')
    const prompted = await second.runAndAllow()
    assert.deepEqual([prompted.status, events.test(prompted.printed)], [0, true], 'consent is per installation')
    assert.equal(await manage('revoke', 'laptop-7'), 'laptop-7 is revoked.\n')
    assert.equal(await manage('list'), 'laptop-7 revoked\nlaptop-8 active\n')
    first.forgetTokens()
    await first.fail(/: This installation was revoked\.$/m)
    second.forgetTokens()
    const kept = await second.runAndAllow()
    assert.deepEqual([kept.status, events.test(kept.printed)], [0, true], kept.stdout)
  } finally {
    await server.stop()
  }
}

/** The expected behavior of each program, in words, with the files that implement it. */
export const installations = [
  {
    files: ['agent-server.ts', 'installation.ts'],
    name: 'an agent with two installations, one of which is revoked',
    run: twoInstallations,
  },
]
