import type { User } from 'countersign-server/operate'
import { type CommandRow, type FlagTable, json } from './command-row.js'

/** Flags that choose the auth server to operate on. */
export const server: FlagTable = {
  '--config <file>': {
    description: "The auth server's configuration file",
    required: { or: '--db <database>' },
    conflicts: ['db'],
  },
  '--db <database>': "The auth server's SQLite file or PostgreSQL URL, instead of its configuration",
}

/** Flags for commands that operate on an auth server. */
export const operating: FlagTable = { ...server, ...json }

/** Flags for commands that change something on an auth server. */
export const changing: FlagTable = {
  '--by <name>': "The operator's name, as recorded in the audit log; default: your system user",
  ...operating,
}

const user = { name: '<username>', description: "The user's username or id, or the sub in their tokens" }

const agent = {
  name: '<agent>',
  description:
    "The agent's identifier, such as https://agent.example; the client_id of an OAuth client; or a host, such as client.example, for every agent and client there",
}

const limit: FlagTable = { '--limit <n>': 'Maximum number of results; default: 1000' }

/** No flag takes the password itself, because other users of the machine could see it. */
const passwordStdin: FlagTable = {
  '--password-stdin': 'Read the password from standard input instead of prompting for it',
}

/** Flags that filter grants. */
const ofGrants: FlagTable = {
  '--user <username>': "Only this user's grants, by username or id",
  '--agent <id>': 'Only grants to this agent',
  '--resource <id>': 'Only grants for this resource',
}

/** Commands for the users, agents and grants of an auth server, in the order in which the help lists them. */
export const accountCommands: readonly CommandRow[] = [
  {
    name: 'server users add',
    guesses: ['create', 'new'],
    about: 'Add a user who can sign in',
    example: 'server users add alice --config countersign.config.json',
    page: 'Users, sessions and sign-in',
    subjects: [{ name: '<username>', description: 'The username with which the user signs in' }],
    flags: {
      '--name <text>': 'The name shown on pages',
      '--email <address>': "The user's email address",
      ...passwordStdin,
      ...changing,
    },
    load: async () => (await import('../operate/users.js')).usersAdd,
  },
  {
    name: 'server users invite',
    about: 'Add a user, and print a link with which they set their password or add a passkey',
    example: 'server users invite alice --config countersign.config.json',
    page: 'Users, sessions and sign-in',
    subjects: [{ name: '<username>', description: 'The username with which the user will sign in' }],
    flags: {
      '--name <text>': 'The name shown on pages',
      '--email <address>': "The user's email address",
      ...changing,
    },
    load: async () => (await import('../operate/users.js')).usersInvite,
  },
  {
    name: 'server users list',
    about: 'List users, in the order in which they were added',
    example: 'server users list --query alice --config countersign.config.json',
    page: 'Users, sessions and sign-in',
    flags: {
      '--query <text>': 'Only users whose username or email address contains this text',
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
    name: 'server users show',
    guesses: ['get', 'info'],
    about: 'Show how a user signs in, and how many sessions and grants they have',
    example: 'server users show alice --config countersign.config.json',
    page: 'Users, sessions and sign-in',
    subjects: [user],
    flags: operating,
    load: async () => (await import('../operate/user-accounts.js')).usersShow,
  },
  {
    name: 'server users edit',
    guesses: ['update', 'rename'],
    about: "Change a user's name or email address",
    example: 'server users edit alice --email a@example.com --config countersign.config.json',
    page: 'Users, sessions and sign-in',
    subjects: [user],
    flags: {
      '--name <text>': 'The name shown on pages; an empty value removes it',
      '--email <address>': "The user's email address; an empty value removes it",
      ...changing,
    },
    load: async () => (await import('../operate/user-accounts.js')).usersEdit,
  },
  {
    name: 'server users sessions',
    guesses: ['logout'],
    about: 'List the browsers in which a user is signed in, or sign the user out',
    example: 'server users sessions alice --config countersign.config.json',
    page: 'Users, sessions and sign-in',
    subjects: [user],
    flags: {
      '--end <id>': { description: 'Sign the user out of this session', conflicts: ['endAll'] },
      '--end-all': 'Sign the user out everywhere',
      ...changing,
    },
    load: async () => (await import('../operate/user-accounts.js')).usersSessions,
  },
  {
    name: 'server users disable',
    guesses: ['delete', 'remove', 'suspend'],
    about: 'Disable a user: end their sessions, and stop accepting their codes and refresh tokens',
    example: 'server users disable alice --config countersign.config.json',
    page: 'Users, sessions and sign-in',
    subjects: [user],
    flags: changing,
    load: async () => (await import('../operate/users.js')).usersDisable,
  },
  {
    name: 'server users enable',
    about: 'Enable a disabled user again',
    example: 'server users enable alice --config countersign.config.json',
    page: 'Users, sessions and sign-in',
    subjects: [user],
    flags: changing,
    load: async () => (await import('../operate/users.js')).usersEnable,
  },
  {
    name: 'server users unlock',
    about: 'Unlock a user who is locked out after too many wrong passwords',
    example: 'server users unlock alice --config countersign.config.json',
    page: 'Users, sessions and sign-in',
    subjects: [user],
    flags: changing,
    load: async () => (await import('../operate/users.js')).usersUnlock,
  },
  {
    name: 'server users remove-passkeys',
    about: 'Remove all passkeys of a user who has lost them, and sign the user out everywhere',
    example: 'server users remove-passkeys alice --config countersign.config.json',
    page: 'Users, sessions and sign-in',
    subjects: [user],
    flags: changing,
    load: async () => (await import('../operate/users.js')).usersRemovePasskeys,
  },
  {
    name: 'server users reset-factor',
    guesses: ['remove-factor', 'reset-totp'],
    about: 'Remove the second factor of a user who has lost it, and sign the user out everywhere',
    example: 'server users reset-factor alice --config countersign.config.json',
    page: 'Users, sessions and sign-in',
    subjects: [user],
    flags: changing,
    load: async () => (await import('../operate/users.js')).usersResetFactor,
  },
  {
    name: 'server users passwd',
    guesses: ['password'],
    about: "Set a user's password, sign them out everywhere, and unlock them",
    example: 'server users passwd alice --config countersign.config.json',
    page: 'Users, sessions and sign-in',
    subjects: [user],
    flags: { ...passwordStdin, ...changing },
    load: async () => (await import('../operate/users.js')).usersPasswd,
  },
  {
    name: 'server users reset',
    guesses: ['reset-password', 'forgot', 'recover'],
    about: 'Print a link with which a user sets a new password',
    example: 'server users reset alice --config countersign.config.json',
    page: 'Users, sessions and sign-in',
    subjects: [user],
    flags: changing,
    load: async () => (await import('../operate/users.js')).usersReset,
  },
  {
    name: 'server agents list',
    about: 'List agents that have made a request or are blocked',
    example: 'server agents list --blocked --config countersign.config.json',
    page: 'The command line',
    flags: {
      '--query <text>': 'Only agents whose identifier contains this text',
      '--blocked': 'Only blocked agents',
      ...limit,
      ...operating,
    },
    load: async () => (await import('../operate/agents.js')).agentsList,
  },
  {
    name: 'server agents block',
    guesses: ['ban', 'disable'],
    about:
      'Block an agent, or all agents on a host, on all instances: cancel their open requests, and stop accepting their codes and refresh tokens',
    example: 'server agents block https://agent.example --config countersign.config.json',
    page: 'The command line',
    subjects: [agent],
    flags: changing,
    load: async () => (await import('../operate/agents.js')).agentsBlock,
  },
  {
    name: 'server agents unblock',
    about: 'Allow a blocked agent or host to make requests again',
    example: 'server agents unblock https://agent.example --config countersign.config.json',
    page: 'The command line',
    subjects: [agent],
    flags: changing,
    load: async () => (await import('../operate/agents.js')).agentsUnblock,
  },
  {
    name: 'server devices list',
    about: 'List the devices that users have connected, newest first',
    example: 'server devices list --user alice --config countersign.config.json',
    page: 'Personal agents',
    flags: {
      '--user <username>': "Only this user's devices, by username or id",
      '--live': 'Only devices that can be used now',
      ...limit,
      ...operating,
    },
    load: async () => (await import('../operate/devices.js')).devicesList,
  },
  {
    name: 'server devices disconnect',
    guesses: ['remove', 'revoke', 'delete'],
    about: 'Disconnect a device, or all devices of a user: their access ends at once',
    example: 'server devices disconnect --user alice --config countersign.config.json',
    page: 'Personal agents',
    subjects: [{ name: '[id]', description: "The device's id; or use --user" }],
    flags: {
      '--user <username>': 'All devices of this user, by username or id',
      ...changing,
    },
    load: async () => (await import('../operate/devices.js')).devicesDisconnect,
  },
  {
    name: 'server grants list',
    about: 'List grants, newest first',
    example: 'server grants list --user alice --config countersign.config.json',
    page: 'The command line',
    flags: {
      ...ofGrants,
      '--query <text>': 'Only grants whose username, agent or resource contains this text',
      '--live': { description: 'Only grants that are active', conflicts: ['ended'] },
      '--ended': 'Only grants that are no longer active',
      ...limit,
      ...operating,
    },
    load: async () => (await import('../operate/grants.js')).grantsList,
  },
  {
    name: 'server grants revoke',
    guesses: ['delete', 'remove'],
    about: 'Revoke a grant, or all grants that match the flags; no new tokens are issued under them',
    example: 'server grants revoke --user alice --config countersign.config.json',
    page: 'The command line',
    subjects: [{ name: '[id]', description: "The grant's id" }],
    flags: {
      ...ofGrants,
      '--all': { description: 'All grants of all users; requires --yes', conflicts: ['user', 'agent', 'resource'] },
      '--yes': 'Confirm --all',
      ...changing,
    },
    load: async () => (await import('../operate/grants.js')).grantsRevoke,
  },
]
