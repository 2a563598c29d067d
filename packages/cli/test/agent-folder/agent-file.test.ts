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

it('takes what init writes', () => {
  expect(parseAgentFile(file)).toEqual({ file })
  const least = { id: 'http://127.0.0.1:8004', authServers: [], signingKey: 'key-a.json' }
  expect(parseAgentFile(least)).toEqual({ file: least })
})

it.each<[string, object, string]>([
  ['a member that is almost one', { authServer: [] }, 'has no member authServer: did you mean authServers?'],
  ['a member that is none', { issuer: 'x' }, 'has no member issuer: take it out'],
  ['no id', { id: undefined }, 'lacks id: it must be the agent’s identifier, such as https://me.example'],
  ['an id with a slash at its end', { id: 'https://me.example/' }, 'needs another id'],
  ['a name of several lines', { name: 'a\nb' }, 'needs another name'],
  ['a name of blanks', { name: '  ' }, 'needs another name'],
  ['one auth server that is no list', { authServers: 'https://auth.example' }, 'needs another authServers'],
  ['an auth server that is no identifier', { authServers: ['auth.example'] }, 'needs another authServers'],
  ['a key in another folder', { signingKey: '../key-a.json' }, 'needs another signingKey'],
  ['a key of another name', { nextKey: 'agent.json' }, 'needs another nextKey'],
  ['a time that is none', { since: 'today' }, 'needs another since: it must be a Unix time in seconds'],
])('refuses %s, and says what to write', (_case, change, problem) => {
  expect(parseAgentFile({ ...file, ...change })).toEqual({ problem: expect.stringContaining(problem) as string })
})
