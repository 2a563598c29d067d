import { expect, it } from 'vitest'
import { parseAgentFile } from '../../src/agent-folder/agent-file.js'

const file = {
  id: 'https://me.example',
  name: 'My scripts',
  authServers: ['https://auth.example'],
  signingKey: 'key-a.json',
  nextKey: 'key-b.json',
  since: 1_769_900_000,
}

it('accepts the file that init writes', () => {
  expect(parseAgentFile(file)).toEqual({ file })
  const least = { id: 'http://127.0.0.1:8004', authServers: [], signingKey: 'key-a.json' }
  expect(parseAgentFile(least)).toEqual({ file: least })
})

it.each<[string, object, string]>([
  ['a misspelled member', { authServer: [] }, 'has an unknown member authServer: did you mean authServers?'],
  ['an unknown member', { issuer: 'x' }, 'has an unknown member issuer: remove it'],
  ['no id', { id: undefined }, 'lacks id: it must be the agent’s identifier, such as https://me.example'],
  ['an id with a trailing slash', { id: 'https://me.example/' }, 'needs another id'],
  ['a name of several lines', { name: 'a\nb' }, 'needs another name'],
  ['a name of spaces only', { name: '  ' }, 'needs another name'],
  ['authServers that is not a list', { authServers: 'https://auth.example' }, 'needs another authServers'],
  ['an auth server that is not an identifier', { authServers: ['auth.example'] }, 'needs another authServers'],
  ['a key in another folder', { signingKey: '../key-a.json' }, 'needs another signingKey'],
  ['a key file with an invalid name', { nextKey: 'agent.json' }, 'needs another nextKey'],
  ['an invalid time', { since: 'today' }, 'needs another since: it must be a Unix time in whole seconds'],
])('rejects %s, and reports what to write', (_case, change, problem) => {
  expect(parseAgentFile({ ...file, ...change })).toEqual({ problem: expect.stringContaining(problem) as string })
})
