import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { githubActionsToken, kubernetesToken } from 'countersign/node'
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest'

const unavailable = (message: string) => ({
  code: 'platform_token_unavailable',
  message: expect.stringContaining(message),
})

describe('githubActionsToken', () => {
  afterEach(() => vi.unstubAllEnvs())

  /** A job, and a platform that returns a response. */
  function open(respond: () => Response) {
    vi.stubEnv('ACTIONS_ID_TOKEN_REQUEST_URL', 'https://run.actions.test/token?api-version=2.0')
    vi.stubEnv('ACTIONS_ID_TOKEN_REQUEST_TOKEN', 'secret')
    const sent: Request[] = []
    const fetch: typeof globalThis.fetch = async (input, init) => {
      sent.push(new Request(input, init))
      return respond()
    }
    return { sent, token: githubActionsToken('https://jobs.example', { fetch }) }
  }

  it('requests a token for the audience each time', async () => {
    const { sent, token } = open(() => Response.json({ value: 'a.b.c' }))
    expect([await token(), await token()]).toEqual(['a.b.c', 'a.b.c'])
    expect(sent.map(({ url }) => url)).toEqual(
      Array(2).fill('https://run.actions.test/token?api-version=2.0&audience=https%3A%2F%2Fjobs.example'),
    )
    expect(sent[0]?.headers.get('authorization')).toBe('Bearer secret')
    expect(sent[0]?.redirect).toBe('error')
  })

  it('explains what is missing, without the job’s secret', async () => {
    await expect(open(() => new Response(null, { status: 403 })).token()).rejects.toMatchObject(unavailable('403'))
    await expect(open(() => Response.json({})).token()).rejects.toMatchObject(unavailable('the status 200'))
    expect(await open(() => new Response('{"value":"a.b.c"}'.padEnd(65_536))).token()).toBe('a.b.c')
    const large = open(() => new Response('{"value":"a.b.c"}'.padEnd(65_537)))
    await expect(large.token()).rejects.toMatchObject(unavailable('the request failed'))
    vi.stubEnv('ACTIONS_ID_TOKEN_REQUEST_TOKEN', '')
    await expect(large.token()).rejects.toMatchObject(unavailable('id-token: write'))
  })
})

it('kubernetesToken reads the file each time, because the platform replaces it', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const path = join(folder, 'token')
  const token = kubernetesToken(path)
  await expect(token()).rejects.toMatchObject(unavailable(path))
  await writeFile(path, '\n')
  await expect(token()).rejects.toMatchObject(unavailable('does not contain a token'))
  for (const value of ['a.b.c', 'd.e.f']) {
    await writeFile(path, `${value}\n`)
    expect(await token()).toBe(value)
  }
})
