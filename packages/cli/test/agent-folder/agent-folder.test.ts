import { join } from 'node:path'
import { expect, it } from 'vitest'
import { agentFolderPath } from '../../src/agent-folder/agent-folder.js'

it.each<[string, NodeJS.Platform, NodeJS.ProcessEnv, string | undefined, string]>([
  ['the flag', 'linux', { COUNTERSIGN_HOME: '/srv/agent', HOME: '/home/me' }, '/tmp/one', '/tmp/one'],
  ['the flag, from where one is', 'linux', {}, 'one', join(process.cwd(), 'one')],
  ['COUNTERSIGN_HOME', 'linux', { COUNTERSIGN_HOME: '/srv/agent', HOME: '/home/me' }, undefined, '/srv/agent'],
  [
    'XDG_CONFIG_HOME on Linux',
    'linux',
    { XDG_CONFIG_HOME: '/home/me/cfg', HOME: '/home/me' },
    undefined,
    '/home/me/cfg/countersign',
  ],
  [
    'the home on Linux, where that is relative',
    'linux',
    { XDG_CONFIG_HOME: 'cfg', HOME: '/home/me' },
    undefined,
    '/home/me/.config/countersign',
  ],
  ['the home on Linux', 'linux', { HOME: '/home/me', COUNTERSIGN_HOME: '' }, undefined, '/home/me/.config/countersign'],
  [
    'the Library on macOS',
    'darwin',
    { HOME: '/Users/me' },
    undefined,
    '/Users/me/Library/Application Support/countersign',
  ],
  ['what does not roam on Windows', 'win32', { LOCALAPPDATA: '/C/Local' }, undefined, '/C/Local/countersign'],
  [
    'the profile on Windows, where that is not set',
    'win32',
    { USERPROFILE: '/C/me' },
    undefined,
    '/C/me/AppData/Local/countersign',
  ],
])('goes by %s', (_case, platform, env, given, expected) => {
  expect(agentFolderPath(env, given, platform)).toBe(expected)
})
