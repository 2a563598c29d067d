import type { Command } from './command/command.js'
import type { OptionalPackage } from './command/require-package.js'

/** A command as help lists it; what it consists of is loaded when it is called. */
export interface CommandRow {
  name: string
  about: string
  /** The one thing that the command is about: `<url>`. */
  subject?: { name: string; description: string }
  needs?: OptionalPackage
  load(): Promise<Command>
}

/** What groups of commands are about. */
export const groups: Readonly<Record<string, string>> = {
  users: 'the people who can sign in',
  keys: 'keys to sign with, and those of the auth server',
  agents: 'the agents that the auth server has seen',
  grants: 'what people allowed',
  audit: 'what happened',
  db: 'the database of the auth server',
}

/** For whoever writes agents and resources, in the order that help shows them. */
export const tools: readonly CommandRow[] = [
  {
    name: 'demo',
    about: 'run agent, resource and auth server on this machine and show every message of the flow',
    load: async () => (await import('./demo/demo-command.js')).demoCommand,
  },
  {
    name: 'verify',
    about: 'verify the HTTP/1.1 request on standard input, step by step, and show its signature base',
    load: async () => (await import('./verify/verify-command.js')).verifyCommand,
  },
  {
    name: 'inspect',
    about: 'decode a token, or a signature or challenge header; nothing about it is checked but its form',
    subject: {
      name: '<value>',
      description: 'a JWT, a header value, or a whole “Name: value” line; - reads it from standard input',
    },
    load: async () => (await import('./inspect/inspect-command.js')).inspectCommand,
  },
  {
    name: 'sign',
    about: 'print a signed request as HTTP text, ready for verify; nothing is sent',
    subject: { name: '<url>', description: 'where the request goes' },
    load: async () => (await import('./sign/sign-command.js')).signCommand,
  },
  {
    name: 'keys generate',
    about: 'generate a private key in a file that only you can read, and print the key set to publish',
    load: async () => (await import('./keys/generate.js')).keysGenerate,
  },
  {
    name: 'discover',
    about: 'fetch and check the documents and keys that an identifier publishes',
    subject: { name: '<identifier>', description: 'of an agent, a resource or an auth server: https://agent.example' },
    load: async () => (await import('./discover/discover-command.js')).discoverCommand,
  },
]

/** For whoever runs an auth server. */
export const operations: readonly CommandRow[] = [
  {
    name: 'serve',
    about: 'run the auth server; a line of JSON for each request goes to standard output',
    needs: 'countersign-server',
    load: async () => (await import('./serve/serve-command.js')).serveCommand,
  },
  {
    name: 'users add',
    about: 'add a person who can sign in',
    subject: { name: '<username>', description: 'what they type to sign in' },
    needs: 'countersign-server',
    load: async () => (await import('./operate/users/add.js')).usersAdd,
  },
  {
    name: 'users list',
    about: 'list people in the order they were added',
    needs: 'countersign-server',
    load: async () => (await import('./operate/users/list.js')).usersList,
  },
  {
    name: 'users disable',
    about: 'keep a person out: ends their sessions; no code or refresh token of theirs gives anything',
    subject: { name: '<username>', description: 'their user name or id' },
    needs: 'countersign-server',
    load: async () => (await import('./operate/users/status.js')).usersDisable,
  },
  {
    name: 'users enable',
    about: 'let a disabled person in again',
    subject: { name: '<username>', description: 'their user name or id' },
    needs: 'countersign-server',
    load: async () => (await import('./operate/users/status.js')).usersEnable,
  },
  {
    name: 'users passwd',
    about: 'set the password of a person; they are signed out everywhere',
    subject: { name: '<username>', description: 'their user name or id' },
    needs: 'countersign-server',
    load: async () => (await import('./operate/users/passwd.js')).usersPasswd,
  },
  {
    name: 'keys generate-master',
    about: 'make the master key that encrypts the keys in the database, and print it or write it to a file',
    load: async () => (await import('./keys/generate-master.js')).keysGenerateMaster,
  },
  {
    name: 'keys list',
    about: 'list the keys of the auth server and their states, oldest first',
    needs: 'countersign-server',
    load: async () => (await import('./operate/keys/list.js')).keysList,
  },
  {
    name: 'keys rotate',
    about: 'let the next signing key sign, retire the one before it, and publish another next one',
    needs: 'countersign-server',
    load: async () => (await import('./operate/keys/rotate.js')).keysRotate,
  },
  {
    name: 'agents list',
    about: 'list the agents that have asked for something or are blocked',
    needs: 'countersign-server',
    load: async () => (await import('./operate/agents/list.js')).agentsList,
  },
  {
    name: 'agents block',
    about: 'refuse an agent on every instance: its open requests end, its codes and refresh tokens give nothing',
    subject: { name: '<agent>', description: 'its identifier, such as https://agent.example' },
    needs: 'countersign-server',
    load: async () => (await import('./operate/agents/block.js')).agentsBlock,
  },
  {
    name: 'agents unblock',
    about: 'let a blocked agent ask again',
    subject: { name: '<agent>', description: 'its identifier, such as https://agent.example' },
    needs: 'countersign-server',
    load: async () => (await import('./operate/agents/block.js')).agentsUnblock,
  },
  {
    name: 'grants list',
    about: 'list what people allowed, newest first',
    needs: 'countersign-server',
    load: async () => (await import('./operate/grants/list.js')).grantsList,
  },
  {
    name: 'grants revoke',
    about: 'take back a grant, or all that the flags name; no new token is given under it',
    subject: { name: '[id]', description: 'one grant, by its id' },
    needs: 'countersign-server',
    load: async () => (await import('./operate/grants/revoke.js')).grantsRevoke,
  },
  {
    name: 'audit export',
    about: 'print what happened, oldest first, as one line of JSON for each event',
    needs: 'countersign-server',
    load: async () => (await import('./operate/audit-export.js')).auditExport,
  },
  {
    name: 'db backup',
    about: 'copy the database into a new file, which only you can read, while the server runs',
    subject: { name: '<file>', description: 'the copy; it must not exist' },
    needs: 'countersign-server',
    load: async () => (await import('./operate/db-backup.js')).dbBackup,
  },
]
