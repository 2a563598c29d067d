import type { Algorithm } from 'countersign'
import { allowNetwork, type CommandRow, egressProxy, json } from './command-row.js'

/** The gateway, keys, and checks of what is deployed. */
export const deploymentCommands: readonly CommandRow[] = [
  {
    name: 'gateway',
    about: 'protect an API without code in it: a reverse proxy that verifies each request by a table of routes',
    flags: {
      '--config <file>': 'the configuration, as .json, .mjs or .js; .ts from Node 22.18 on',
      '--upstream <url>': 'the API behind it, instead of upstream in the configuration',
      '--verify-only': {
        description: 'forward nothing: respond to subrequests of nginx or Caddy',
        conflicts: ['upstream'],
      },
      '--workers <n>': 'processes on one port, which share nonces and rates; default: 1',
    },
    needs: 'countersign-gateway',
    load: async () => (await import('../gateway/gateway-command.js')).gatewayCommand,
  },
  {
    name: 'gateway init',
    about: 'write a configuration of the gateway from an OpenAPI description, version 3.0 or 3.1',
    subject: { name: '<file>', description: 'the description, in YAML or JSON' },
    flags: {
      '--id <id>': 'the https URL of the API, as agents know it',
      '--auth-server <id>': 'the auth server that signs people in and asks them',
      '--upstream <url>': 'where the API listens; default: http://127.0.0.1:3000',
      '--out <file>': 'where it goes; a file that exists is never overwritten',
    },
    needs: 'countersign-gateway',
    load: async () => (await import('../gateway/init-command.js')).gatewayInit,
  },
  {
    name: 'gateway check',
    about: 'say which route, level and scope a request would meet at the gateway',
    subject: { name: '<method> <path>', description: 'as in GET /events/7' },
    flags: {
      '--config <file>': 'the configuration of the gateway',
      '--verify-only': 'judge as a gateway that responds to subrequests of nginx or Caddy',
      ...json,
    },
    needs: 'countersign-gateway',
    load: async () => (await import('../gateway/check-command.js')).gatewayCheck,
  },
  {
    name: 'gateway probe',
    about: 'send the spellings of each route to a test copy of the API, and report which ones it runs',
    flags: {
      '--config <file>': 'the configuration of the gateway',
      '--upstream <url>': 'the test copy of the API: http://127.0.0.1:3001',
      '--configured-upstream': {
        description: 'probe the upstream of the configuration, though it may be in production',
        conflicts: ['upstream'],
      },
      '--param <name=value>': {
        description: 'a value for a parameter, or for *; may be given several times',
        repeated: true,
      },
      '--header <name:value>': {
        description: 'a header that the API needs; may be given several times',
        repeated: true,
      },
      ...json,
    },
    needs: 'countersign-gateway',
    load: async () => (await import('../gateway/probe-command.js')).gatewayProbe,
  },
  {
    name: 'keys generate',
    about: 'generate a private key in a file that only you can read, and print the key set to publish',
    flags: {
      '--out <file>': 'where the private JWK goes; a file that exists is never overwritten',
      '--alg <name>': {
        description: 'the algorithm; default: ed25519',
        choices: ['ed25519', 'ecdsa-p256-sha256', 'rsa-pss-sha512'] satisfies Algorithm[],
      },
      '--kid <id>': 'the key’s id; default: its thumbprint',
    },
    load: async () => (await import('../keys/keys-commands.js')).keysGenerate,
  },
  {
    name: 'keys show',
    about: 'print the key set to publish of a private key, and its thumbprint',
    subject: { name: '<file>', description: 'the private JWK, as keys generate and init write it' },
    flags: {},
    load: async () => (await import('../keys/keys-commands.js')).keysShow,
  },
  {
    name: 'discover',
    about: 'fetch and check the documents and keys that an identifier publishes',
    subject: { name: '<identifier>', description: 'of an agent, a resource or an auth server: https://agent.example' },
    flags: { ...allowNetwork, ...egressProxy, ...json },
    load: async () => (await import('../discover/discover-command.js')).discoverCommand,
  },
  {
    name: 'doctor',
    about: 'check a deployed auth server, from outside and on its machine, and report what to fix',
    subject: { name: '[url]', description: 'its issuer, to check from outside: https://auth.example' },
    flags: {
      '--config <file>': 'its configuration, to check on its machine',
      '--backups <folder>': 'the folder with copies of its database',
      ...allowNetwork,
      ...json,
    },
    load: async () => (await import('../doctor/doctor-command.js')).doctorCommand,
  },
]
