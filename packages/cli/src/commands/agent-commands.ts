import type { Algorithm } from 'countersign'
import type { DemoParty } from '../demo/demo-world.js'
import { editionNames } from '../editions/load-edition.js'
import {
  allowNetwork,
  type CommandRow,
  curlRequest,
  editionFlag,
  egressProxy,
  type FlagTable,
  json,
  outputFile,
} from './command-row.js'

/** Flags of commands that act as the command line's own agent. */
const agent: FlagTable = {
  '--home <folder>':
    "The agent's folder; default: the value of COUNTERSIGN_HOME, or the countersign folder in your configuration folder",
}

/** Flags of commands that act as one of the agents on this device. */
const acting: FlagTable = {
  '--as <id>':
    'The agent to act as, if there are several: the auth server given to login, or the URL given to agent init',
  ...agent,
}

const interop: FlagTable = { '--interop': 'Accept peers that use an older form of the protocol' }

const authServer: FlagTable = {
  '--auth-server <id>': {
    description:
      'Another auth server to which users may be sent, in addition to those given to agent init; may be given several times',
    repeated: true,
  },
}

/** The demo. */
export const demoCommands: readonly CommandRow[] = [
  {
    name: 'demo',
    about: 'Run an agent, an API and an auth server on this machine, and show step by step what each of them does',
    example: 'demo --browser',
    page: 'Try the demo',
    flags: {
      ...editionFlag('The edition of AAuth that the parties speak'),
      '--trace': 'Show every message of the flow instead, with its tokens decoded',
      '--json': { description: 'Print the messages as one JSON document', conflicts: ['quiet', 'trace'] },
      '--page': {
        description: 'Print one HTML file that explains every message, and what is refused and why',
        conflicts: ['trace', 'json', 'quiet', 'deny', 'browser', 'serve', 'only', 'interop'],
      },
      '--quiet': { description: 'Print only the result', conflicts: ['trace'] },
      '--deny': { description: 'Make the scripted user deny the request', conflicts: ['browser', 'serve'] },
      '--browser': { description: 'Decide yourself, in your browser', conflicts: ['serve'] },
      '--people <names>':
        'Comma-separated users who can sign in with the password testpass, such as alice,bob; default: testuser',
      '--ports <list>': {
        description: 'Ports of the agent, API and auth server; default: 8001,8002,8003',
        conflicts: ['only'],
      },
      '--db <file>': "Store the auth server's SQLite database in this file",
      '--serve': 'Keep all parties running until Ctrl-C, without running the flow',
      '--only <party>': {
        description: 'Start only one party; the agent runs the flow, the other parties serve until Ctrl-C',
        choices: ['agent', 'resource', 'auth-server'] satisfies DemoParty[],
      },
      '--port <number>':
        'Port of the party started with --only; 0 chooses a free port; default: the port in --id if --id is on this machine, otherwise 8001 (agent), 8002 (resource) or 8003 (auth-server)',
      '--id <id>':
        'Identifier of the party started with --only; default: http://127.0.0.1 with the port set by --port, otherwise 8001, 8002 or 8003',
      '--auth-server-url <id>': 'Auth server used by the party started with --only',
      '--agent-id <id>': 'The only agent to which --interop applies; default: any agent on this machine',
      '--resource-url <url>': 'With --only agent: the protected URL to request',
      ...allowNetwork,
      ...interop,
    },
    load: async () => (await import('../demo/demo-command.js')).demoCommand,
  },
]

/** Commands for users with their own agent, in the order in which the help lists them. */
export const agentCommands: readonly CommandRow[] = [
  {
    name: 'login',
    guesses: ['connect', 'signin'],
    about: 'Connect this device to your account at an auth server; commands then act as your agent, without a web host',
    example: 'login https://auth.example',
    page: 'Scripts and services',
    subjects: [{ name: '<auth-server>', description: "The auth server's URL, such as https://auth.example" }],
    flags: {
      '--remote': 'For a device without a browser: type the code that the auth server shows you on another computer',
      '--name <text>': 'The name of this device in your list of agents; default: its host name',
      '--edition <name>': {
        description: 'The edition of the protocol that commands speak as this agent with every API; default: january',
        choices: editionNames,
      },
      '--timeout <seconds>': 'How long to wait for you to sign in, in seconds; default: 600',
      ...agent,
      ...allowNetwork,
      ...egressProxy,
      ...json,
    },
    load: async () => (await import('../connect-device/login-command.js')).loginCommand,
  },
  {
    name: 'logout',
    guesses: ['disconnect', 'signout'],
    about: 'Disconnect this device from your account, and delete its key and tokens',
    example: 'logout https://auth.example',
    page: 'Scripts and services',
    subjects: [
      { name: '[auth-server]', description: 'The auth server given to login; required if there are several logins' },
    ],
    flags: { ...agent, ...json },
    load: async () => (await import('../connect-device/logout-command.js')).logoutCommand,
  },
  {
    name: 'agent init',
    guesses: ['create', 'new', 'register', 'setup'],
    about: 'Create your own agent: its key, and two documents to upload to any static file host',
    example: 'agent init --id https://me.example --auth-server https://auth.example',
    page: 'Scripts and services',
    flags: {
      '--id <id>': "The agent's URL, such as https://me.example; default: the URL already stored in the folder",
      '--name <text>': 'The name shown to users beside the URL, such as "My scripts"',
      '--edition <name>': {
        description:
          'The edition of the protocol that the agent speaks with every API and auth server; default: january. Use one agent for each edition, with --home',
        choices: editionNames,
      },
      '--auth-server <id>': {
        description: 'An auth server to which you may be sent; may be given several times',
        repeated: true,
      },
      '--upload-folder <folder>': 'Output folder for the documents to upload; default: a folder named after the host',
      ...agent,
      '--rotate': 'Rotate the key: the first run publishes both keys, the second run starts signing with the new one',
      '--leaked': 'With --rotate: replace the key at once, because it may have leaked',
      '--now': {
        description: 'With --rotate: sign with the new key now, even if peers may not have fetched it yet',
        conflicts: ['leaked'],
      },
      ...allowNetwork,
      ...egressProxy,
      ...json,
    },
    load: async () => (await import('../init/init-command.js')).initCommand,
  },
  {
    name: 'agent tokens list',
    about: 'List what the agent may do, and until when',
    example: 'agent tokens list',
    page: 'Scripts and services',
    flags: { ...acting, ...json },
    load: async () => (await import('../tokens/tokens-commands.js')).tokensList,
  },
  {
    name: 'agent tokens forget',
    guesses: ['remove', 'delete'],
    about: 'Forget the tokens for a resource, so that the next request prompts the user again',
    example: 'agent tokens forget https://api.example',
    page: 'Scripts and services',
    subjects: [
      { name: '[resource]', description: 'The resource as shown by agent tokens list, such as https://api.example' },
    ],
    flags: {
      '--all': 'Forget everything, including which user gave consent, so that a different user can give it',
      ...acting,
      ...json,
    },
    load: async () => (await import('../tokens/tokens-commands.js')).tokensForget,
  },
  {
    name: 'agent tokens add',
    about: 'Complete a consent that the user gave while no command was waiting',
    example: 'agent tokens add "http://127.0.0.1/callback?code=...&state=..."',
    page: 'Scripts and services',
    subjects: [{ name: '<address>', description: "The browser's complete final URL, in quotes" }],
    flags: { ...acting, ...json },
    load: async () => (await import('../tokens/tokens-commands.js')).tokensAdd,
  },
  {
    name: 'agent keys generate',
    guesses: ['create', 'new'],
    about: 'Generate a private key in a file that only you can read, and print the key set to publish',
    example: 'agent keys generate --output key.json > jwks.json',
    page: 'Keys: where to keep them, how to rotate them, what to do after a leak',
    flags: {
      ...outputFile('Output file for the private JWK; an existing file is never overwritten', true),
      '--alg <name>': {
        description: 'The algorithm; default: ed25519',
        choices: ['ed25519', 'ecdsa-p256-sha256', 'rsa-pss-sha512'] satisfies Algorithm[],
      },
      '--kid <id>': "The key's kid; default: its thumbprint",
      ...editionFlag('The edition of AAuth in which the key set is published'),
      '--json': 'Print one JSON document with the file, the thumbprint and the key set',
    },
    load: async () => (await import('../key-files/keys-commands.js')).keysGenerate,
  },
  {
    name: 'agent keys show',
    about: "Print a private key's thumbprint and the key set to publish",
    example: 'agent keys show key.json > jwks.json',
    page: 'Keys: where to keep them, how to rotate them, what to do after a leak',
    subjects: [{ name: '<file>', description: 'The private JWK, as written by agent keys generate or agent init' }],
    flags: {},
    load: async () => (await import('../key-files/keys-commands.js')).keysShow,
  },
  {
    name: 'fetch',
    guesses: ['curl', 'request', 'call'],
    about: 'Send a request as your agent (curl-like); prompts for consent when needed',
    example: 'fetch https://api.example/events',
    page: 'Scripts and services',
    subjects: [{ name: '<url>', description: 'The URL to request' }],
    flags: {
      ...curlRequest,
      '--json <data>': { description: 'Like --data, but sent as JSON; also requests a JSON response', repeated: true },
      '-i, --include': 'Print status and headers before the body',
      '-o, --output <file>': 'Write the body to this file',
      '-L, --location': 'Follow redirects within the same origin',
      '-f, --fail': 'For an error status, print no body and exit with status 22',
      '-m, --max-time <seconds>':
        'Give up after this many seconds, not counting the time that the user takes to decide',
      '-s, --silent': 'Print no errors; you are still prompted for consent',
      '-S, --show-error': 'With --silent: print errors',
      '-v, --verbose': 'Print each message to standard error, with its tokens decoded',
      ...authServer,
      '--no-consent': 'Do not prompt for consent: exit with status 4 if a user must decide',
      '--paste':
        "Also accept the browser's final URL, pasted into the terminal; gives up after three URLs that do not match",
      '--consent-timeout <seconds>':
        "How long to wait for the user's decision, in seconds; default: 1800. The terminal counts down either this timeout or the time that the auth server allows, whichever is shorter; the user can extend the latter",
      ...acting,
      ...allowNetwork,
      ...interop,
    },
    load: async () => (await import('../fetch/fetch-command.js')).fetchCommand,
  },
  {
    name: 'status',
    guesses: ['whoami'],
    about:
      'Show your agents, their users, what they may do and until when, and whether their auth servers are reachable',
    example: 'status',
    page: 'Scripts and services',
    flags: { ...acting, ...allowNetwork, ...egressProxy, ...json },
    load: async () => (await import('../status/status-command.js')).statusCommand,
  },
  {
    name: 'sidecar',
    guesses: ['proxy'],
    about:
      'Run a local proxy that accepts plain HTTP requests from programs in any language and signs them as your agent',
    example: 'sidecar --allow-host api.example',
    page: 'Python and other languages',
    flags: {
      '--allow-host <host>': {
        required: true,
        description: 'A host that programs may call, such as api.example or 127.0.0.1:8002; may be given several times',
        repeated: true,
      },
      '--port <number>': 'The port on 127.0.0.1; 0 chooses a free port; default: 8007',
      '--secret-file <file>': "File with the secret that programs must send; default: a file in the agent's folder",
      '--socket <path>': 'Listen on a Unix socket instead of a port, so that only your own programs can connect',
      '--on-consent <command>':
        'A command that shows the user the consent page, whose URL is in COUNTERSIGN_CONSENT_URL',
      '--no-consent': 'Do not prompt for consent: programs get status 401 and the URL of the consent page',
      ...authServer,
      ...acting,
      ...allowNetwork,
      ...interop,
    },
    load: async () => (await import('../sidecar/sidecar-command.js')).sidecarCommand,
  },
  {
    name: 'mcp',
    about: 'Run a local MCP bridge that calls a protected server as your agent',
    example: 'mcp https://api.example/mcp',
    page: 'Use a protected MCP server in Claude Desktop, VS Code and other apps',
    subjects: [{ name: '<url>', description: "The protected server's URL, such as https://api.example/mcp" }],
    flags: {
      ...authServer,
      '--ask-all':
        'Ask for all permissions of the server on one page, except those that delete, spend or give full control',
      '--patience <seconds>': "How long a call waits for the user's decision, in seconds; default: 20",
      '--url-in-answers': 'Also give the model the URL of the consent page',
      ...acting,
      ...allowNetwork,
    },
    load: async () => (await import('../mcp/mcp-command.js')).mcpCommand,
  },
]
