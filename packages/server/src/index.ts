/**
 * The auth server. `createAuthServer` creates its Web handler, for use in your own program; the command in the package `countersign-cli`
 * runs it with a configuration file. This entry point also contains the keys and the configuration.
 *
 * @packageDocumentation
 */

export { defaultRisks, type RiskPatterns } from 'countersign/editions'
export {
  type AuthServer,
  createAuthServer,
  deviceTokenLifetime,
  januaryServer,
} from './create-auth-server.js'
export * from './operate.js'
