import type { User } from 'countersign-server'
import { type CommandRow, commandsOf, type FlagTable } from './command-row.js'

const json: FlagTable = { '--json': 'Print JSON for programs' }

/** Flags of all commands that operate on an auth server. */
const operating: FlagTable = {
  '--config <file>': { description: 'The auth server’s configuration file', conflicts: ['db'] },
  '--db <database>': 'The auth server’s SQLite file or PostgreSQL URL, instead of its configuration',
  ...json,
}

/** Flags of commands that change something on an auth server. */
const changing: FlagTable = {
  '--by <name>': 'Name of the operator, as recorded in the audit log; default: your system user',
  ...operating,
}

const user = { name: '<username>', description: 'The user’s username or id' }

const agent = { name: '<agent>', description: 'The agent’s identifier, such as https://agent.example' }

const limit: FlagTable = { '--limit <n>': 'Maximum number of results; default: 1000' }

/** No flag takes the password itself, because other users of the machine could see it. */
const passwordStdin: FlagTable = {
  '--password-stdin': 'Read the password from standard input instead of prompting for it',
}

/** Flags that filter grants. */
const ofGrants: FlagTable = {
  '--user <username>': 'Only grants of this user, by username or id',
  '--agent <id>': 'Only grants for this agent',
  '--resource <id>': 'Only grants at this resource',
}

const rows: readonly CommandRow[] = [
  {
    name: 'serve',
    about: 'Run the auth server; logs one line of JSON per request to standard output',
    flags: {
      '--config <file>': 'The configuration file: .json, .mjs or .js; .ts from Node 22.18 on',
      '--workers <n>': 'Number of processes on one port, with PostgreSQL only; default: 1',
    },
    load: async () => (await import('../serve/serve-command.js')).serveCommand,
  },
  {
    name: 'users add',
    about: 'Add a user who can sign in',
    subject: { name: '<username>', description: 'The username for signing in' },
    flags: {
      '--name <text>': 'The name shown on pages',
      '--email <address>': 'The user’s email address',
      ...passwordStdin,
      ...changing,
    },
    load: async () => (await import('../operate/users.js')).usersAdd,
  },
  {
    name: 'users list',
    about: 'List users, in the order in which they were added',
    flags: {
      '--query <text>': 'Only users whose username or email address contains this',
      '--status <status>': {
        description: 'Only users with this status; default: active and disabled',
        choices: ['active', 'disabled', 'closed'] satisfies User['status'][],
      },
      ...limit,
      ...operating,
    },
    load: async () => (await import('../operate/users.js')).usersList,
  },
  {
    name: 'users disable',
    about: 'Disable a user: ends their sessions; their codes and refresh tokens are no longer accepted',
    subject: user,
    flags: changing,
    load: async () => (await import('../operate/users.js')).usersDisable,
  },
  {
    name: 'users enable',
    about: 'Enable a disabled user again',
    subject: user,
    flags: changing,
    load: async () => (await import('../operate/users.js')).usersEnable,
  },
  {
    name: 'users unlock',
    about: 'Unlock a user who is locked out after too many wrong passwords',
    subject: user,
    flags: changing,
    load: async () => (await import('../operate/users.js')).usersUnlock,
  },
  {
    name: 'users remove-passkeys',
    about: 'Remove all passkeys of a user who lost them, and sign them out everywhere',
    subject: user,
    flags: changing,
    load: async () => (await import('../operate/users.js')).usersRemovePasskeys,
  },
  {
    name: 'users passwd',
    about: 'Set a user’s password; signs them out everywhere and unlocks them',
    subject: user,
    flags: { ...passwordStdin, ...changing },
    load: async () => (await import('../operate/users.js')).usersPasswd,
  },
  {
    name: 'keys generate-master',
    needs: undefined,
    about: 'Generate the master key that encrypts the keys in the database, and print it or write it to a file',
    flags: { '--out <file>': 'Write the key to this new file, which only you can read', ...json },
    load: async () => (await import('../keys/keys-commands.js')).keysGenerateMaster,
  },
  {
    name: 'keys list',
    about: 'List the auth server’s keys and their states, oldest first',
    flags: operating,
    load: async () => (await import('../operate/keys.js')).keysList,
  },
  {
    name: 'keys rotate',
    about: 'Start signing with the next key, retire the current one, and publish a new next key',
    flags: {
      '--now': 'In an emergency: rotate even if resources may not have fetched the next key yet',
      '--master-key-file <file>': {
        description: 'File with the master key, for use with --db; default: COUNTERSIGN_MASTER_KEY',
        conflicts: ['config'],
      },
      ...changing,
    },
    load: async () => (await import('../operate/keys.js')).keysRotate,
  },
  {
    name: 'agents list',
    about: 'List agents that have requested something or are blocked',
    flags: {
      '--query <text>': 'Only agents whose identifier contains this',
      '--blocked': 'Only blocked agents',
      ...limit,
      ...operating,
    },
    load: async () => (await import('../operate/agents.js')).agentsList,
  },
  {
    name: 'agents block',
    about:
      'Block an agent on all instances: cancels its open requests; its codes and refresh tokens are no longer accepted',
    subject: agent,
    flags: changing,
    load: async () => (await import('../operate/agents.js')).agentsBlock,
  },
  {
    name: 'agents unblock',
    about: 'Allow a blocked agent to make requests again',
    subject: agent,
    flags: changing,
    load: async () => (await import('../operate/agents.js')).agentsUnblock,
  },
  {
    name: 'grants list',
    about: 'List grants, newest first',
    flags: {
      ...ofGrants,
      '--query <text>': 'Only grants whose username, agent or resource contains this',
      '--live': { description: 'Only grants that are active', conflicts: ['ended'] },
      '--ended': 'Only grants that are no longer active',
      ...limit,
      ...operating,
    },
    load: async () => (await import('../operate/grants.js')).grantsList,
  },
  {
    name: 'grants revoke',
    about: 'Revoke a grant, or all grants that the flags select; no new token is issued under them',
    subject: { name: '[id]', description: 'Id of a single grant' },
    flags: {
      ...ofGrants,
      '--all': { description: 'All grants of all users; requires --yes', conflicts: ['user', 'agent', 'resource'] },
      '--yes': 'Confirm --all',
      ...changing,
    },
    load: async () => (await import('../operate/grants.js')).grantsRevoke,
  },
  {
    name: 'audit export',
    about: 'Print audit events, oldest first, one line of JSON each',
    flags: {
      '--user <username>': 'Only events about this user, by username or id',
      '--agent <id>': 'Only events about this agent',
      '--event <name>': 'Only events with this name, such as grant.revoked',
      '--since <time>': 'Only events from this time on: Unix seconds, or 2026-01-31T12:00:00Z',
      '--until <time>': 'Only events before this time',
      ...operating,
    },
    load: async () => (await import('../operate/audit-export.js')).auditExport,
  },
  {
    name: 'db backup',
    about: 'Copy the database into a new file, which only you can read, while the server runs',
    subject: { name: '<file>', description: 'The output file; it must not exist' },
    flags: operating,
    load: async () => (await import('../operate/db.js')).dbBackup,
  },
  {
    name: 'db migrate',
    about: 'Create or upgrade the tables of the database, as the role that owns them',
    flags: {
      '--serve-as <role>': 'Allow this role to serve with them; it cannot change the audit log',
      ...operating,
    },
    load: async () => (await import('../operate/db.js')).dbMigrate,
  },
  {
    name: 'db copy',
    about: 'Copy a SQLite file into an empty PostgreSQL database, and compare every row; stop the server first',
    flags: {
      '--from <file>': 'The SQLite file',
      '--to <url>': 'The PostgreSQL database: postgres://user@host/database',
      ...json,
    },
    load: async () => (await import('../operate/db.js')).dbCopy,
  },
  {
    name: 'db restored',
    about: 'Finish a restore: end what the backup brought back (sessions, open requests, codes and refresh tokens)',
    flags: changing,
    load: async () => (await import('../operate/db.js')).dbRestored,
  },
  {
    name: 'db check',
    about: 'Check the stored data for anything that must never occur, such as a token issued after a revocation',
    flags: operating,
    load: async () => (await import('../operate/db.js')).dbCheck,
  },
]

/** Commands for operators of an auth server. */
export const operations = commandsOf(rows.map((row) => ({ needs: 'countersign-server', ...row })))
