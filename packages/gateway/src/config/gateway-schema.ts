import type { AllowedNetwork } from 'countersign'
import {
  allowedNetworkProblems,
  egressProxyProblem,
  type SettingRow,
  settingRows,
  trustedNetworkProblem,
  trustedNetworksProblem,
} from 'countersign/node'
import { type McpTable, mcpNameProblem } from 'countersign/resource/mcp'
import * as z from 'zod'
import { editionNames } from '../editions/gateway-editions.js'
import { defaultLimits, type GatewayLimits, type McpPath } from '../gateway-options.js'
import { originProblem } from '../responses/cors.js'
import type { EncodedOctet } from '../routes/request-path.js'
import { acceptProblem, type Level, type Route } from '../routes/route.js'
import type { ProxyName } from '../subrequests/original-request.js'
import { type UpstreamOptions, upstreamProblem } from '../upstream.js'

const text = (longest: number) => z.string().min(1).max(longest)
const whole = (most: number) => z.int().min(1).max(most)

/** Adds a problem, if there is one, with a setting or a part of it. */
function report(
  context: { addIssue(issue: { code: 'custom'; path: PropertyKey[]; message: string }): void },
  message: string | undefined,
  path: PropertyKey[] = [],
): void {
  if (message !== undefined) context.addIssue({ code: 'custom', path, message })
}

/** A string with a custom check. */
function judged(problemOf: (value: string) => string | undefined) {
  return z.string().superRefine((value, context) => report(context, problemOf(value)))
}

/** The URL may contain a password, so messages never repeat the URL. */
function redisProblem(text: string): string | undefined {
  const isRedis = URL.canParse(text) && ['redis:', 'rediss:'].includes(new URL(text).protocol)
  return isRedis ? undefined : 'must be the URL of Redis or Valkey: redis://127.0.0.1:6379, or rediss:// for TLS'
}

const networks = z.custom<string[]>().superRefine((values, context) => {
  if (!Array.isArray(values)) return report(context, 'must be a list of addresses or networks: ["127.0.0.1"]')
  const wrong = values.map((value: unknown) => trustedNetworkProblem(typeof value === 'string' ? value : ''))
  for (const [at, message] of wrong.entries()) report(context, message, [at])
  if (wrong.every((message) => message === undefined)) report(context, trustedNetworksProblem(values))
})

const allowedNetwork = z.custom<AllowedNetwork>().superRefine((value, context) => {
  for (const { path, problem } of allowedNetworkProblems(value)) report(context, problem, [...path])
})

const accept = z.custom<('aauth' | 'oauth')[]>().superRefine((value, context) => report(context, acceptProblem(value)))

/** The members of a route. Rules that no single type can express are in `routeProblems`, which is checked even if a member is invalid. */
export const routeShape = {
  method: text(32),
  path: text(1024),
  require: z.enum(['none', 'signature', 'identity', 'user', 'authorization'] satisfies Level[]),
  scope: text(4096).optional(),
  accept: accept.optional(),
  maxBody: whole(1_099_511_627_776).optional(),
  body: z.literal('unseen').optional(),
  case: z.literal('kept').optional(),
  endings: z.literal('kept').optional(),
  mayShadow: z.literal(true).optional(),
  fallback: z.literal(true).optional(),
  mayNameMethod: z.literal(true).optional(),
  encoded: z
    .array(z.enum(['%2F', '%23', '%25'] satisfies EncodedOctet[]))
    .min(1)
    .optional(),
  pathParameters: z.literal(true).optional(),
} satisfies Record<keyof Route, z.ZodType>

const limit = (preset: number) => z.number().positive().max(1_099_511_627_776).default(preset)

/** Scopes by tool, resource, prompt or method name. An empty string requires no additional scope. */
const scopeTable = (kind: keyof McpTable) =>
  z
    .record(text(2048), z.string().max(4096))
    .superRefine((table, context) => {
      for (const name of Object.keys(table)) report(context, mcpNameProblem(kind, name), [name])
    })
    .optional()

/** The description of a scope, alone or with the choice whether OAuth access tokens may have it. */
const scope = z.union([text(1024), z.strictObject({ description: text(1024), oauth: z.boolean().optional() })], {
  error: 'must be the description that users see, or an object: { "description": "Delete your notes", "oauth": true }',
})

const mcp = z
  .array(
    z.strictObject({
      path: text(1024),
      accept: accept.optional(),
      name: text(80).optional(),
      initialScope: text(4096).optional(),
      connect: text(4096).optional(),
      tools: scopeTable('tools'),
      resources: scopeTable('resources'),
      prompts: scopeTable('prompts'),
      methods: scopeTable('methods'),
    } satisfies Record<keyof McpPath, z.ZodType>),
  )
  .superRefine((values, context) => {
    for (const [at, { path }] of values.entries()) {
      const first = values.findIndex((other) => other.path === path)
      if (first < at) report(context, `is also the path of mcp[${first}]: merge the two tables`, [at, 'path'])
    }
  })

const edition = z.enum(editionNames)
const authServer = text(2048).optional()
const authServers = z.union([z.literal('any'), z.array(text(2048)).min(1).max(1000)]).optional()
const keyFile = text(4096)

/** The settings. */
export const gatewayShape = {
  id: text(2048),
  edition: edition.default(editionNames[0]),
  authServer,
  authServers,
  keyFile,
  otherEditions: z
    .array(z.strictObject({ edition, authServer, authServers, keyFile, denyList: z.boolean().optional() }))
    .optional(),
  upstream: z
    .strictObject({
      url: judged(upstreamProblem),
      matches: z.literal('raw').optional(),
      preserveHost: z.boolean().default(false),
    } satisfies Record<keyof UpstreamOptions, z.ZodType>)
    .optional(),
  verifyOnly: z.boolean().default(false),
  proxy: z.enum(['nginx', 'caddy'] satisfies ProxyName[]).default('nginx'),
  listen: z.strictObject({ host: text(253).default('127.0.0.1'), port: whole(65_535).default(8080) }).prefault({}),
  admin: z
    .strictObject({
      host: text(253).default('127.0.0.1'),
      port: whole(65_535),
      hosts: z.array(text(253)).max(100).optional(),
    })
    .optional(),
  scopes: z.record(text(256), scope).optional(),
  routes: z.array(z.strictObject(routeShape)).default([]),
  mcp: mcp.default([]),
  accept: accept.default(['aauth']),
  otherwise: z.enum(['refuse', 'pass']).default('refuse'),
  frontController: z.boolean().default(false),
  cors: z
    .strictObject({
      origins: z.union([z.literal('*'), z.array(judged(originProblem))]),
      maxAge: z.int().min(0).max(86_400).optional(),
    })
    .optional(),
  trustProxy: networks.default([]),
  redis: judged(redisProblem).optional(),
  stateFolder: text(4096).optional(),
  instances: whole(1000).default(1),
  nonce: z.enum(['optional', 'required']).default('optional'),
  denyList: z.boolean().default(false),
  assertion: z.boolean().default(false),
  limits: z
    .strictObject({
      connections: whole(1_000_000).default(defaultLimits.connections),
      connectionsPerAddress: whole(1_000_000).optional(),
      maxBody: limit(defaultLimits.maxBody),
      uploads: limit(defaultLimits.uploads),
      memory: limit(defaultLimits.memory),
      bodyTimeout: limit(defaultLimits.bodyTimeout),
      stallTimeout: limit(defaultLimits.stallTimeout),
      connectTimeout: limit(defaultLimits.connectTimeout),
      responseTimeout: limit(defaultLimits.responseTimeout),
      silence: limit(defaultLimits.silence),
    } satisfies Record<keyof GatewayLimits, z.ZodType>)
    .prefault({}),
  allowNetworks: z.array(allowedNetwork).optional(),
  egressProxy: judged(egressProxyProblem).optional(),
  allowInsecureLoopback: z.boolean().default(false),
}

export const gatewaySchema = z.strictObject(gatewayShape)

/** A validated configuration, with its defaults. */
export type GatewaySettings = z.output<typeof gatewaySchema>

/** All settings, in the order in which the documentation lists them. */
export const gatewaySettingTable: readonly SettingRow[] = settingRows(gatewayShape)
