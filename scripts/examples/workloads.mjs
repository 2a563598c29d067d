import assert from 'node:assert/strict'
import { generateKeyPairSync, randomUUID, sign } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createSigner, generatePrivateJwk } from 'countersign'
import { createAuthServer, fixedKeys } from 'countersign-server'
import { sqliteStorage } from 'countersign-server/sqlite'
import { countersign, freePort, openApi, serve } from './parties.mjs'
import { programsOf, untilServed } from './stage.mjs'

/** A platform that issues OIDC tokens to jobs, as GitHub Actions does. */
async function openPlatform(audience) {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const jwk = { ...publicKey.export({ format: 'jwk' }), kid: 'platform-1', alg: 'RS256', use: 'sig' }
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url')
  let issuer = ''

  function issue(repository, aud = audience) {
    const iat = Math.floor(Date.now() / 1000)
    const claims = { iss: issuer, aud, sub: `repo:${repository}:ref:refs/heads/main`, repository, jti: randomUUID() }
    const payload = { ...claims, ref: 'refs/heads/main', iat, exp: iat + 300 }
    const input = `${part({ typ: 'JWT', alg: 'RS256', kid: jwk.kid })}.${part(payload)}`
    return `${input}.${sign('sha256', Buffer.from(input), privateKey).toString('base64url')}`
  }

  const served = await serve(async (id) => {
    issuer = id
    return async (request) => {
      const { pathname, searchParams } = new URL(request.url)
      if (pathname === '/.well-known/openid-configuration') return Response.json({ issuer: id, jwks_uri: `${id}/jwks` })
      if (pathname === '/jwks') return Response.json({ keys: [jwk] })
      const [, repository] = /^Bearer job-of-(\S+)$/.exec(request.headers.get('authorization') ?? '') ?? []
      if (!repository) return new Response(null, { status: 401 })
      return Response.json({ value: issue(repository, searchParams.get('audience')) })
    }
  })
  /** What the platform tells a job of a repository. */
  const environmentOf = (repository) => ({
    ACTIONS_ID_TOKEN_REQUEST_URL: `${served.id}/token?api-version=2.0`,
    ACTIONS_ID_TOKEN_REQUEST_TOKEN: `job-of-${repository}`,
  })
  return { ...served, issue, environmentOf }
}

/** An auth server that gives the jobs of an agent access to the API. */
async function openAuthServer(agent) {
  const policies = [{ name: 'deploy', agent, delegate: 'workload.deploy', scopes: ['events.read'], decision: 'grant' }]
  const keys = fixedKeys({ signer: await createSigner(await generatePrivateJwk()), secret: new Uint8Array(32).fill(7) })
  return serve(async (issuer) => {
    const storage = sqliteStorage(':memory:')
    const server = createAuthServer({ issuer, keys, storage, policies, allowInsecureLoopback: true })
    return (request, received) => server.handler(request, received)
  })
}

/** A job in CI and a pod, which get access by a policy, and a job of another repository, which does not. */
async function workloadsWithoutUser(stage) {
  const { root, cwd, closers } = stage
  const programs = programsOf(stage)
  await countersign(root, ['agent', 'keys', 'generate', '--output', 'agent-key.json'], { cwd }).ended
  const id = `http://127.0.0.1:${await freePort()}`
  const platform = await openPlatform(id)
  const authServer = await openAuthServer(id)
  const api = await openApi(authServer.id)
  closers.push(...[platform, authServer, api].map((each) => () => each.close()))
  const claims = { repository: 'octo/app', ref: 'refs/heads/main' }
  writeFileSync(join(cwd, 'workloads.json'), JSON.stringify([{ name: 'deploy', issuer: platform.id, claims }]))
  const env = { AGENT_ID: id, AUTH_SERVER: authServer.id, API: api.url }
  const server = programs.run('workload-server', env)
  try {
    await untilServed(id)
    const job = await programs.run('workload', { ...env, ...platform.environmentOf('octo/app') }).ended
    assert.deepEqual([job.status, job.stdout.slice(0, 4)], [0, '200 '], job.stderr)
    const other = await programs.run('workload', { ...env, ...platform.environmentOf('evil/app') }).ended
    assert.deepEqual([other.status, other.stdout], [1, ''])
    assert.match(other.stderr, /no workload with its claims is configured here; its sub is repo:evil\/app:/)
    const without = await programs.run('workload', env).ended
    assert.match(without.stderr, /^The job has no access to OIDC tokens: add `permissions: \{ id-token: write \}`/)

    const [TOKEN_FILE, KEY_FILE] = [join(cwd, 'token'), join(cwd, 'key.json')]
    writeFileSync(TOKEN_FILE, platform.issue('octo/app'))
    const pod = { ...env, TOKEN_FILE, KEY_FILE }
    for (const start of ['first', 'after a restart']) {
      const { status, stderr } = await programs.run('workload', pod).ended
      assert.deepEqual([status, stderr], [0, ''], start)
    }
    const thief = await programs.run('workload', { ...pod, KEY_FILE: join(cwd, 'other-key.json') }).ended
    assert.match(thief.stderr, /This platform token was used with another key/)
  } finally {
    await server.stop()
  }
}

/** The expected behavior of each program, in words, with the files that implement it. */
export const workloads = [
  {
    files: ['workload-server.ts', 'workload.ts'],
    name: 'CI jobs and pods get access by a policy, without a user',
    run: workloadsWithoutUser,
  },
]
