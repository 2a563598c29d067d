import { join } from 'node:path'
import { expect, it } from 'vitest'
import { agentFolderPath } from '../../src/agent-folder/agent-folder.js'

it.each<[string, NodeJS.Platform, NodeJS.ProcessEnv, string | undefined, string]>([
  ['the flag', 'linux', { COUNTERSIGN_HOME: '/srv/agent', HOME: '/home/me' }, '/tmp/one', '/tmp/one'],
  ['the flag, relative to the working directory', 'linux', {}, 'one', join(process.cwd(), 'one')],
  ['COUNTERSIGN_HOME', 'linux', { COUNTERSIGN_HOME: '/srv/agent', HOME: '/home/me' }, undefined, '/srv/agent'],
  [
    'XDG_CONFIG_HOME on Linux',
    'linux',
    { XDG_CONFIG_HOME: '/home/me/cfg', HOME: '/home/me' },
    undefined,
    '/home/me/cfg/countersign',
  ],
  [
    'the home directory on Linux if XDG_CONFIG_HOME is relative',
    'linux',
    { XDG_CONFIG_HOME: 'cfg', HOME: '/home/me' },
    undefined,
    '/home/me/.config/countersign',
  ],
  [
    'the home directory on Linux',
    'linux',
    { HOME: '/home/me', COUNTERSIGN_HOME: '' },
    undefined,
    '/home/me/.config/countersign',
  ],
  [
    'the Library folder on macOS',
    'darwin',
    { HOME: '/Users/me' },
    undefined,
    '/Users/me/Library/Application Support/countersign',
  ],
  ['the local application data on Windows', 'win32', { LOCALAPPDATA: '/C/Local' }, undefined, '/C/Local/countersign'],
  [
    'the user profile on Windows if LOCALAPPDATA is not set',
    'win32',
    { USERPROFILE: '/C/me' },
    undefined,
    '/C/me/AppData/Local/countersign',
  ],
])('uses %s', (_case, platform, env, given, expected) => {
  expect(agentFolderPath(env, given, platform)).toBe(expected)
})
