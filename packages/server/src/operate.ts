/**
 * What a program needs that operates an auth server without being one: its configuration, its keys and the interface of its storage. The
 * server and its pages are not loaded. `countersign-server` exports the same.
 *
 * @packageDocumentation
 */

export {
  type AdminSettings,
  type Configuration,
  isPostgresUrl,
  type KeyRotationSettings,
  type ListenSettings,
  type NonceSettings,
  type ProgramLimits,
  type Settings,
  serverOptions,
  settingTable,
  shownDatabase,
} from './config/configuration-schema.js'
export type { Draft11Settings } from './config/draft-11-settings.js'
export {
  environmentName,
  type LoadedConfig,
  loadConfig,
  loadEmailSender,
  loadLogoReEncoder,
  type ReadableSettings,
  type ReadConfig,
  readConfig,
} from './config/load-config.js'
export type { OAuthSettings } from './config/oauth-settings.js'
export type {
  AccountOptions,
  AuthServerOptions,
  AuthServerSettings,
  InteropOptions,
  LifetimeOptions,
  LimitOptions,
} from './config/options.js'
export type { ColorOptions, ContactOptions, FooterOptions, PageOptions } from './config/page-options.js'
export type { PersonalAgentsOptions, PersonalAgentsSettings } from './config/personal-agents-settings.js'
export { parseMasterKey, readCertificates, readMasterKey } from './config/read-secrets.js'
export { requireSafeStart } from './config/require-safe-start.js'
export { isEmail, passwordProblem, usernameProblem } from './lib/credential-rules.js'
export { type Brands, defaultBrands } from './lib/default-brands.js'
export {
  alwaysPrompt,
  type Policy,
  type PolicyDecision,
  type PolicyRequest,
  type PolicyRule,
  policyOfRules,
} from './lib/policy.js'
export type { EmailMessage, EmailSettings, SendEmail, SentEmail } from './outbound/email-sender.js'
export type { IdentityProvider } from './outbound/identity-provider.js'
export type { LogoOutcome, LogoReEncoder } from './outbound/logo-re-encoder.js'
export { hashPassword } from './secrets/passwords.js'
export {
  type DueRotationOptions,
  type KeyRotationOptions,
  type RotateKeysOptions,
  type Rotation,
  rotateKeys,
  rotateKeysWhenDue,
  rotationDueAt,
  startKeyRotation,
} from './secrets/rotate-keys.js'
export { type FixedKeysOptions, fixedKeys, KeyError, type ServerKeys, type SigningKeys } from './secrets/server-keys.js'
export { deviceKeysName, type StoredKeysOptions, storedDeviceKeys, storedKeys } from './secrets/stored-keys.js'
export { type CreatedLink, createPasswordLink } from './sign-in/one-time-link.js'
export type { ListedAgent } from './storage/api/agent-storage.js'
export { type AuditEventName, auditEvents, eventNames } from './storage/api/audit-events.js'
export type { RecordedEvent } from './storage/api/audit-storage.js'
export type { InvalidatedByRestore } from './storage/api/deployment-storage.js'
export { type Invariant, maxViolations, requireOwnDatabase, type Violation } from './storage/api/deployment-storage.js'
export type { ListedGrant } from './storage/api/grant-storage.js'
export type { KeyState, StoredKey } from './storage/api/key-storage.js'
export type { LinkPurpose } from './storage/api/link-storage.js'
export {
  foldUsername,
  type PooledStorage,
  type Storage,
  StorageError,
  type StorageLimits,
  type StorageOptions,
  type User,
} from './storage/api/storage.js'
export type { ListedSubject } from './storage/api/subject-storage.js'
export { type CopiedRows, copyRows } from './storage/checks/copy-rows.js'
