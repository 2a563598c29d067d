import { type SettingRow, settingRows } from 'countersign/node'
import * as z from 'zod'
import type { EmailSettings } from '../outbound/email-sender.js'
import { type Draft11Settings, draft11Setting } from './draft-11-settings.js'
import { emailSetting } from './email-settings.js'
import { networks, type ShapeOf, switchable, text, whole } from './fields.js'
import { type OAuthSettings, oauthSetting } from './oauth-settings.js'
import {
  type AuthServerOptions,
  type AuthServerSettings,
  type LimitOptions,
  limitShape,
  settingShape,
} from './options.js'
import { type PersonalAgentsSettings, personalAgentsShape } from './personal-agents-settings.js'

/** The address and port the server listens on. */
export interface ListenSettings {
  /** The address to listen on. @default '127.0.0.1' */
  host?: string | undefined
  /** The port to listen on, for plain HTTP behind your TLS proxy. @default 8080, or the port of an `http` issuer */
  port?: number | undefined
}

/** The admin port, for operators only. */
export interface AdminSettings {
  /** The address of the admin port. @default '127.0.0.1' */
  host?: string | undefined
  /** Serves `/healthz`, `/readyz` and `/metrics`. @default no admin port */
  port: number
  /**
   * Values of `Host`, without a port, that the admin port accepts in addition to `localhost` and its own address. Requests with any other
   * value get 421.
   * @default none
   */
  hosts?: readonly string[] | undefined
}

/** How the signing keys in the database are rotated. */
export interface KeyRotationSettings {
  /** Seconds between rotations; 0 disables automatic rotation. @default 7776000, 90 days */
  rotateAfter?: number | undefined
}

/** Limits on the stored nonces. */
export interface NonceSettings {
  /**
   * Maximum number of stored nonces per agent, each kept for about two minutes. Further requests with a nonce are refused with 429.
   * @default 16384
   */
  perAgent?: number | undefined
  /**
   * Maximum number of stored nonces for all agents together. When it is reached, requests from the network that holds the most are refused.
   * @default 1000000
   */
  total?: number | undefined
}

/** Limits on concurrent work. */
export interface ProgramLimits extends LimitOptions {
  /** Maximum number of concurrent connections, not counting those from `trustProxy`. @default 1024 */
  connections?: number | undefined
  /**
   * Maximum number of connections from one network (IPv4 /24, IPv6 /48). Does not apply to addresses in `trustProxy`.
   * @default half of `limits.connections`
   */
  connectionsPerNetwork?: number | undefined
  /**
   * Maximum number of connections from one address that have not yet sent a complete request, including the body. Does not apply to
   * addresses in `trustProxy`.
   * @default a quarter of `limits.connections`
   */
  idlePerAddress?: number | undefined
  nonces?: NonceSettings | undefined
}

/**
 * The shape of a configuration file, for one written in TypeScript.
 *
 * @example
 * ```ts
 * export default { issuer: 'https://auth.example', database: 'auth.db', masterKeyFile: 'master.key' } satisfies Configuration
 * ```
 */
export interface Configuration extends Omit<AuthServerSettings, 'limits'> {
  listen?: ListenSettings | undefined
  admin?: AdminSettings | undefined
  /** Path of the SQLite file, whose folder must exist, or the URL of a PostgreSQL database, `postgres://user@host/database`. */
  database: string
  /** Path of the file with the master key that encrypts the stored keys. */
  masterKeyFile?: string | undefined
  /** The master key itself, instead of a file. Best set through its environment variable. */
  masterKey?: string | undefined
  /** PEM files with the root certificates under which agents may use `scheme=x509`. @default none; such agents are refused */
  certificateRoots?: readonly string[] | undefined
  keyRotation?: KeyRotationSettings | undefined
  limits?: ProgramLimits | undefined
  /**
   * Lets OAuth clients in, such as today’s MCP clients: `true`, or an object with the settings below. Their access tokens work for anyone
   * who copies them. @default false
   */
  oauth?: boolean | OAuthSettings | undefined
  /**
   * Also serves agents that speak draft -11 of AAuth: `true`, or an object with the settings below. They get their own tokens and keys, and
   * their users see the same pages. @default false
   */
  draft11?: boolean | Draft11Settings | undefined
  /**
   * Lets users connect their devices with `countersign login`: `true`, or an object with the settings below. A device then acts for its
   * owner, and does not need to publish documents. @default false
   */
  personalAgents?: boolean | PersonalAgentsSettings | undefined
  /** The mail server through which users receive emails, such as links for a forgotten password. @default no emails */
  email?: EmailSettings | undefined
  /** Addresses or networks of your proxies. `X-Forwarded-For` is read only from these. @default none */
  trustProxy?: readonly string[] | undefined
}

const port = whole(1, 65_535)
const { issuer, name, ...settings } = settingShape

/** The shape of a configuration. */
export const configurationShape = {
  issuer,
  name,
  listen: z
    .strictObject({ host: text(253).default('127.0.0.1'), port: port.default(8080) } satisfies ShapeOf<ListenSettings>)
    .prefault({}),
  admin: z
    .strictObject({
      host: text(253).default('127.0.0.1'),
      port,
      hosts: z.array(text(253)).max(100).readonly().optional(),
    } satisfies ShapeOf<AdminSettings>)
    .optional(),
  database: text(4096).superRefine((value, context) => {
    const message = databaseProblem(value)
    if (message !== undefined) context.addIssue({ code: 'custom', message })
  }),
  masterKeyFile: text(4096).optional(),
  masterKey: z.string().optional(),
  certificateRoots: z.array(text(4096)).min(1).readonly().optional(),
  keyRotation: z
    .strictObject({
      rotateAfter: whole(0, 3650 * 86_400).default(90 * 86_400),
    } satisfies ShapeOf<KeyRotationSettings>)
    .prefault({}),
  ...settings,
  limits: z
    .strictObject({
      ...limitShape,
      connections: whole(1, 1_000_000).default(1024),
      connectionsPerNetwork: whole(1, 1_000_000).optional(),
      idlePerAddress: whole(1, 1_000_000).optional(),
      nonces: z
        .strictObject({
          perAgent: whole(1, 1_000_000).default(16_384),
          total: whole(1, 100_000_000).default(1_000_000),
        } satisfies ShapeOf<NonceSettings>)
        .prefault({}),
    } satisfies ShapeOf<ProgramLimits>)
    .prefault({}),
  oauth: oauthSetting,
  draft11: draft11Setting,
  personalAgents: switchable<PersonalAgentsSettings, typeof personalAgentsShape>(personalAgentsShape),
  email: emailSetting.optional(),
  trustProxy: networks.default([]),
} satisfies ShapeOf<Configuration>

export const configurationSchema = z.strictObject(configurationShape)

/** A validated configuration with its defaults; paths are absolute. */
export type Settings = z.output<typeof configurationSchema>

/** All settings, in the order of the manual. */
export const settingTable: readonly SettingRow[] = settingRows(configurationShape)

const shared = z.object({ ...settingShape, limits: z.object(limitShape) })

/** Returns the part of a configuration that `createAuthServer` takes. The caller supplies keys, storage and certificates. */
export function serverOptions(configuration: Settings): Omit<AuthServerOptions, 'keys' | 'storage'> {
  return shared.parse(configuration)
}

/** Whether the `database` setting is the URL of a PostgreSQL database rather than the path of a SQLite file. */
export function isPostgresUrl(database: string): boolean {
  return /^postgres(?:ql)?:\/\//i.test(database)
}

/** The setting, safe to display: without the password if it is a URL. */
export function shownDatabase(database: string): string {
  if (!isPostgresUrl(database)) return database
  return database.replace(/^([^:]+:\/\/[^/?@:]*):[^/@]*@/, '$1@').replaceAll(/([?&]password=)[^&]*/gi, '$1…')
}

/** Whether the setting contains a password. */
export function holdsPassword(database: string): boolean {
  return shownDatabase(database) !== database
}

/** Returns the problem with the setting; undefined if it may be valid. */
function databaseProblem(database: string): string | undefined {
  if (isPostgresUrl(database)) {
    return /^[^?]*\/\/[^/?]*\/[^/?]+(?:\?.*)?$/.test(database)
      ? undefined
      : 'has no database name: write postgres://user@host/database'
  }
  return /^(?:file|sqlite3?|postgres(?:ql)?):|:\/\//i.test(database)
    ? 'must be the path of a SQLite file, such as auth.db, or the URL of a PostgreSQL database, such as postgres://countersign@db.internal/countersign'
    : undefined
}
