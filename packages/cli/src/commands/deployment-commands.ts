import type { Algorithm } from 'countersign'
import { allowNetwork, type CommandRow, egressProxy, json } from './command-row.js'

/** The gateway, keys, and checks of a deployment. */
export const deploymentCommands: readonly CommandRow[] = [
  {
    name: 'gateway',
    about: 'Run the gateway: protects an existing API without code changes',
    flags: {
      '--config <file>': 'The configuration file: .json, .mjs or .js; .ts from Node 22.18 on',
      '--upstream <url>': 'The API behind the gateway; overrides upstream in the configuration',
      '--verify-only': {
        description: 'Forward nothing: only respond to auth subrequests from nginx or Caddy',
        conflicts: ['upstream'],
      },
      '--workers <n>': 'Number of processes on one port, which share nonces and rate limits; default: 1',
    },
    needs: 'countersign-gateway',
    load: async () => (await import('../gateway/gateway-command.js')).gatewayCommand,
  },
  {
    name: 'gateway init',
    about: 'Write a gateway configuration from an OpenAPI description, version 3.0 or 3.1',
    subject: { name: '<file>', description: 'The OpenAPI file (YAML or JSON)' },
    flags: {
      '--id <id>': 'The https URL of the API, as agents know it',
      '--auth-server <id>': 'The auth server that signs users in and asks for their consent',
      '--upstream <url>': 'The URL at which the API listens; default: http://127.0.0.1:3000',
      '--out <file>': 'The output file; an existing file is never overwritten',
    },
    needs: 'countersign-gateway',
    load: async () => (await import('../gateway/init-command.js')).gatewayInit,
  },
  {
    name: 'gateway check',
    about: 'Show the route, level and scope that match a request',
    subject: { name: '<method> <path>', description: 'As in GET /events/7' },
    flags: {
      '--config <file>': 'The gateway’s configuration file',
      '--verify-only': 'Check as a gateway that responds to auth subrequests from nginx or Caddy',
      ...json,
    },
    needs: 'countersign-gateway',
    load: async () => (await import('../gateway/check-command.js')).gatewayCheck,
  },
  {
    name: 'gateway probe',
    about: 'Send variant spellings of each route to a test copy of the API, and report which ones it handles',
    flags: {
      '--config <file>': 'The gateway’s configuration file',
      '--upstream <url>': 'The test copy of the API: http://127.0.0.1:3001',
      '--configured-upstream': {
        description: 'Probe the upstream in the configuration, even though it may be in production',
        conflicts: ['upstream'],
      },
      '--param <name=value>': {
        description: 'A value for a parameter, or for *; may be given several times',
        repeated: true,
      },
      '--header <name:value>': {
        description: 'A header that the API needs; may be given several times',
        repeated: true,
      },
      ...json,
    },
    needs: 'countersign-gateway',
    load: async () => (await import('../gateway/probe-command.js')).gatewayProbe,
  },
  {
    name: 'keys generate',
    about: 'Generate a private key in a file that only you can read, and print the key set to publish',
    flags: {
      '--out <file>': 'Output file for the private JWK; an existing file is never overwritten',
      '--alg <name>': {
        description: 'The algorithm; default: ed25519',
        choices: ['ed25519', 'ecdsa-p256-sha256', 'rsa-pss-sha512'] satisfies Algorithm[],
      },
      '--kid <id>': 'The key’s kid; default: its thumbprint',
    },
    load: async () => (await import('../keys/keys-commands.js')).keysGenerate,
  },
  {
    name: 'keys show',
    about: 'Print a private key’s thumbprint and the key set to publish',
    subject: { name: '<file>', description: 'The private JWK, as written by keys generate or init' },
    flags: {},
    load: async () => (await import('../keys/keys-commands.js')).keysShow,
  },
  {
    name: 'discover',
    about: 'Fetch and check the documents and keys that an identifier publishes',
    subject: {
      name: '<identifier>',
      description: 'The identifier of an agent, a resource or an auth server: https://agent.example',
    },
    flags: { ...allowNetwork, ...egressProxy, ...json },
    load: async () => (await import('../discover/discover-command.js')).discoverCommand,
  },
  {
    name: 'doctor',
    about: 'Check a deployed auth server, from outside and on its machine, and report what to fix',
    subject: { name: '[url]', description: 'The auth server’s issuer, to check it from outside: https://auth.example' },
    flags: {
      '--config <file>': 'The auth server’s configuration, to check it on its machine',
      '--backups <folder>': 'The folder with its database backups',
      ...allowNetwork,
      ...json,
    },
    load: async () => (await import('../doctor/doctor-command.js')).doctorCommand,
  },
]
