import type { DemoParty } from '../demo/demo-world.js'
import { allowNetwork, type CommandRow, egressProxy, type FlagTable, json } from './command-row.js'

/** For commands that act as the command line's own agent. */
const agent: FlagTable = {
  '--agent <folder>': 'the folder of the agent; default: COUNTERSIGN_HOME, or countersign among your settings',
}

const interop: FlagTable = { '--interop': 'get along with peers that speak an older form of the protocol' }

const authServer: FlagTable = {
  '--auth-server <id>': {
    description: 'one that people may be sent to, besides those of init; may be given several times',
    repeated: true,
  },
}

/** The demo, and the commands of people with an agent of their own, in the order that help shows them. */
export const agentCommands: readonly CommandRow[] = [
  {
    name: 'demo',
    about: 'run agent, resource and auth server on this machine and show every message of the flow',
    flags: {
      '--json': { description: 'print one JSON document instead of frames', conflicts: ['quiet'] },
      '--quiet': 'print only the result',
      '--deny': { description: 'let the scripted person refuse', conflicts: ['browser', 'serve'] },
      '--browser': { description: 'decide yourself, in your browser', conflicts: ['serve'] },
      '--db <file>': 'keep the auth server’s SQLite database in this file',
      '--serve': 'keep them running until Ctrl-C, without running the flow',
      '--only <party>': {
        description: 'start one party; the agent runs the flow, the others are kept running',
        choices: ['agent', 'resource', 'auth-server'] satisfies DemoParty[],
      },
      '--port <number>': 'port of the only party; 0 chooses a free one; default: that of --id',
      '--id <id>': 'identifier of the only party; default: http://127.0.0.1:PORT',
      '--auth-server-url <id>': 'the auth server of the only party',
      '--agent-id <id>': 'the one agent that --interop is for; default: any on this machine',
      '--resource-url <url>': 'the protected path that the only agent requests',
      ...allowNetwork,
      ...interop,
    },
    load: async () => (await import('../demo/demo-command.js')).demoCommand,
  },
  {
    name: 'init',
    about: 'make an agent of your own: its key, and two documents that any host of static files can serve',
    flags: {
      '--id <id>': 'the agent’s URL, such as https://me.example; later defaults to that of the folder',
      '--name <text>': 'what people see beside the URL, such as “My scripts”',
      '--auth-server <id>': {
        description: 'an auth server that you may be sent to; may be given several times',
        repeated: true,
      },
      '--out <folder>': 'where the documents to upload go; default: one named after the host',
      ...agent,
      '--rotate': 'change the key: at first both are published; run it again, and the new one signs',
      '--leaked': 'with --rotate: a new key at once, since others may have the old one',
      '--now': {
        description: 'with --rotate: the new one signs, though others may not know it yet',
        conflicts: ['leaked'],
      },
      ...allowNetwork,
      ...egressProxy,
      ...json,
    },
    load: async () => (await import('../init/init-command.js')).initCommand,
  },
  {
    name: 'fetch',
    about: 'ask an API as your own agent, as curl does; a person decides in the terminal where one must',
    subject: { name: '<url>', description: 'what to ask for' },
    flags: {
      '-X, --request <method>': 'the method; default: GET, or POST with a body',
      '-H, --header <line>': {
        description: 'a “Name: value” line, or @file with several, or @-; may be given several times',
        repeated: true,
      },
      '-d, --data <data>': {
        description: 'a form’s data, or @file, or @- for standard input; several are joined by &',
        repeated: true,
      },
      '--data-binary <data>': { description: 'the same, byte for byte', repeated: true },
      '--json <data>': { description: 'the same as JSON, which is also asked for', repeated: true },
      '-i, --include': 'print status and headers before the body',
      '-o, --output <file>': 'write the body to this file',
      '-L, --location': 'follow redirects within the same origin',
      '-f, --fail': 'print no body of an error, and end with status 22',
      '-m, --max-time <seconds>': 'give up after this time, not counting the user’s decision',
      '-s, --silent': 'print no errors; the user is still asked for consent',
      '-S, --show-error': 'with --silent: print errors',
      '-v, --verbose': 'show each message on standard error, its tokens decoded',
      ...authServer,
      '--no-consent': 'do not ask for consent: exit with status 4 if a user must decide',
      '--paste': 'also accept the address that the browser ended at, pasted here; stops after three that do not match',
      '--consent-timeout <seconds>':
        'how long to wait for the user’s decision; default: 1800. The terminal counts down the time that the auth server gives, which the user can extend, or this time if it is shorter',
      ...agent,
      ...allowNetwork,
      ...interop,
    },
    load: async () => (await import('../fetch/fetch-command.js')).fetchCommand,
  },
  {
    name: 'tokens list',
    about: 'list what the agent may do, and until when',
    flags: { ...agent, ...json },
    load: async () => (await import('../tokens/tokens-commands.js')).tokensList,
  },
  {
    name: 'tokens forget',
    about: 'forget the tokens for a resource, so that a person is asked again',
    subject: { name: '[resource]', description: 'as tokens list shows it: https://api.example' },
    flags: {
      '--all': 'everything, including the user who allowed it, so that another user can',
      ...agent,
    },
    load: async () => (await import('../tokens/tokens-commands.js')).tokensForget,
  },
  {
    name: 'tokens add',
    about: 'take the answer of a person who decided while no command waited',
    subject: { name: '<address>', description: 'the whole address that the browser ended at, in quotes' },
    flags: { ...agent },
    load: async () => (await import('../tokens/tokens-commands.js')).tokensAdd,
  },
  {
    name: 'sidecar',
    about: 'sign what programs of this machine ask for in plain HTTP, in any language, as your own agent',
    flags: {
      '--allow-host <host>': {
        description: 'a host that may be asked, such as api.example or 127.0.0.1:8002; may be given several times',
        repeated: true,
      },
      '--port <number>': 'the port of 127.0.0.1; 0 chooses a free one; default: 8007',
      '--secret-file <file>': 'the secret that programs give; default: in the agent’s folder',
      '--socket <path>': 'a Unix socket instead of the port, for your own programs only',
      '--on-consent <command>': 'a command that shows the user the consent page, at COUNTERSIGN_CONSENT_URL',
      '--no-consent': 'do not ask for consent: programs get status 401 and the page',
      ...authServer,
      ...agent,
      ...allowNetwork,
      ...interop,
    },
    load: async () => (await import('../sidecar/sidecar-command.js')).sidecarCommand,
  },
  {
    name: 'mcp',
    about: 'be the MCP server of an app on this machine, and ask a protected one as your own agent',
    subject: { name: '<url>', description: 'the protected server: https://api.example/mcp' },
    flags: {
      ...authServer,
      '--patience <seconds>': 'how long a call waits for the user’s decision; default: 20',
      '--url-in-answers': 'also give the model the address of the consent page',
      ...agent,
      ...allowNetwork,
    },
    load: async () => (await import('../mcp/mcp-command.js')).mcpCommand,
  },
]
