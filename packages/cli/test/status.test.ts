import { once } from 'node:events'
import { createServer } from 'node:http'
import { expect, it, onTestFinished } from 'vitest'
import { freePort } from '../../../test/free-port.js'
import { newAgent, openParties } from './own-agent.js'
import { runInProcess } from './run-program.js'
import { decidesAt } from './terminal-person.js'

const parties = openParties()

/** Lets another program use the port of a loopback agent. */
async function occupy(id: string): Promise<void> {
  const server = createServer((_request, response) => response.end()).listen(Number(new URL(id).port), '127.0.0.1')
  onTestFinished(() => void server.close())
  await once(server, 'listening')
}

it('shows the agent, its user and access, and that its auth server is reachable', async () => {
  const { id, folder, run } = await newAgent([parties.authServer])
  const before = await run(['status'])
  expect(before).toMatchObject({ status: 0, stderr: '' })
  expect(before.stdout).toContain(`Agent        ${id}\nFolder       ${folder}\n`)
  expect(before.stdout).toMatch(/Auth server {2}\S+ is reachable\nUser {9}none.*\nAccess {7}none\n$/)
  await run(['fetch', `${parties.api}/data-auth`], { person: decidesAt('grant').decide })
  const { stdout } = await run(['status'])
  expect(stdout).toMatch(/\nUser {9}[\w-]{20,}\nAccess\n/)
  expect(stdout).toMatch(
    new RegExp(`\n${parties.api}\n  data\\.read data\\.write; until \\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d`),
  )
  expect(JSON.parse((await run(['status', '--json'])).stdout)).toMatchObject({
    agents: [
      {
        agent: id,
        published: 'while running',
        auth_servers: [{ id: parties.authServer, outcome: 'reachable', user: expect.any(String) as string }],
        tokens: [{ resource: parties.api, scope: 'data.read data.write' }],
      },
    ],
  })
})

it('exits with 3 and the reason if an auth server is not reachable', async () => {
  const gone = `http://127.0.0.1:${await freePort()}`
  const { run } = await newAgent([gone])
  const { status, stdout } = await run(['status'])
  expect(status).toBe(3)
  expect(stdout).toContain(`${gone} is not reachable`)
  expect(stdout).toContain('ECONNREFUSED')
})

it('exits with 2 without an agent', async () => {
  expect(await runInProcess('status', '--home', '/nonexistent')).toEqual({
    status: 2,
    stdout: '',
    stderr:
      'There is no agent in /nonexistent: run countersign login with the URL of your auth server, or countersign agent init --id with your own URL, and with the same --home if you set one.\n',
  })
})

it('like the commands for tokens, needs no port', async () => {
  const { id, run } = await newAgent([parties.authServer])
  await run(['fetch', `${parties.api}/data-auth`], { person: decidesAt('grant').decide })
  await occupy(id)
  expect(await run(['status'])).toMatchObject({ status: 0 })
  expect(await run(['agent', 'tokens', 'list'])).toMatchObject({ status: 0 })
  const { status, stdout } = await run(['agent', 'tokens', 'forget', '--all', '--json'])
  expect({ status, forgotten: JSON.parse(stdout) as unknown }).toMatchObject({
    status: 0,
    forgotten: { forgotten: [{ resource: parties.api }] },
  })
  expect((await run(['agent', 'tokens', 'list'])).stdout).toBe('')
})
