import type { User } from 'countersign-server'
import { type CommandRow, commandsOf, type FlagTable } from './command-row.js'

const json: FlagTable = { '--json': 'print JSON for programs' }

/** What every command that works on an auth server takes. */
const operating: FlagTable = {
  '--config <file>': { description: 'the configuration of the auth server', conflicts: ['db'] },
  '--db <database>': 'its SQLite file or PostgreSQL URL, instead of its configuration',
  ...json,
}

/** The same for commands that change something. */
const changing: FlagTable = {
  '--by <name>': 'who does this, as the audit names them; default: your system user',
  ...operating,
}

const user = { name: '<username>', description: 'their user name or id' }

const agent = { name: '<agent>', description: 'its identifier, such as https://agent.example' }

const limit: FlagTable = { '--limit <n>': 'at most so many; default: 1000' }

/** There is no flag that takes the password itself: others would see it. */
const passwordStdin: FlagTable = {
  '--password-stdin': 'read the password from standard input instead of prompting for it',
}

/** What narrows down grants. */
const ofGrants: FlagTable = {
  '--user <username>': 'only those of this user, by user name or id',
  '--agent <id>': 'only those for this agent',
  '--resource <id>': 'only those at this resource',
}

const rows: readonly CommandRow[] = [
  {
    name: 'serve',
    about: 'run the auth server; a line of JSON for each request goes to standard output',
    flags: {
      '--config <file>': 'the configuration, as .json, .mjs or .js; .ts from Node 22.18 on',
      '--workers <n>': 'processes on one port, with PostgreSQL only; default: 1',
    },
    load: async () => (await import('../serve/serve-command.js')).serveCommand,
  },
  {
    name: 'users add',
    about: 'add a person who can sign in',
    subject: { name: '<username>', description: 'what they type to sign in' },
    flags: {
      '--name <text>': 'what pages call them',
      '--email <address>': 'their e-mail address',
      ...passwordStdin,
      ...changing,
    },
    load: async () => (await import('../operate/users.js')).usersAdd,
  },
  {
    name: 'users list',
    about: 'list people in the order they were added',
    flags: {
      '--query <text>': 'only those with this in the user name or e-mail address',
      '--status <status>': {
        description: 'only those; default: active and disabled',
        choices: ['active', 'disabled', 'closed'] satisfies User['status'][],
      },
      ...limit,
      ...operating,
    },
    load: async () => (await import('../operate/users.js')).usersList,
  },
  {
    name: 'users disable',
    about: 'keep a person out: ends their sessions; no code or refresh token of theirs gives anything',
    subject: user,
    flags: changing,
    load: async () => (await import('../operate/users.js')).usersDisable,
  },
  {
    name: 'users enable',
    about: 'let a disabled person in again',
    subject: user,
    flags: changing,
    load: async () => (await import('../operate/users.js')).usersEnable,
  },
  {
    name: 'users unlock',
    about: 'forget the failed sign-ins of a user who is locked out after too many wrong passwords',
    subject: user,
    flags: changing,
    load: async () => (await import('../operate/users.js')).usersUnlock,
  },
  {
    name: 'users remove-passkeys',
    about: 'remove all passkeys of a user who lost them, and sign them out everywhere',
    subject: user,
    flags: changing,
    load: async () => (await import('../operate/users.js')).usersRemovePasskeys,
  },
  {
    name: 'users passwd',
    about: 'set the password of a person; they are signed out everywhere and no longer locked out',
    subject: user,
    flags: { ...passwordStdin, ...changing },
    load: async () => (await import('../operate/users.js')).usersPasswd,
  },
  {
    name: 'keys generate-master',
    needs: undefined,
    about: 'make the master key that encrypts the keys in the database, and print it or write it to a file',
    flags: { '--out <file>': 'write it to this new file, which only you can read', ...json },
    load: async () => (await import('../keys/keys-commands.js')).keysGenerateMaster,
  },
  {
    name: 'keys list',
    about: 'list the keys of the auth server and their states, oldest first',
    flags: operating,
    load: async () => (await import('../operate/keys.js')).keysList,
  },
  {
    name: 'keys rotate',
    about: 'let the next signing key sign, retire the one before it, and publish another next one',
    flags: {
      '--now': 'in an emergency: also when resources may not know the next key yet',
      '--master-key-file <file>': {
        description: 'the master key, with --db; without it, COUNTERSIGN_MASTER_KEY is read',
        conflicts: ['config'],
      },
      ...changing,
    },
    load: async () => (await import('../operate/keys.js')).keysRotate,
  },
  {
    name: 'agents list',
    about: 'list the agents that have asked for something or are blocked',
    flags: {
      '--query <text>': 'only those with this in their identifier',
      '--blocked': 'only those that are blocked',
      ...limit,
      ...operating,
    },
    load: async () => (await import('../operate/agents.js')).agentsList,
  },
  {
    name: 'agents block',
    about: 'refuse an agent on every instance: its open requests end, its codes and refresh tokens give nothing',
    subject: agent,
    flags: changing,
    load: async () => (await import('../operate/agents.js')).agentsBlock,
  },
  {
    name: 'agents unblock',
    about: 'let a blocked agent ask again',
    subject: agent,
    flags: changing,
    load: async () => (await import('../operate/agents.js')).agentsUnblock,
  },
  {
    name: 'grants list',
    about: 'list what people allowed, newest first',
    flags: {
      ...ofGrants,
      '--query <text>': 'only those with this in user name, agent or resource',
      '--live': { description: 'only those that can be used', conflicts: ['ended'] },
      '--ended': 'only those that cannot be used any more',
      ...limit,
      ...operating,
    },
    load: async () => (await import('../operate/grants.js')).grantsList,
  },
  {
    name: 'grants revoke',
    about: 'take back a grant, or all that the flags name; no new token is given under it',
    subject: { name: '[id]', description: 'one grant, by its id' },
    flags: {
      ...ofGrants,
      '--all': { description: 'every grant of every user; needs --yes', conflicts: ['user', 'agent', 'resource'] },
      '--yes': 'do what --all says',
      ...changing,
    },
    load: async () => (await import('../operate/grants.js')).grantsRevoke,
  },
  {
    name: 'audit export',
    about: 'print what happened, oldest first, as one line of JSON for each event',
    flags: {
      '--user <username>': 'only what is about this user, by user name or id',
      '--agent <id>': 'only what is about this agent',
      '--event <name>': 'only events of this name, such as grant.revoked',
      '--since <time>': 'from this time on: Unix seconds, or 2026-01-31T12:00:00Z',
      '--until <time>': 'before this time',
      ...operating,
    },
    load: async () => (await import('../operate/audit-export.js')).auditExport,
  },
  {
    name: 'db backup',
    about: 'copy the database into a new file, which only you can read, while the server runs',
    subject: { name: '<file>', description: 'the copy; it must not exist' },
    flags: operating,
    load: async () => (await import('../operate/db.js')).dbBackup,
  },
  {
    name: 'db migrate',
    about: 'make the tables of the database, or bring them up to date, with the role that owns them',
    flags: {
      '--serve-as <role>': 'let this role serve with them; it cannot change what the audit says',
      ...operating,
    },
    load: async () => (await import('../operate/db.js')).dbMigrate,
  },
  {
    name: 'db copy',
    about: 'copy a SQLite file into an empty PostgreSQL database, and compare every row; stop the server before',
    flags: {
      '--from <file>': 'the SQLite file',
      '--to <url>': 'the PostgreSQL database: postgres://user@host/database',
      ...json,
    },
    load: async () => (await import('../operate/db.js')).dbCopy,
  },
  {
    name: 'db restored',
    about: 'end what came back to life with a restored backup: sessions, open requests, codes and refresh tokens',
    flags: changing,
    load: async () => (await import('../operate/db.js')).dbRestored,
  },
  {
    name: 'db check',
    about: 'look for what must never be stored, such as a token that was given after a removal',
    flags: operating,
    load: async () => (await import('../operate/db.js')).dbCheck,
  },
]

/** Commands for operators of an auth server. */
export const operations = commandsOf(rows.map((row) => ({ needs: 'countersign-server', ...row })))
