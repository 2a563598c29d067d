import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generatePrivateJwk } from 'countersign'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { writeAgentFolder } from '../../src/agent-folder/folder-files.js'

let scratch: string
beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), 'countersign-agent-'))
})
afterEach(() => rmSync(scratch, { recursive: true, force: true }))

const signing = await generatePrivateJwk({ kid: 'a' })
const next = await generatePrivateJwk({ kid: 'b' })
const agent = (path: string) => ({ path, id: 'https://me.example', authServers: [], storePath: join(path, 'store') })

describe('the folder of an agent', () => {
  it('is created for its user alone, including all parent folders', async () => {
    const path = join(scratch, 'deep', 'agent')
    await writeAgentFolder({ ...agent(path), name: 'Me', keys: { signing } })
    expect(statSync(path).mode & 0o777).toBe(0o700)
    expect(readdirSync(path)).toEqual(['agent.json', 'key-a.json'])
    for (const name of readdirSync(path)) expect(statSync(join(path, name)).mode & 0o777).toBe(0o600)
    expect(JSON.parse(readFileSync(join(path, 'agent.json'), 'utf8'))).toEqual({
      id: 'https://me.example',
      name: 'Me',
      authServers: [],
      signingKey: 'key-a.json',
    })
    expect(JSON.parse(readFileSync(join(path, 'key-a.json'), 'utf8'))).toEqual(signing)
  })

  it('keeps an existing key unchanged', async () => {
    const path = join(scratch, 'agent')
    await writeAgentFolder({ ...agent(path), keys: { signing } })
    writeFileSync(join(path, 'key-a.json'), 'kept')
    await writeAgentFolder({ ...agent(path), keys: { signing, next }, since: 5 })
    expect(readFileSync(join(path, 'key-a.json'), 'utf8')).toBe('kept')
    expect(JSON.parse(readFileSync(join(path, 'agent.json'), 'utf8'))).toMatchObject({
      signingKey: 'key-a.json',
      nextKey: 'key-b.json',
      since: 5,
    })
  })
})
