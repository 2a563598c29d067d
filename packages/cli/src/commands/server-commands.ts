import { editionNames } from '../editions/load-edition.js'
import { allowNetwork, type CommandRow, commandsOf, json, outputFile } from './command-row.js'
import { accountCommands, changing, operating, server } from './server-account-commands.js'

const rows: readonly CommandRow[] = [
  {
    name: 'server start',
    guesses: ['run', 'serve', 'auth-server'],
    about: 'Run the auth server, which logs one line of JSON per request to standard output',
    example: 'server start --config countersign.config.json',
    page: 'Run an auth server',
    flags: {
      '--config <file>': {
        description: 'The configuration file: .json, .mjs or .js; .ts requires Node 22.18 or later',
        required: true,
      },
      '--workers <n>': 'Number of processes on one port (PostgreSQL only); default: 1',
    },
    load: async () => (await import('../serve/serve-command.js')).serveCommand,
  },
  ...accountCommands,
  {
    name: 'server keys generate-master',
    needs: undefined,
    about: 'Generate the master key that encrypts the keys in the database, and print it or write it to a file',
    example: 'server keys generate-master --output master.key',
    page: 'Run an auth server',
    flags: { ...outputFile('Write the key to this new file, which only you can read'), ...json },
    load: async () => (await import('../key-files/keys-commands.js')).keysGenerateMaster,
  },
  {
    name: 'server keys list',
    about: "List the auth server's keys and their states, oldest first",
    example: 'server keys list --config countersign.config.json',
    page: 'The command line',
    flags: operating,
    load: async () => (await import('../operate/keys.js')).keysList,
  },
  {
    name: 'server keys rotate',
    about: 'Start signing with the next key, retire the current one, and publish a new next key',
    example: 'server keys rotate --config countersign.config.json',
    page: 'The command line',
    flags: {
      '--edition <name>': "Rotate this edition's keys, such as oauth, draft-11 or january-devices; default: january",
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
    name: 'server audit export',
    guesses: ['log', 'logs', 'list', 'show'],
    about: 'Print audit events, oldest first, one JSON object per line',
    example: 'server audit export --event grant.revoked --config countersign.config.json',
    page: 'Events, logs and metrics',
    flags: {
      '--user <username>': 'Only events about this user, by username or id',
      '--agent <id>': 'Only events about this agent',
      '--event <name>': 'Only events with this name, such as grant.revoked',
      '--since <time>': 'Only events from this time on: Unix seconds, or 2026-01-31T12:00:00Z',
      '--until <time>': 'Only events before this time',
      ...server,
    },
    load: async () => (await import('../operate/audit-export.js')).auditExport,
  },
  {
    name: 'server db backup',
    guesses: ['dump', 'save'],
    about: 'Copy the database to a new file that only you can read; the server can keep running',
    example: 'server db backup backup.db --config countersign.config.json',
    page: 'Backup and restore',
    subjects: [{ name: '<file>', description: 'The file to create; it must not exist yet' }],
    flags: operating,
    load: async () => (await import('../operate/db.js')).dbBackup,
  },
  {
    name: 'server db migrate',
    guesses: ['upgrade'],
    about: 'Create or upgrade the database tables; run it as the role that owns them',
    example: 'server db migrate --config countersign.config.json',
    page: 'PostgreSQL',
    flags: {
      '--serve-as <role>': 'Grant this role what a running server needs; the role cannot change the audit log',
      ...operating,
    },
    load: async () => (await import('../operate/db.js')).dbMigrate,
  },
  {
    name: 'server db copy',
    about: 'Copy a SQLite file into an empty PostgreSQL database, and compare every row; stop the server first',
    example: 'server db copy --from auth.db --to postgres://owner@127.0.0.1/auth',
    page: 'PostgreSQL',
    flags: {
      '--from <file>': { description: 'The SQLite file', required: true },
      '--to <url>': { description: 'The PostgreSQL database: postgres://user@host/database', required: true },
      ...json,
    },
    load: async () => (await import('../operate/db.js')).dbCopy,
  },
  {
    name: 'server db finish-restore',
    guesses: ['restore'],
    about:
      'Finish a restore: invalidate the sessions, open requests, codes, refresh tokens and devices that the backup brought back',
    example: 'server db finish-restore --config countersign.config.json',
    page: 'Backup and restore',
    flags: changing,
    load: async () => (await import('../operate/db.js')).dbRestored,
  },
  {
    name: 'server db check',
    about: 'Check the stored data for anything that must never occur, such as a token issued after a revocation',
    example: 'server db check --config countersign.config.json',
    page: 'Backup and restore',
    flags: operating,
    load: async () => (await import('../operate/db.js')).dbCheck,
  },
  {
    name: 'doctor',
    needs: undefined,
    about: 'Check a deployed auth server or MCP server, and report what to fix',
    example: 'doctor https://auth.example',
    page: 'Troubleshooting an auth server',
    subjects: [
      {
        name: '[url]',
        description: "The auth server's issuer, such as https://auth.example, to check the server from outside",
      },
    ],
    flags: {
      '--edition <name>': {
        description: 'Check the documents of any agent, API or server of this edition, instead of an auth server',
        choices: editionNames,
      },
      '--mcp <url>': 'The URL of a protected MCP server, to check the server and its auth server as OAuth clients do',
      '--config <file>': "The auth server's configuration, to check the server on its own machine",
      '--backups <folder>': "The folder that contains the server's database backups",
      ...allowNetwork,
      ...json,
    },
    load: async () => (await import('../doctor/doctor-command.js')).doctorCommand,
  },
]

/** Commands for operators of an auth server. */
export const serverCommands = commandsOf(rows.map((row) => ({ needs: 'countersign-server', ...row })))
